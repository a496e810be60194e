// A person's first and every later login on the command line: asked for, kept, renewed, used where it belongs and ended.
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { runProgram } from "../../src/cli/program.ts";
import { startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";

const chosen = "a long enough passphrase of my own";
let charter: TestCharter;
let home: string;
let turn = 0;
let who: string;
/** The password that an admin gave the person. */
let given: string;
beforeAll(async () => {
  charter = await startTestCharter();
});
afterAll(() => charter[Symbol.asyncDispose]());
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "charter-home-"));
  who = `person-${++turn}`;
  const body = { username: who, email: `${who}@example.org`, kind: "auditor" };
  given = (await charter.ask("/v1/users", { body })).json.one_time_password;
  return () => rm(home, { recursive: true, force: true });
});

/** What a command asks, and what the person types then. */
type Typed = readonly (readonly [question: string, answer: string])[];

/** Runs a command; a person who types sits at a terminal, lines come from a file. */
async function run(args: readonly string[], from: { lines?: string; typed?: Typed; env?: object } = {}) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const printed = { out: "", err: "" };
  const answers = [...(from.typed ?? [])];
  stdout.on("data", (chunk: Buffer) => (printed.out += chunk.toString()));
  stderr.on("data", (chunk: Buffer) => {
    printed.err += chunk.toString();
    const [question, answer] = answers[0] ?? [];
    if (question === undefined || !printed.err.endsWith(question)) return;
    answers.shift();
    setImmediate(() => stdin.write(`${answer}\r`));
  });
  if (from.typed === undefined) stdin.end(from.lines ?? "");
  else Object.assign(stdin, { isTTY: true });
  const env = { HOME: home, CHARTER_URL: charter.url, ...from.env };
  const code = await runProgram(args, { stdin, stdout, stderr, env, cwd: home } as never);
  return { code, ...printed };
}

const file = (): string => join(home, ".config", "charter", "profiles.json");
const kept = async () => JSON.parse(await readFile(file(), "utf8"));

async function signedIn(): Promise<void> {
  expect((await run(["passwd", "--username", who], { lines: `${given}\n${chosen}\n` })).code).toBe(0);
  expect((await run(["login", "--username", who], { lines: `${chosen}\n` })).code).toBe(0);
}

describe("a first login at a terminal", () => {
  it("asks who it is, lets the password for once be changed, keeps the session for its user alone and shows no password", async () => {
    const { code, out, err } = await run(["login"], {
      typed: [
        ["User name: ", who],
        ["Password: ", given],
        ["New password: ", chosen],
        ["New password again: ", chosen],
      ],
    });
    expect([code, out]).toEqual([0, expect.stringContaining(`Signed in to ${charter.url} as ${who}.`)]);
    expect(err + out).not.toContain(given);
    expect(err + out).not.toContain(chosen);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect((await stat(join(file(), ".."))).mode & 0o777).toBe(0o700);
    expect((await run(["whoami"])).out).toContain(who);
  });

  it("changes nothing when the new password is typed in two ways", async () => {
    const typed: Typed = [
      ["Password: ", given],
      ["New password: ", chosen],
      ["New password again: ", `${chosen}!`],
    ];
    const { code, err } = await run(["login", "--username", who], { typed });
    expect([code, err]).toEqual([2, expect.stringContaining("the two new passwords differ")]);
    expect((await run(["passwd", "--username", who], { lines: `${given}\n${chosen}\n` })).code).toBe(0);
  });
});

describe("a session", () => {
  beforeEach(signedIn);

  it("is used where no key is given, and a key goes before it", async () => {
    expect(JSON.parse((await run(["whoami", "--json"])).out).user.username).toBe(who);
    const asAdmin = await run(["whoami", "--json"], { env: { CHARTER_KEY: charter.adminKey } });
    expect(JSON.parse(asAdmin.out).user).toBeNull();
  });

  it("is sent to the server that it was begun on and to no other", async () => {
    await using other = await startTestCharter();
    const { code, err } = await run(["whoami", "--url", other.url]);
    expect([code, err]).toEqual([1, expect.stringContaining("refused (401)")]);
    expect((await run(["logout", "--url", other.url])).err).toContain(`profile default is signed in to ${charter.url}`);
    expect((await run(["whoami"], { env: { CHARTER_URL: "" } })).out).toContain(who);
  });

  it("is renewed once by commands that run side by side when it is about to end", async () => {
    const before = await kept();
    before.default.expires_at = new Date().toISOString();
    await writeFile(file(), JSON.stringify(before));
    const runs = await Promise.all(Array.from({ length: 6 }, () => run(["whoami", "--json"])));
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0]);
    const after = await kept();
    expect(after.default.refresh_token).not.toBe(before.default.refresh_token);
    expect(Date.parse(after.default.expires_at)).toBeGreaterThan(Date.now() + 60_000);
    expect((await run(["whoami"])).code).toBe(0);
  });

  it("that was ended on the server asks for another login", async () => {
    const { default: session } = await kept();
    await charter.ask("/api/v1/auth/logout", { method: "POST", key: session.access_token });
    await writeFile(file(), JSON.stringify({ default: { ...session, expires_at: new Date().toISOString() } }));
    const { code, err } = await run(["whoami"]);
    expect([code, err]).toEqual([1, expect.stringMatching(/session of profile default .* has ended[^]*charter login/)]);
  });

  it("ends with logout, on the server and here", async () => {
    const { default: session } = await kept();
    expect((await run(["logout"])).out).toBe(`Signed out of ${charter.url}.\n`);
    expect(await kept()).toEqual({});
    expect((await charter.ask("/api/v1/auth/me", { key: session.access_token })).status).toBe(401);
    expect((await run(["logout"])).err).toContain("nobody is signed in as profile default");
  });

  it("has a profile of its own for each name", async () => {
    const args = ["login", "--username", who, "--profile", "work"];
    expect((await run(args, { lines: `${chosen}\n` })).code).toBe(0);
    expect(Object.keys(await kept())).toEqual(["default", "work"]);
    await run(["logout"]);
    expect((await run(["whoami"], { env: { CHARTER_PROFILE: "work" } })).code).toBe(0);
    expect((await run(["login", "--username", who, "--profile", "../x"], { lines: `${chosen}\n` })).code).toBe(2);
  });
});

describe("a login that keeps nothing", () => {
  it("prints the tokens with --print, and needs a home for anything else", async () => {
    await run(["passwd", "--username", who], { lines: `${given}\n${chosen}\n` });
    const { out } = await run(["login", "--username", who, "--print", "--json"], { lines: `${chosen}\n` });
    expect(JSON.parse(out)).toMatchObject({ token_type: "Bearer", access_token: expect.any(String) });
    await expect(stat(file())).rejects.toThrow("ENOENT");
    const homeless = await run(["login", "--username", who], { lines: `${chosen}\n`, env: { HOME: "" } });
    expect([homeless.code, homeless.err]).toEqual([2, expect.stringContaining("HOME is not set")]);
  });

  it("is refused without a user name where nobody can be asked", async () => {
    expect((await run(["login"], { lines: "x\n" })).err).toContain("--username is required");
    expect((await run(["login", "--username", who], { lines: "" })).err).toContain("nothing was given for Password");
  });
});
