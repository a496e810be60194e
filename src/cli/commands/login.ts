// `charter login`, `whoami`, `logout` and `passwd`: a person's session on a server, kept as a profile.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Call, CommandBody } from "../command.ts";
import { complain, print, printable, printJson } from "../io.ts";
import { Profiles, profileFrom } from "../profiles.ts";
import type { Profile } from "../profiles.ts";
import { Prompts } from "../prompts.ts";
import { fieldList, fieldText } from "../record.ts";
import { RefusalError } from "../refusal.ts";
import { profileName } from "../session.ts";
import { exitCodes, UsageError } from "../syntax.ts";
import type { OptionSpec } from "../syntax.ts";
import { alignColumns } from "../table.ts";

const username: OptionSpec = { name: "username", value: "NAME", summary: "who it is (default: ask)" };

/** `charter login` */
export const login: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [
    username,
    { name: "password-file", value: "FILE", summary: "read the password from a file (default: ask, or read stdin)" },
    { name: "print", summary: "print the tokens instead of keeping them" },
  ],
  examples: [
    { line: "login", does: "asks who you are, and lets every later command be you for as long as the session lasts" },
    { line: "login --url https://charter.example --profile work", does: "keeps a session on another server beside it" },
    {
      line: "login --username ada --print --json < password.txt",
      does: "prints the answer of the token endpoint and keeps nothing; access_token goes into CHARTER_KEY",
    },
  ],
  run: async (call) => {
    const { io, options, json, client } = call;
    const { who, tokens } = await signedIn(call);
    if (options.has("print")) {
      if (json) printJson(io, tokens);
      else {
        const text = (name: string): string => printable(fieldText(tokens, name) ?? "");
        print(io, `access token (${text("expires_in")} s): ${text("access_token")}`);
        print(io, `refresh token: ${text("refresh_token")}`);
      }
      return exitCodes.ok;
    }
    const profiles = new Profiles(io.env);
    const name = profileName(call);
    await profiles.keep(name, profileFrom(client.url, who, tokens));
    if (json) printJson(io, { profile: name, url: client.url, username: who });
    else {
      print(io, `Signed in to ${client.url} as ${who}.`);
      const how = name === "default" ? "" : `, with --profile ${name} or CHARTER_PROFILE`;
      print(io, `The session is kept in ${profiles.file} and used where no key is given${how}.`);
    }
    return exitCodes.ok;
  },
};

/** Signs in; a password that someone else made is changed first, if there is a person to ask. */
async function signedIn({ io, options, client }: Call): Promise<{ who: string; tokens: unknown }> {
  using prompts = new Prompts(io);
  const named = options.text("username");
  if (named === undefined && !prompts.isTerminal) throw new UsageError("--username is required");
  const who = named ?? (await prompts.shown("User name: "));
  const file = options.text("password-file");
  const password = file === undefined ? await prompts.hidden("Password: ") : firstLine(resolve(io.cwd, file));
  const tokensFor = (secret: string): Promise<unknown> =>
    client.json("POST", "/api/v1/auth/login", { username: who, password: secret });
  try {
    return { who, tokens: await tokensFor(password) };
  } catch (error) {
    const code = error instanceof RefusalError ? fieldText(error.problem, "code") : undefined;
    if (code !== "auth.password_change_required" || !prompts.isTerminal) throw error;
    complain(io, "This password is for once. Choose one of your own; nobody else will know it.");
    const next = await prompts.newPassword();
    await changePassword(client, who, password, next);
    return { who, tokens: await tokensFor(next) };
  }
}

/** `charter passwd` */
export const passwd: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [{ ...username, summary: "whose password it is (default: that of the profile, or ask)" }],
  examples: [
    { line: "passwd", does: "asks for the old and the new password; sessions end, so sign in again" },
    { line: "passwd --username admin < two-lines.txt", does: "takes the old and the new password from two lines" },
  ],
  run: async (call) => {
    const { io, options, json, client } = call;
    using prompts = new Prompts(io);
    const known = options.text("username") ?? profileOf(call)?.username;
    if (known === undefined && !prompts.isTerminal) throw new UsageError("--username is required");
    const who = known ?? (await prompts.shown("User name: "));
    const current = await prompts.hidden(`Password of ${who}: `);
    const answer = await changePassword(client, who, current, await prompts.newPassword());
    if (json) printJson(io, answer);
    else print(io, `The password of ${who} is changed and every session of it has ended: charter login`);
    return exitCodes.ok;
  },
};

function changePassword(client: Call["client"], who: string, current: string, next: string): Promise<unknown> {
  const body = { username: who, current_password: current, new_password: next };
  return client.json("POST", "/api/v1/auth/password/change", body);
}

/** `charter whoami` */
export const whoami: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [],
  examples: [{ line: "whoami", does: "shows the server, the credential and what it may do" }],
  run: async (call) => {
    const { io, json, client } = call;
    const me = await client.json("GET", "/api/v1/auth/me");
    if (json) {
      printJson(io, me);
      return exitCodes.ok;
    }
    const operations = fieldList(me, "principal.operations").map(String);
    const rows: (readonly [string, string | undefined])[] = [
      ["server", client.url],
      ["user", fieldText(me, "user.username")],
      ["id", fieldText(me, "principal.id")],
      ["kind", fieldText(me, "principal.kind")],
      ["role", fieldText(me, "principal.role")],
      ["product", fieldText(me, "principal.product")],
      ["may", fieldList(me, "permissions").map(String).join(", ")],
      ["only for", operations.length === 0 ? undefined : operations.join(", ")],
    ];
    const shown = rows.filter((row): row is readonly [string, string] => row[1] !== undefined);
    print(io, ...alignColumns(shown.map(([label, value]) => [label, printable(value)])));
    return exitCodes.ok;
  },
};

/** `charter logout` */
export const logout: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [],
  examples: [{ line: "logout", does: "ends the session on the server and forgets its tokens" }],
  run: async (call) => {
    const { io, json, client } = call;
    const name = profileName(call);
    const profile = profileOf(call);
    if (profile === undefined) throw new UsageError(`nobody is signed in as profile ${name}`);
    if (profile.url !== client.url) throw new UsageError(`profile ${name} is signed in to ${profile.url}`);
    // Tokens that are of no use to the server are of no use here; those of a server that is away end by themselves.
    const ended = await client.json("POST", "/api/v1/auth/logout").then(
      () => true,
      () => false,
    );
    await new Profiles(io.env).forget(name);
    if (json) printJson(io, { profile: name, url: profile.url, ended });
    else if (ended) print(io, `Signed out of ${profile.url}.`);
    else complain(io, `The tokens are forgotten, but ${profile.url} did not end the session; it ends by itself.`);
    return exitCodes.ok;
  },
};

function profileOf(call: Call): Profile | undefined {
  return new Profiles(call.io.env).find(profileName(call));
}

function firstLine(file: string): string {
  const line = readFileSync(file, "utf8").split(/\r?\n/, 1)[0] ?? "";
  if (line === "") throw new UsageError("there is no password to sign in with");
  return line;
}
