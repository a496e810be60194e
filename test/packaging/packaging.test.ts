// The package as its users get it: packed, installed into an empty folder with an empty home, and used from there.
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { plainEnv, plainPath, startServer } from "../support/app/charter.ts";

const folder = mkdtempSync(join(tmpdir(), "charter-package-"));
const user = join(folder, "user");
const home = join(folder, "home");
/** What npm says when it cannot reach a registry; the machine is at fault then, not the package. */
const offline = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET|ENETUNREACH|ENOTCACHED)\b/;
/** Packing compiles everything, installing may download a Node. */
const slowMs = 300_000;

const cache = spawnSync("npm", ["config", "get", "cache"], { encoding: "utf8" }).stdout.trim();
const env = plainEnv({ PATH: plainPath, HOME: home, npm_config_cache: cache, npm_config_update_notifier: "false" });
let unreachable = "";

function run(command: string, args: readonly string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: "utf8", timeout: slowMs });
  return { status, stdout, stderr };
}

beforeAll(() => {
  mkdirSync(user);
  mkdirSync(home);
  const packed = spawnSync("npm", ["pack", "--json", "--pack-destination", folder], { encoding: "utf8" });
  expect(packed.status, packed.stderr).toBe(0);
  const [{ filename }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf("["))) as [{ filename: string }];
  // The folder is named because npm would otherwise install into a folder further up that has packages already.
  const install = ["install", "--prefix", user, "--prefer-offline", "--no-audit", "--no-fund", join(folder, filename)];
  const installed = run("npm", install, user);
  if (installed.status !== 0 && offline.test(installed.stderr) && process.env["CI"] !== "true") {
    unreachable = "npm reaches no registry";
    process.stderr.write(`skipped: the installed package: ${unreachable}\n`);
    return;
  }
  expect(installed.status, installed.stderr).toBe(0);
}, slowMs);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the installed package", { timeout: slowMs }, () => {
  it("holds what it runs and nothing of its sources", (context) => {
    if (unreachable) context.skip(unreachable);
    const files = run("find", ["node_modules/charter", "-type", "f"], user).stdout;
    for (const wanted of ["bin/charter.cjs", "dist/cli/main.js", "constitution/articles.cedar", "LICENSE"]) {
      expect(files).toContain(`node_modules/charter/${wanted}\n`);
    }
    expect(files).not.toMatch(/[.]ts\n|[.]test[.]|charter\/(src|test|scripts)\//);
  });

  it("answers npx charter --help without a warning", (context) => {
    if (unreachable) context.skip(unreachable);
    const { status, stdout, stderr } = run("npx", ["charter", "--help"], user);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("Usage: charter <command>");
  });

  it("serves, stores an artifact and gives it back", async (context) => {
    if (unreachable) context.skip(unreachable);
    const args = ["charter", "serve", "--port", "0", "--data", "data", "--json"];
    const server = await startServer("npx", args, { cwd: user, env });
    try {
      const { url, admin_key: adminKey, constitution_hash: constitutionHash } = server.ready;
      expect(constitutionHash).toMatch(/^[0-9a-f]{16}$/);
      const to = ["--url", url, "--key", adminKey!];
      writeFileSync(join(user, "note.json"), '{"hello":"world"}');
      const terms = ["--product", "AI_ASSISTANT", "--type", "ConversationArtifact", "--json"];
      const stored = run("npx", ["charter", "put", "note.json", ...terms, ...to], user);
      expect(stored.status, stored.stdout + stored.stderr).toBe(0);
      const { artifact_id: id } = JSON.parse(stored.stdout) as { artifact_id: string };
      expect(run("npx", ["charter", "get", id, "-o", "back.json", ...to], user).status).toBe(0);
      expect(readFileSync(join(user, "back.json"), "utf8")).toBe('{"hello":"world"}');
      expect(run("npx", ["charter", "ledger", "verify", ...to], user).stdout).toMatch(/^PASS /);
    } finally {
      process.kill(-server.process.pid!, "SIGTERM");
      await once(server.process, "exit");
    }
  });
});
