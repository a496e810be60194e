// `charter clients ...`: the OAuth clients of a server.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { principalKinds, roles } from "../../kernel/ctx.ts";
import type { CommandBody } from "../command.ts";
import { print, printable, printJson } from "../io.ts";
import { receiptText } from "../receipt.ts";
import { everyRow } from "../pages.ts";
import { fieldList, fieldText, recordOf } from "../record.ts";
import { exitCodes, UsageError } from "../syntax.ts";
import { alignColumns, table } from "../table.ts";

/** `charter clients create` */
export const clientsCreate: CommandBody = {
  usage: "NAME",
  arity: [1, 1],
  options: [
    { name: "kind", value: "KIND", summary: `what it may do: ${principalKinds.join(", ")}` },
    {
      name: "role",
      value: "ROLE",
      summary: `what it may call: ${roles.filter((role) => role !== "anonymous").join(", ")}`,
    },
    { name: "product", value: "PRODUCT", summary: "product it belongs to" },
    {
      name: "grant",
      value: "GRANT",
      many: true,
      summary: "client_credentials (default), authorization_code or refresh_token",
    },
    { name: "redirect-uri", value: "URI", many: true, summary: "where a browser may be sent back to" },
    { name: "jwks", value: "FILE", summary: "its public keys as a JWK Set; then it has no secret" },
    { name: "public", summary: "it can keep no secret: a browser or desktop application" },
  ],
  examples: [
    {
      line: "clients create 'Nightly import' --kind product --role developer --product AI_ASSISTANT",
      does: "prints an id and a secret for client_credentials",
    },
    {
      line: "clients create Notebook --kind executor --role operator --public --grant authorization_code --redirect-uri http://127.0.0.1:8400/callback",
      does: "registers an application that people let act in their name",
    },
  ],
  run: async ({ io, options, positionals, json, client }) => {
    const grants = options.all("grant");
    const uris = options.all("redirect-uri");
    const keys = options.text("jwks");
    const created = await client.json("POST", "/v1/clients", {
      name: positionals[0],
      kind: options.required("kind"),
      role: options.required("role"),
      product: options.text("product"),
      grant_types: grants.length === 0 ? ["client_credentials"] : grants,
      ...(uris.length === 0 ? {} : { redirect_uris: uris }),
      ...(keys === undefined ? {} : { jwks: keysOf(resolve(io.cwd, keys)) }),
      ...(options.has("public") ? { public: true } : {}),
    });
    if (json) printJson(io, created);
    else {
      const secret = fieldText(created, "secret");
      const rows = [
        ["id", fieldText(created, "id") ?? ""],
        ["authenticates with", fieldText(created, "auth_method") ?? ""],
        ["receipt", receiptText(created)],
        ...(secret === undefined ? [] : [["secret", secret]]),
      ];
      print(io, ...alignColumns(rows));
      if (secret !== undefined) print(io, "", "The secret is shown once and kept only as a hash.");
    }
    return exitCodes.ok;
  },
};

/** `charter clients list` */
export const clientsList: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [],
  examples: [{ line: "clients list", does: "shows every client, what it may do and whether it is revoked" }],
  run: async ({ io, json, client }) => {
    const clients = await Array.fromAsync(everyRow(client, "/v1/clients", "clients"));
    if (json) printJson(io, { clients });
    else {
      const columns = ["id", "name", "kind", "role", "product", "auth_method", "revoked_at"];
      const rows = clients.map((each) => columns.map((name) => printable(fieldText(each, name) ?? "-")));
      print(io, ...table(["id", "name", "kind", "role", "product", "authenticates with", "revoked"], rows));
    }
    return exitCodes.ok;
  },
};

/** `charter clients revoke` */
export const clientsRevoke: CommandBody = {
  usage: "ID",
  arity: [1, 1],
  options: [],
  examples: [
    { line: "clients revoke cli_01a1fc5b-e2b3-7e33-a2f7-3db5b9e81763", does: "refuses its tokens from now on" },
  ],
  run: async ({ io, positionals, json, client }) => {
    const [id = ""] = positionals;
    const revoked = await client.json("DELETE", `/v1/clients/${encodeURIComponent(id)}`);
    if (json) printJson(io, revoked);
    else print(io, `${printable(id)} is revoked (${receiptText(revoked)})`);
    return exitCodes.ok;
  },
};

function keysOf(path: string): unknown {
  try {
    return { keys: fieldList(recordOf(JSON.parse(readFileSync(path, "utf8"))), "keys") };
  } catch {
    throw new UsageError("--jwks must name a file that holds a JWK Set");
  }
}
