import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { silentLog } from "../kernel/ctx.ts";
import { openDatabase } from "./index.ts";
import { eventually } from "../../test/support/wait.ts";

describe("checkpoints beside the writer", () => {
  it("move the log into the file while it is written, and lose nothing", async () => {
    const dir = await mkdtemp(join(tmpdir(), "charter-checkpoints-"));
    const file = join(dir, "a.db");
    const open = () => openDatabase({ kind: "sqlite", file }, silentLog);
    const db = await open();
    await db.transact((tx) => sql`create table item (id integer primary key, body text)`.execute(tx));
    const before = (await stat(file)).size;
    for (let i = 0; i < 1000; i++) {
      await db.transact((tx) => sql`insert into item values (${i}, ${"x".repeat(2000)})`.execute(tx), "relaxed");
    }
    // The writer alone would not have copied anything yet: its log is far from its own mark.
    await eventually(async () => (await stat(file)).size > before);
    await db[Symbol.asyncDispose]();
    const again = await open();
    const { rows } = await sql<{ n: number }>`select count(*) as n from item`.execute(again.read);
    expect(Number(rows[0]?.n)).toBe(1000);
    await again[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });
});
