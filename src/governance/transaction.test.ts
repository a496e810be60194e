// What becomes of an act whose transaction was committed and whose answer was lost, and what is kept until that is known.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { defaultConstitutionDir, loadConstitution } from "../constitution/index.ts";
import { Effects } from "../db/index.ts";
import type { Database } from "../db/index.ts";
import { dbFault } from "../db/errors.ts";
import { systemClock } from "../kernel/clock.ts";
import { silentLog } from "../kernel/ctx.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import { newId } from "../kernel/ids.ts";
import type { Leaf, Ledger } from "../ledger/index.ts";
import { temporaryDatabase } from "../../test/support/storage/temporary-database.ts";
import { actOn } from "../../test/support/storage/acts.ts";
import { openGate } from "./act.ts";
import type { Gate } from "./act.ts";
import { openHalts } from "./halts.ts";
import { governanceMigrations } from "./store/migrations.ts";

const constitution = loadConstitution(defaultConstitutionDir());
const attempt = {
  operation: "budget.set",
  resource: "budget/1",
  action: "MANAGE_GOVERNANCE",
  target: { kind: "governance", product: null },
} as const;
const ctx: Ctx = {
  principal: { id: "key_test0001", kind: "admin", product: null, role: "admin" },
  operation: "budget.set",
  permission: "budget.configure",
  address: "",
  requestId: newId<"request">(systemClock),
  signal: new AbortController().signal,
  clock: systemClock,
  log: silentLog,
};

let opened: Awaited<ReturnType<typeof temporaryDatabase>>;
let gate: Gate;
let leaves: Leaf[];
/** What the database does with transactions, one after the other; like a database when nothing is left. */
let troubles: ((commit: () => Promise<unknown>) => Promise<unknown>)[];

beforeEach(async () => {
  opened = await temporaryDatabase(governanceMigrations);
  const { database } = opened;
  leaves = [];
  troubles = [];
  const troubled: Database = {
    ...database,
    dialect: database.dialect,
    read: database.read,
    transact: (work, durability) => {
      const commit = () => database.transact(work, durability);
      const trouble = troubles.shift();
      return trouble === undefined ? commit() : (trouble(commit) as never);
    },
    tables: () => troubled as never,
    flushed: () => database.flushed(),
  };
  const append: Ledger["append"] = async (added) => {
    leaves.push(...added);
    return leaves.length - added.length;
  };
  const closeInterrupted = async () => 0;
  const ledger = { append, closeInterrupted } as unknown as Ledger;
  const credentials = { present: async () => undefined, presentAll: async () => new Map() };
  const halts = await openHalts(database);
  gate = openGate({ constitution, ledger, halts, credentials, database: troubled, log: silentLog });
});
afterEach(async () => {
  await gate[Symbol.asyncDispose]();
  await opened[Symbol.asyncDispose]();
});

const unavailable = () => dbFault("db.unavailable", "the connection was lost", {}, new Error("lost"));
const act = () => gate.act(ctx, attempt, async (one) => ({ value: await one.transact(async () => 7) }));
const ends = () => leaves.filter(({ kind }) => kind === "outcome").map(({ outcome, code }) => [outcome, code]);

describe("a commit whose answer is lost", () => {
  it("is an act that was done, when it was committed", async () => {
    troubles = [
      async (commit) => {
        await commit();
        throw unavailable();
      },
    ];
    expect((await act()).value).toBe(7);
    expect(ends()).toEqual([["committed", undefined]]);
  });

  it.each([
    ["committed", "effect.applied"],
    ["not committed", "effect.none"],
  ])("gets no outcome while the database is away, and then the true one: %s, %s", async (became, code) => {
    const lost = async (commit: () => Promise<unknown>) => {
      if (became === "committed") await commit();
      else await commit().catch(() => {});
      throw unavailable();
    };
    // Where it is not committed, what it wrote is undone before the connection is lost.
    const undone = async (commit: () => Promise<unknown>) => {
      const { database } = opened;
      await commit();
      await database.tables<{ effects: { intent: number } }>().transact((tx) => tx.deleteFrom("effects").execute());
      throw unavailable();
    };
    const away = async () => {
      throw unavailable();
    };
    troubles = [became === "committed" ? lost : undone, away, away];
    await expect(act()).rejects.toMatchObject({ code: "db.unavailable", facts: { intentIndex: 0 } });
    expect(ends()).toEqual([]);
    await expect.poll(ends).toEqual([["interrupted", code]]);
  });
});

describe("an act that goes wrong after its transaction", () => {
  it.each([
    ["breaks", new Error("broke")],
    ["fails", dbFault("db.unavailable", "gone", {}, new Error("lost"))],
  ])("has taken effect, and is on record as such, when what follows %s", async (_, error) => {
    const acted = gate.act(ctx, attempt, async (one) => {
      await one.transact(async () => {});
      throw error;
    });
    await expect(acted).rejects.toThrow(error.message);
    expect(ends()).toEqual([["interrupted", "effect.applied"]]);
  });

  it("is refused where a rule says so", async () => {
    const acted = gate.act(ctx, attempt, async (one) => {
      await one.transact(async () => {});
      throw new Fault("auth.locked", "locked");
    });
    await expect(acted).rejects.toMatchObject({ code: "auth.locked" });
    expect(ends()).toEqual([["refused", "auth.locked"]]);
  });

  it.each(["swallows", "replaces"])(
    "is asked about also where whoever carries it out %s that its answer was lost",
    async (how) => {
      const lost = async (commit: () => Promise<unknown>) => {
        await commit();
        throw unavailable();
      };
      const away = async () => {
        throw unavailable();
      };
      troubles = [lost, away];
      const acted = gate.act(ctx, attempt, async (one) => {
        await one.transact(async () => {}).catch(() => {});
        if (how === "replaces") throw new Error("something else");
        return { value: 1 };
      });
      await expect(acted).rejects.toMatchObject({ code: "db.unavailable" });
      expect(ends()).toEqual([]);
      await expect.poll(ends).toEqual([["interrupted", "effect.applied"]]);
    },
  );
});

describe("effects", () => {
  it("are kept until what an earlier process left open is settled, and the newest for ever", async () => {
    const effects = new Effects(opened.database);
    for (const intent of [100, 101, 102]) await actOn(opened.database, intent).transact(async () => {});
    for (let i = 0; i < 3; i++) await act();
    await gate.sweep();
    expect([...(await effects.among([0, 2, 4, 100, 101, 102]))]).toEqual([0, 2, 4, 100, 101, 102]);
    await gate.recover();
    await gate.sweep();
    expect([...(await effects.among([0, 2, 4, 100, 101, 102]))]).toEqual([4, 100, 101, 102]);
    await effects.forget(1000);
    expect(await effects.newest()).toBe(102);
  });

  it("are forgotten however many there are", async () => {
    const { database } = opened;
    const rows = Array.from({ length: 12_000 }, (_, intent) => ({ intent }));
    const db = database.tables<{ effects: { intent: number } }>();
    for (let at = 0; at < rows.length; at += 1000) {
      await db.transact((tx) =>
        tx
          .insertInto("effects")
          .values(rows.slice(at, at + 1000))
          .execute(),
      );
    }
    await new Effects(database).forget(11_999);
    expect(await db.read.selectFrom("effects").selectAll().execute()).toEqual([{ intent: 11_999 }]);
  });
});
