import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDatabase } from "../db/index.ts";
import type { Database } from "../db/index.ts";
import { silentLog } from "../kernel/ctx.ts";
import { actOn, appliedOf } from "../../test/support/storage/acts.ts";
import { openHalts } from "./halts.ts";
import { governanceMigrations } from "./store/migrations.ts";

let dir: string;
let database: Database;
const halt = { scope: "AI_ASSISTANT", threat: "T5_EXECUTOR_OVERRIDE", intentIndex: 7, sinceMs: 1000 };

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "halts-"));
  database = await openDatabase({ kind: "sqlite", file: join(dir, "test.db") }, silentLog);
  await database.migrate(governanceMigrations);
});
afterEach(async () => {
  await database[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

describe("halts", () => {
  it("stop one product, survive a restart, and end when they are cleared", async () => {
    await (await openHalts(database)).set(halt);
    const halts = await openHalts(database);
    expect([halts.stops("AI_ASSISTANT"), halts.stops("GURUKUL"), halts.stops(null)]).toEqual([true, false, false]);
    expect(await halts.clear("AI_ASSISTANT", actOn(database, 9))).toEqual(halt);
    expect(halts.stops("AI_ASSISTANT")).toBe(false);
    expect((await openHalts(database)).inForce()).toEqual([]);
  });

  it("know afterwards which intent cleared one, so that a crash in between is told truly", async () => {
    const halts = await openHalts(database);
    await halts.set(halt);
    await halts.clear("AI_ASSISTANT", actOn(database, 9));
    expect(await appliedOf(database, [9, 7])).toEqual([true, false]);
  });

  it("cannot be cleared when there is none", async () => {
    await expect((await openHalts(database)).clear("GURUKUL", actOn(database))).rejects.toMatchObject({
      code: "governance.no_such_halt",
    });
  });
});
