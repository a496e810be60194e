// Texts that PostgreSQL or the ledger cannot hold, behind every text that a request can say: they are refused or held in another
// writing, and nothing fails inside. The embedded database holds them all, so this is asked of PostgreSQL.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fill } from "../security/contents.ts";
import { markedWith, targetsOf } from "../security/targets.ts";
import { spawnCharter } from "../support/app/process.ts";
import type { CharterProcess } from "../support/app/process.ts";
import { freshPostgres } from "../support/servers/postgres.ts";
import type { FreshPostgres } from "../support/servers/postgres.ts";
import { describeWith } from "../support/servers/requires.ts";

/** A character no text of PostgreSQL holds, half a character, one of four bytes, and more than an index row holds. */
const texts = { nul: "\0", half: "\ud800", astral: "\u{1f3e0}", long: randomBytes(4_500).toString("hex") };

describeWith(["postgres"], "Charter on PostgreSQL", () => {
  let postgres: FreshPostgres;
  let dataDir: string;
  let server: CharterProcess;

  beforeAll(async () => {
    postgres = await freshPostgres();
    dataDir = await mkdtemp(join(tmpdir(), "charter-texts-"));
    server = await spawnCharter({ dataDir, args: ["--database", postgres.url] });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  });

  it("fails inside at no text of any operation", async () => {
    const contents = await fill(server);
    const { json: document } = await server.ask("/openapi.json", { key: null });
    const failed: string[] = [];
    let asked = 0;
    for (const target of targetsOf(document, contents)) {
      const caller = target.needsKey ? {} : { key: null };
      for (const mark of target.marks.filter(({ place }) => place !== "header")) {
        for (const [name, text] of Object.entries(texts)) {
          const { path, ...ask } = markedWith(target, mark, text);
          const { status } = await server.ask(path, { ...ask, ...caller });
          asked++;
          if (status >= 500) failed.push(`${target.operation}: ${mark.place} ${mark.name}, ${name}: ${status}`);
        }
      }
    }
    expect(failed).toEqual([]);
    expect(asked).toBeGreaterThan(900);
  });
});
