// `charter users ...`: the accounts of a server.
import { principalKinds, roles } from "../../kernel/ctx.ts";
import type { Client } from "../client.ts";
import type { Call, CommandBody } from "../command.ts";
import { print, printable, printJson } from "../io.ts";
import type { Options } from "../options.ts";
import { receiptText } from "../receipt.ts";
import { everyRow } from "../pages.ts";
import { fieldText } from "../record.ts";
import { exitCodes, UsageError } from "../syntax.ts";
import { alignColumns, table } from "../table.ts";

const assignable = roles.filter((role) => role !== "anonymous");
const shownFields = [
  "id",
  "username",
  "email",
  "full_name",
  "kind",
  "role",
  "product",
  "verified",
  "disabled",
  "must_change_password",
  "created_at",
  "last_login_at",
];

/** A word of a list of words, or a usage error that names them. */
function wordOf(options: Options, name: string, words: readonly string[]): string | undefined {
  const word = options.text(name);
  if (word === undefined || words.includes(word)) return word;
  throw new UsageError(`--${name} must be one of ${words.join(", ")}, not ${JSON.stringify(word)}`);
}

/** The id of a user that is named by it or by its username. */
async function idOf(client: Client, text: string): Promise<string> {
  if (text.startsWith("usr_")) return text;
  for await (const user of everyRow(client, "/v1/users", "users")) {
    if (fieldText(user, "username") === text.toLowerCase()) return fieldText(user, "id") ?? "";
  }
  throw new UsageError(`there is no user ${JSON.stringify(text)}; \`charter users list\` shows those that there are`);
}

async function userPath({ client, positionals }: Call, more = ""): Promise<string> {
  const [user = ""] = positionals;
  return `/v1/users/${encodeURIComponent(await idOf(client, user))}${more}`;
}

function printUser({ io, json }: Call, user: unknown, more: readonly (readonly string[])[] = []): number {
  if (json) printJson(io, user);
  else {
    const rows = shownFields.map((name) => [name, printable(fieldText(user, name) ?? "-")]);
    print(io, ...alignColumns([...rows, ...more]));
  }
  return exitCodes.ok;
}

/** Prints a user with its one-time password. */
function printOnce(call: Call, user: unknown): number {
  const code = printUser(call, user, [
    ["receipt", receiptText(user)],
    ["password", fieldText(user, "one_time_password") ?? ""],
  ]);
  if (!call.json) print(call.io, "", "The password is shown once and must be changed before the first login.");
  return code;
}

const userOptions = [
  { name: "kind", value: "KIND", summary: `what it may do: ${principalKinds.join(", ")}` },
  { name: "role", value: "ROLE", summary: `what it may call: ${assignable.join(", ")}` },
  { name: "product", value: "PRODUCT", summary: "product it belongs to" },
] as const;

/** `charter users create` */
export const usersCreate: CommandBody = {
  usage: "USERNAME EMAIL",
  arity: [2, 2],
  options: [...userOptions, { name: "name", value: "TEXT", summary: "full name, shown in listings" }],
  examples: [
    {
      line: "users create ada ada@example.org --kind product --product AI_ASSISTANT",
      does: "creates a developer of the product",
    },
    { line: "users create root root@example.org --kind admin", does: "creates another admin" },
  ],
  run: async (call) => {
    const { client, options, positionals } = call;
    const [username = "", email = ""] = positionals;
    options.required("kind");
    const created = await client.json("POST", "/v1/users", {
      username,
      email,
      kind: wordOf(options, "kind", principalKinds),
      role: wordOf(options, "role", assignable),
      product: options.text("product"),
      full_name: options.text("name"),
    });
    return printOnce(call, created);
  },
};

/** `charter users list` */
export const usersList: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [],
  examples: [{ line: "users list", does: "shows every user, what it may do and whether it is disabled" }],
  run: async ({ io, json, client }) => {
    const users = await Array.fromAsync(everyRow(client, "/v1/users", "users"));
    if (json) printJson(io, { users });
    else {
      const columns = ["id", "username", "kind", "role", "product", "verified", "disabled", "last_login_at"];
      const rows = users.map((user) => columns.map((name) => printable(fieldText(user, name) ?? "-")));
      print(io, ...table([...columns.slice(0, -1), "last login"], rows));
    }
    return exitCodes.ok;
  },
};

/** `charter users show` */
export const usersShow: CommandBody = {
  usage: "USER",
  arity: [1, 1],
  options: [],
  examples: [{ line: "users show ada", does: "shows everything but the password" }],
  run: async (call) => printUser(call, await call.client.json("GET", await userPath(call))),
};

/** A command that posts to one user and prints it. */
function verb(name: "disable" | "enable", does: string): CommandBody {
  return {
    usage: "USER",
    arity: [1, 1],
    options: [],
    examples: [{ line: `users ${name} ada`, does }],
    run: async (call) => {
      const user = await call.client.json("POST", await userPath(call, `/${name}`));
      return printUser(call, user, [["receipt", receiptText(user)]]);
    },
  };
}

/** `charter users disable` */
export const usersDisable = verb("disable", "refuses every further login");

/** `charter users enable` */
export const usersEnable = verb("enable", "lets the user log in again");

/** `charter users set-role` */
export const usersSetRole: CommandBody = {
  usage: "USER ROLE",
  arity: [2, 2],
  options: userOptions.filter(({ name }) => name !== "role"),
  examples: [
    {
      line: "users set-role ada developer --product AI_ASSISTANT",
      does: "lets a user that registered work for the product",
    },
    { line: "users set-role ada observer --kind auditor", does: "lets the user read and nothing else" },
  ],
  run: async (call) => {
    const { client, options, positionals } = call;
    const role = positionals[1] ?? "";
    if (!assignable.some((known) => known === role)) {
      throw new UsageError(`ROLE must be one of ${assignable.join(", ")}, not ${JSON.stringify(role)}`);
    }
    const kind = wordOf(options, "kind", principalKinds);
    const user = await client.json("PATCH", await userPath(call), { role, kind, product: options.text("product") });
    return printUser(call, user, [["receipt", receiptText(user)]]);
  },
};

/** `charter users reset-password` */
export const usersResetPassword: CommandBody = {
  usage: "USER",
  arity: [1, 1],
  options: [],
  examples: [{ line: "users reset-password ada", does: "prints a password that ada must change at the next login" }],
  run: async (call) => printOnce(call, await call.client.json("POST", await userPath(call, "/reset-password"))),
};
