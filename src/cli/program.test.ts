// What the command line understands, what it says when it does not, and how it ends.
import { resolve } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { settings } from "../config/index.ts";
import { commands } from "./commands.ts";
import { settingOptions } from "./local-config.ts";
import { parseCall } from "./options.ts";
import { runProgram } from "./program.ts";
import { programVersion } from "./version.ts";

/** Every command with its file read. */
const loaded = await Promise.all(commands.map(async ({ name, load }) => ({ name, ...(await load()) })));

/** A port that nothing listens on: the discard service is long gone. */
const nowhere = "http://127.0.0.1:9";

/** JSON that asks nothing of a constitution. */
const packageFile = resolve("package.json");

async function charter(args: readonly string[], env: Record<string, string> = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const read = (stream: PassThrough): string => String(stream.read() ?? "");
  const io = { stdin: new PassThrough(), stdout, stderr, env, cwd: "/" } as never;
  const code = await runProgram(args, io);
  return { code, out: read(stdout), err: read(stderr) };
}

/** Splits an example the way a shell would, as far as examples go: words, single quotes, no redirections. */
function words(line: string): string[] {
  const command = line.replace(/ (<<<|<|>) .*$/, "");
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "");
}

describe("help", () => {
  it.each(loaded.map((command) => [command.name, command] as const))(
    "charter %s --help shows an example",
    async (name, command) => {
      const { code, out, err } = await charter([...name.split(" "), "--help"]);
      expect([code, err]).toEqual([0, ""]);
      expect(command.examples.length).toBeGreaterThan(0);
      for (const { line } of command.examples) expect(out).toContain(`charter ${line}`);
      for (const option of command.options) expect(out).toContain(`--${option.name}`);
      expect((await charter(["help", ...name.split(" ")])).out).toBe(out);
    },
  );

  it.each(loaded.flatMap((command) => command.examples.map(({ line }) => [line, command] as const)))(
    "the example `charter %s` is understood",
    (line, command) => {
      const given = words(line);
      const name = command.name.split(" ");
      expect(given.slice(0, name.length)).toEqual(name);
      expect(() => parseCall(command, given.slice(name.length))).not.toThrow();
    },
  );

  it.each(settings.map((setting) => [setting.flag, setting] as const))(
    "--%s begins in lower case and leaves acronyms as they are",
    (flag, { description }) => {
      const summary = settingOptions([flag])[0]?.summary ?? "";
      const first = description.replaceAll("`", "").split(" ")[0] ?? "";
      const isAcronym = /^[A-Z]{2}/.test(first);
      expect(summary.split(" ")[0]).toBe(isAcronym ? first : first.toLowerCase());
    },
  );

  it("lists every command, on its own and by group", async () => {
    const all = await charter(["--help"]);
    for (const command of commands) expect(all.out).toContain(`  ${command.name} `);
    expect((await charter([])).out).toBe(all.out);
    expect((await charter(["ledger", "--help"])).out).toContain("ledger verify");
  });

  it("prints the package's version", async () => {
    expect((await charter(["--version"])).out).toBe(`${programVersion()}\n`);
  });
});

describe("usage errors end with 2 and name what is nearest", () => {
  const cases: readonly [args: string[], message: string][] = [
    [["srve"], 'unknown command "srve"; did you mean charter serve?'],
    [["keys", "crate"], 'unknown command "keys crate"; did you mean charter keys create?'],
    [["budget", "list"], 'unknown command "budget list"; charter budget takes show, set, clear'],
    [["ledger"], "Usage: charter ledger <command>"],
    [["serve", "--prot", "1"], "unknown option --prot; did you mean --port?"],
    [["ls", "--limit", "0"], '--limit must be an integer from 1 to 1000, not "0"'],
    [["ls", "--limit"], "--limit needs a value: --limit N"],
    [["ls", "--tag", "--all"], "--tag needs a value: --tag TAG"],
    [["ls", "--all=yes"], "--all takes no value"],
    [["ls", "extra"], 'charter ls does not know what to do with "extra"'],
    [["get"], "charter get needs ID"],
    [["put", "x", "--type", "T"], "--product is required"],
    [["put", "x", "-p", "P", "-t", "T", "--metadata", "[]"], "--metadata must be a JSON object"],
    [["put", "x", "y", "-p", "P", "-t", "T", "--idempotency-key", "k"], "--idempotency-key goes with one file"],
    [["keys", "create", "--kind", "root"], "--kind must be one of"],
    [["ls", "--url", "ftp://x"], "--url must be an http or https URL"],
    [["get", "id", "--json"], "--json needs -o FILE"],
    [["constitution", "explain", "nowhere.json"], "there is no file /nowhere.json"],
    [["constitution", "explain", "/"], "/ cannot be read: EISDIR"],
    [["constitution", "explain", import.meta.filename], `${import.meta.filename} is not JSON`],
    [["constitution", "explain", packageFile], `${packageFile} is not a request`],
    [["config", "--port", "many"], "--port: http.port must be an integer"],
  ];
  it.each(cases)("charter %j", async (args, message) => {
    const { code, out, err } = await charter(args);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(message);
  });

  it("refuses an unknown variable for commands that read the configuration", async () => {
    const { code, err } = await charter(["config"], { CHARTER_HTTP_PROT: "1" });
    expect([code, err]).toEqual([
      2,
      "charter: unknown environment variable CHARTER_HTTP_PROT (did you mean CHARTER_HTTP_PORT?)\n",
    ]);
  });
});

describe("failures end with 1", () => {
  it("says what helps when no server answers", async () => {
    const { code, out, err } = await charter(["ls", "--url", nowhere]);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toContain(`no answer from ${nowhere} (ECONNREFUSED)`);
    expect(err).toContain("charter serve");
  });

  it("answers with one JSON document under --json, also before the command", async () => {
    for (const args of [
      ["ls", "--json", "--url", nowhere],
      ["--json", `--url=${nowhere}`, "ls"],
    ]) {
      const { code, out, err } = await charter(args);
      expect([code, err]).toEqual([1, ""]);
      expect(JSON.parse(out)).toMatchObject({ code: "client.unreachable" });
    }
  });

  it("takes the server from CHARTER_URL, and the option first", async () => {
    expect((await charter(["ls"], { CHARTER_URL: "http://127.0.0.1:1" })).err).toContain("127.0.0.1:1 ");
    expect((await charter(["ls", "--url", nowhere], { CHARTER_URL: "http://127.0.0.1:1" })).err).toContain(nowhere);
  });

  it("never prints the key", async () => {
    const { out, err } = await charter(["ls", "--url", nowhere, "--key", "hunter2"]);
    expect(out + err).not.toContain("hunter2");
  });
});
