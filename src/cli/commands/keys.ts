// `charter keys ...`: the credentials of a server.
import { principalKinds, roles } from "../../kernel/ctx.ts";
import { maxAmount } from "../../budgets/words.ts";
import { budgetGiven, budgetOptions } from "../budget-options.ts";
import { limitText } from "../budget-table.ts";
import { exitCodes, UsageError } from "../syntax.ts";
import type { CommandBody } from "../command.ts";
import { print, printable, printJson } from "../io.ts";
import { everyRow } from "../pages.ts";
import { fieldNumber, fieldText, recordOf } from "../record.ts";
import { receiptText } from "../receipt.ts";
import { alignColumns, table } from "../table.ts";

/** `charter keys create` */
export const keysCreate: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [
    { name: "kind", value: "KIND", summary: `what it may do: ${principalKinds.join(", ")}` },
    { name: "product", value: "PRODUCT", summary: "product it belongs to" },
    { name: "label", value: "TEXT", summary: "what it is for, shown in listings" },
    {
      name: "role",
      value: "ROLE",
      summary: `what it may call: ${roles.slice(0, -1).join(", ")}; that of its kind when absent`,
    },
    { name: "operations", value: "NAMES", summary: "operations it is good for, with commas; all when absent" },
    { name: "networks", value: "CIDRS", summary: "networks it may be used from, with commas; all when absent" },
    { name: "expires", value: "INSTANT", summary: "when it ends, RFC 3339; never when absent" },
    { name: "owner", value: "ID", summary: "user or client it belongs to and dies with" },
    {
      name: "models",
      value: "NAMES",
      summary: "models it may call, with commas; `*` stands for any text; all when absent",
    },
    { name: "alias", value: "NAME=MODEL", many: true, summary: "another name of a model" },
    {
      name: "fallbacks",
      value: "NAMES",
      summary: "models that answer where the named one cannot, in order, with commas",
    },
    ...budgetOptions,
    { name: "rpm", value: "N", summary: "most calls of models within a minute" },
    { name: "tpm", value: "N", summary: "most tokens within a minute" },
  ],
  examples: [
    { line: "keys create --kind product --product AI_ASSISTANT", does: "prints a new key for the product" },
    {
      line: "keys create --kind product --product WORKFLOW --operations artifact.read --networks 10.0.0.0/8 --expires 2030-01-01T00:00:00Z",
      does: "prints a key that only reads, from one network, until 2030",
    },
    {
      line: "keys create --kind product --product WORKFLOW --models gpt-5-mini,claude-* --dollars 50 --per month --rpm 60",
      does: "prints a key for some models, 50 dollars a calendar month and 60 calls a minute",
    },
    { line: "keys create --kind auditor --json", does: "creates a key that may read the ledger, as JSON" },
  ],
  run: async ({ io, options, json, client }) => {
    const kind = options.required("kind");
    if (!principalKinds.some((known) => known === kind)) {
      throw new UsageError(`--kind must be one of ${principalKinds.join(", ")}, not ${JSON.stringify(kind)}`);
    }
    const list = (name: string) =>
      options
        .text(name)
        ?.split(",")
        .map((entry) => entry.trim());
    const draft = {
      kind,
      product: options.text("product"),
      label: options.text("label"),
      role: options.text("role"),
      operations: list("operations"),
      networks: list("networks"),
      expires_at: options.text("expires"),
      owner: options.text("owner"),
      models: list("models"),
      budget: budgetGiven(options),
      rpm: options.integer("rpm", 1, maxAmount),
      tpm: options.integer("tpm", 1, maxAmount),
      aliases: aliasesOf(options.all("alias")),
      fallbacks: list("fallbacks"),
    };
    const created = await client.json("POST", "/v1/keys", draft);
    if (json) printJson(io, created);
    else {
      const rows = [
        ["id", fieldText(created, "id") ?? ""],
        ["kind", fieldText(created, "kind") ?? kind],
        ["product", fieldText(created, "product") ?? "-"],
        ["models", printable(modelsText(created))],
        ["budget", budgetText(created)],
        ["a minute", rateText(created)],
        ["receipt", receiptText(created)],
        ["key", fieldText(created, "key") ?? ""],
      ];
      print(io, ...alignColumns(rows), "", "The key is shown once and kept only as a hash.");
    }
    return exitCodes.ok;
  },
};

/** `charter keys list` */
export const keysList: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [],
  examples: [{ line: "keys list", does: "shows every key, who may use it and whether it is revoked" }],
  run: async ({ io, json, client }) => {
    const keys = await Array.fromAsync(everyRow(client, "/v1/keys", "keys"));
    if (json) printJson(io, { keys });
    else {
      const text = (key: unknown, name: string): string => printable(fieldText(key, name) ?? "-");
      const rows = keys.map((key) => [
        ...["id", "kind", "role", "product", "label"].map((name) => text(key, name)),
        printable(modelsText(key)),
        budgetText(key),
        rateText(key),
        ...["created_at", "expires_at", "last_used_at", "revoked_at"].map((name) => text(key, name)),
      ]);
      const bounds = ["models", "budget", "a minute"];
      const times = ["created", "expires", "last used", "revoked"];
      print(io, ...table(["id", "kind", "role", "product", "label", ...bounds, ...times], rows));
    }
    return exitCodes.ok;
  },
};

/** Aliases as the API takes them; undefined where there are none. @throws UsageError for one that is no pair. */
function aliasesOf(pairs: readonly string[]): Record<string, string> | undefined {
  if (pairs.length === 0) return undefined;
  const entries = pairs.map((pair) => {
    const [, name = "", model = ""] = /^([^=]+)=(.+)$/.exec(pair) ?? [];
    if (model === "") throw new UsageError(`--alias takes NAME=MODEL, not ${JSON.stringify(pair)}`);
    return [name.trim(), model.trim()] as const;
  });
  return Object.fromEntries(entries);
}

/** The models that a key is bound to: `gpt-5-mini, claude-*`. */
function modelsText(key: unknown): string {
  const models = recordOf(key)["models"];
  return Array.isArray(models) ? models.map(String).join(", ") : "all";
}

/** How a key's budget stands: `$1.20 of $50.00 per month`. */
function budgetText(key: unknown): string {
  const budget = recordOf(key)["budget"];
  if (fieldText(budget, "unit") === undefined) return "-";
  const window = fieldText(budget, "window") ?? "?";
  const span = window === "total" ? "in total" : `per ${window}`;
  return printable(`${limitText(budget, "used")} of ${limitText(budget, "limit")} ${span}`);
}

/** What a key may ask for within a minute: `60 calls, 1,000 tokens`. */
function rateText(key: unknown): string {
  const told = [
    ["rpm", "calls"],
    ["tpm", "tokens"],
  ] as const;
  const parts = told.flatMap(([name, noun]) => {
    const most = fieldNumber(key, name);
    return most === undefined ? [] : [`${most.toLocaleString("en-US")} ${noun}`];
  });
  return parts.length === 0 ? "-" : parts.join(", ");
}

/** `charter keys revoke` */
export const keysRevoke: CommandBody = {
  usage: "ID",
  arity: [1, 1],
  options: [],
  examples: [{ line: "keys revoke key_3k9x2m", does: "refuses every further call with the key" }],
  run: async ({ io, positionals, json, client }) => {
    const [id = ""] = positionals;
    const revoked = await client.json("DELETE", `/v1/keys/${encodeURIComponent(id)}`);
    if (json) printJson(io, revoked);
    else print(io, `${printable(id)} is revoked (${receiptText(revoked)})`);
    return exitCodes.ok;
  },
};
