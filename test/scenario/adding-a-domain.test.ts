// docs/adding-a-domain.md, done in a copy of the tree exactly as it stands there: the new domain compiles, keeps to the
// floors, and is used over HTTP, from the command line and in the metrics.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { spawnCharter } from "../support/app/process.ts";
import type { CharterProcess } from "../support/app/process.ts";

let copy: string;

/** The blocks of the guide: a file that is written, or lines that are put into one. */
function blocks(): readonly { readonly kind: string; readonly file: string; readonly text: string }[] {
  const guide = readFileSync("docs/adding-a-domain.md", "utf8");
  return [...guide.matchAll(/^```(ts|diff) (\S+)\n([\s\S]*?)^```$/gm)].map(([, kind = "", file = "", text = ""]) => ({
    kind,
    file,
    text,
  }));
}

/** Puts each line with a plus behind the line of before that the block shows above it. */
function inserted(text: string, diff: string): string {
  let behind = "";
  let changed = text;
  for (const line of diff.trimEnd().split("\n")) {
    const content = line.slice(1);
    if (line.startsWith(" ")) behind = content;
    else {
      const places = changed.split(`\n${behind}\n`).length - 1 + (changed.startsWith(`${behind}\n`) ? 1 : 0);
      expect(places, `places of "${behind}"`).toBe(1);
      changed = changed.replace(`${behind}\n`, () => `${behind}\n${content}\n`);
      behind = content;
    }
  }
  return changed;
}

const run = (program: string, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { cwd: copy, encoding: "utf8" });
  return { status, said: stdout + stderr };
};

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), "charter-domain-"));
  const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { encoding: "utf8" });
  for (const file of files.trim().split("\n")) {
    if (!/^(?:src|bin|constitution|scripts|[^/]+\.(?:json|mjs))(?:\/|$)|^[^/]+\.(?:json|mjs)$/.test(file)) continue;
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(file, join(copy, file));
  }
  symlinkSync(resolve("node_modules"), join(copy, "node_modules"));
  for (const { kind, file, text } of blocks()) {
    const path = join(copy, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, kind === "ts" ? text : inserted(readFileSync(path, "utf8"), text));
  }
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe("a domain that is added by the guide", () => {
  it("is one folder, its routes, its commands, one line in app.ts and one in boundaries.mjs", () => {
    const diffs = blocks().filter(({ kind }) => kind === "diff");
    expect(diffs.map(({ file }) => file)).toEqual([
      "src/app.ts",
      "boundaries.mjs",
      "src/http/operations.ts",
      "src/http/server.ts",
      "src/http/services.ts",
      "src/cli/commands.ts",
    ]);
    const added = (file: string) => diffs.find((diff) => diff.file === file)?.text.match(/^\+(?!import)/gm)?.length;
    expect([added("src/app.ts"), added("boundaries.mjs")]).toEqual([1, 1]);
  });

  it("compiles and keeps to the floors", () => {
    const settings = { extends: resolve("tsconfig.json"), include: ["src"], exclude: ["src/**/*.test.ts"] };
    writeFileSync(join(copy, "tsconfig.json"), JSON.stringify(settings));
    const compiled = run("node_modules/typescript/bin/tsc", "--noEmit");
    expect(compiled.said).toBe("");
    expect(run("scripts/boundaries.ts").said).toMatch(/ 0 violations/);
  });

  describe("in a server", () => {
    let server: CharterProcess;
    beforeAll(async () => {
      server = await spawnCharter({ dataDir: join(copy, "data"), launcher: join(copy, "bin/charter.cjs") });
    });
    afterAll(() => server?.[Symbol.asyncDispose]());

    it("takes a note through the gate, refuses it a second time, and shows it", async () => {
      const text = "the ledger's disk is replaced on Friday";
      const made = await server.ask("/v1/notes", { body: { text } });
      expect(made).toMatchObject({ status: 201, json: { note: { text }, receipt: { decision: { allow: true } } } });
      const again = await server.ask("/v1/notes", { body: { text } });
      expect(again).toMatchObject({ status: 409, json: { code: "note.duplicate" } });
      const auditor = await server.keyFor("auditor");
      expect((await server.ask("/v1/notes", { body: { text: "no" }, key: auditor })).status).toBe(403);
      expect((await server.ask("/v1/notes", { body: { text: "" } })).json.code).toBe("request.invalid");
      expect((await server.ask("/v1/notes")).json.notes).toEqual([made.json.note]);
      const entries = (await server.ask("/ledger/entries?operation=note.create&kind=outcome")).json.entries;
      expect(entries.map(({ leaf }: { leaf: { outcome: string } }) => leaf.outcome)).toEqual([
        "committed",
        "refused",
        "refused",
      ]);
    });

    it("is in the metrics, in the API's description and on the command line", async () => {
      const metrics = await server.ask("/metrics");
      expect(metrics.bytes.toString()).toMatch(/^charter_notes_created_total 1$/m);
      expect((await server.ask("/openapi.json")).json.paths["/v1/notes"].post.operationId).toBe("note.create");
      const listed = run("bin/charter.cjs", "notes", "list", "--url", server.url, "--key", server.adminKey);
      expect(listed.said).toContain("the ledger's disk is replaced on Friday");
    });
  });
});
