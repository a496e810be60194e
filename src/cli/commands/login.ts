// `charter login`: a password for tokens. Nothing is kept; the caller decides what to do with the tokens.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import type { Command } from "../command.ts";
import { print, printJson } from "../io.ts";
import type { Io } from "../io.ts";
import { fieldText } from "../record.ts";
import { exitCodes, UsageError } from "../syntax.ts";

/** `charter login` */
export const login: Command = {
  name: "login",
  summary: "Sign in with a password and print the tokens",
  usage: "",
  arity: [0, 0],
  options: [
    { name: "username", value: "NAME", summary: "who signs in" },
    { name: "password-file", value: "FILE", summary: "read the password from a file (default: ask, or read stdin)" },
  ],
  examples: [
    { line: "login --username ada", does: "asks for the password and prints the tokens" },
    {
      line: "login --username ada --json < password.txt",
      does: "prints the answer of the token endpoint; access_token goes into CHARTER_KEY",
    },
  ],
  run: async ({ io, options, json, client }) => {
    const username = options.required("username");
    const file = options.text("password-file");
    const password = file === undefined ? await ask(io) : firstLine(readFileSync(resolve(io.cwd, file), "utf8"));
    if (password === "") throw new UsageError("there is no password to sign in with");
    const answer = await client.json("POST", "/api/v1/auth/login", { username, password });
    if (json) printJson(io, answer);
    else {
      const text = (name: string): string => fieldText(answer, name) ?? "";
      print(io, `access token (${text("expires_in")} s): ${text("access_token")}`);
      print(io, `refresh token: ${text("refresh_token")}`);
      print(io, "", "Nothing was stored. Send the access token as --key or CHARTER_KEY.");
    }
    return exitCodes.ok;
  },
};

/** One line from stdin; typed at a terminal, it is not shown. */
async function ask(io: Io): Promise<string> {
  const isTerminal = (io.stdin as Partial<NodeJS.ReadStream>).isTTY === true;
  if (isTerminal) io.stderr.write("Password: ");
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: io.stdin, output: nowhere, terminal: isTerminal });
  try {
    for await (const line of lines) return line;
    return "";
  } finally {
    lines.close();
    if (isTerminal) io.stderr.write("\n");
  }
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? "";
}
