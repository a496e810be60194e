import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BudgetRig, defaultTokens } from "../../../test/contract/budget-rig.ts";
import { sqlitePlace } from "../../../test/contract/databases.ts";
import { actOn } from "../../../test/support/storage/acts.ts";
import { Disk } from "../../../test/support/storage/disk.ts";
import { silentLog } from "../../kernel/ctx.ts";
import { openBudgets } from "../budgets.ts";
import type { Budgets } from "../budgets.ts";
import type { Reservation } from "../reservation.ts";

describe("counters in memory", () => {
  let rig: BudgetRig;
  let product: string;

  beforeEach(async () => {
    rig = await BudgetRig.open(sqlitePlace, true);
    product = rig.newProduct();
  });
  afterEach(async () => {
    await rig.budgets.state({ product });
    expect(await rig.wrongCounters()).toEqual([]);
    await rig[Symbol.asyncDispose]();
  });

  it("admits at once and says afterwards that the promise is kept", async () => {
    await rig.reserve(product, 1);
    const asked = Array.from({ length: 200 }, () => rig.budgets.admit(rig.request(product, 100_000)));
    const admitted = (await Promise.allSettled(asked)).flatMap((each) =>
      each.status === "fulfilled" ? [each.value] : [],
    );
    expect(admitted).toHaveLength(9);
    await Promise.all(admitted.map(({ kept }) => kept));
    await rig.kill();
    expect(await rig.line(product)).toMatchObject({ used: 0, held: 900_001 });
  });

  it("loses neither a charge nor a promise to a kill, whether they were saved or not", async () => {
    const saved = await rig.reserve(product, 100);
    const alsoSaved = await rig.reserve(product, 200);
    expect((await rig.line(product)).held).toBe(300);
    await rig.settle(saved, 60, 7);
    await rig.budgets.charge(await rig.reserve(product, 30), 20, 3, { input: 15, cached: 6, output: 5 });
    await rig.release(await rig.reserve(product, 4));
    const open = await rig.reserve(product, 1_000);
    await rig.kill();
    expect(await rig.line(product)).toMatchObject({ used: 80, held: 1_200 });
    expect((await rig.budgets.state({ product })).usage.day).toMatchObject({ calls: 2, tokens: 80, microdollars: 10 });
    const time = { sinceMs: rig.clock.ms, untilMs: rig.clock.ms + 1, signal: AbortSignal.timeout(60_000) };
    const { total } = await rig.budgets.usage({ by: [], ...time }, () => null);
    expect(total).toMatchObject({ calls: 2, tokens: 80, inputTokens: 15, cachedTokens: 6, outputTokens: 5 });
    await rig.kill();
    expect((await rig.settle(alsoSaved, 10, null)).applied).toBe(true);
    rig.clock.ms = open.expiresMs;
    expect(await rig.budgets.expire(rig.clock.ms)).toBe(1);
    expect(await rig.line(product)).toMatchObject({ used: 1_090, held: 0 });
  });

  it("leaves no row of a call that began and ended between two saves", async () => {
    await rig.reserve(product, 1);
    for (let i = 0; i < 20; i++) await rig.settle(await rig.reserve(product, 10), 10, null);
    expect(await rig.line(product)).toMatchObject({ used: 200, held: 1 });
    const rows = rig.db.tables<{ budget_reservations: { id: string }; budget_journal: { id: number } }>().read;
    expect(await rows.selectFrom("budget_reservations").select("id").execute()).toHaveLength(1);
    expect(await rows.selectFrom("budget_journal").select("id").execute()).toHaveLength(0);
  });

  it("saves by itself", async () => {
    await rig.settle(await rig.reserve(product, 10), 10, null);
    const { read } = rig.db.tables<{ budget_usage: { tokens: number } }>();
    const used = () => read.selectFrom("budget_usage").select("tokens").executeTakeFirst();
    await expect.poll(used).toEqual({ tokens: 10 });
  });

  it("counts calls and claims that come at once under one limit", async () => {
    const asked = Array.from({ length: 300 }, (_, i) =>
      rig.reserve(product, 10_000, { kind: i % 3 === 0 ? "claim" : "call" }),
    );
    const made = (await Promise.allSettled(asked)).flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    expect(made).toHaveLength(defaultTokens / 10_000);
    await Promise.all(made.map((held, i) => (i % 2 === 0 ? rig.settle(held, 5_000, null) : rig.release(held))));
    expect(await rig.line(product)).toMatchObject({ used: 250_000, held: 0 });
  });

  it("counts once what a transaction folded before it was noted, also after a kill", async () => {
    await rig.release(await rig.reserve(product, 1));
    let first: Reservation | undefined;
    // Its unit is queued before those that note the calls, and begins when both have been counted.
    const settled = actOn(rig.db).transact(async (tx) => first && rig.budgets.settle(tx, first, 7, null));
    const [one, other] = await Promise.all([10, 20].map((tokens) => rig.budgets.admit(rig.request(product, tokens))));
    if (one === undefined || other === undefined) throw new Error("two calls are admitted");
    first = one.held;
    const charged = rig.budgets.charge(other.held, 15, null);
    await Promise.all([one.kept, other.kept, charged, settled]);
    expect(await settled).toMatchObject({ applied: true });
    await rig.kill();
    expect(await rig.line(product)).toMatchObject({ used: 22, held: 0 });
    expect((await rig.budgets.state({ product })).usage.day).toMatchObject({ calls: 2, tokens: 22 });
  });

  it("takes up a journal as earlier versions wrote it", async () => {
    const made = (id: string, tokens: number) => {
      const { createdMs, expiresMs } = { createdMs: rig.clock.ms, expiresMs: rig.clock.ms + 1_000 };
      const call = ["call", 0, "key_1", "small", null, tokens, 5, "held", createdMs, expiresMs, null];
      return [id, id, product, "default", "", ...call];
    };
    const bodies = [[made("a", 10), made("b", 20)], [["a", "settled", 6, null]]];
    for (const body of bodies) {
      await rig.db.transact((tx) =>
        sql`insert into budget_journal (body) values (${JSON.stringify(body)})`.execute(tx),
      );
    }
    expect(await rig.line(product)).toMatchObject({ used: 6, held: 20 });
    expect((await rig.budgets.state({ product })).usage.day).toMatchObject({ calls: 1, microdollars: 5, unpriced: 1 });
    rig.clock.ms += 1_000;
    expect(await rig.budgets.expire(rig.clock.ms)).toBe(1);
    expect(await rig.line(product)).toMatchObject({ used: 26, held: 0 });
  });

  describe("on a full or broken disk", () => {
    let disk: Disk;
    let budgets: Budgets;

    beforeEach(async () => {
      disk = new Disk(rig.db);
      await rig.budgets[Symbol.asyncDispose]();
      const { clock } = rig;
      budgets = openBudgets({ db: disk.database(), clock, log: silentLog, defaultTokens });
      rig.budgets = budgets;
    });

    it("keeps what happened until there is room, and admits nobody meanwhile", async () => {
      const early = await rig.reserve(product, 500);
      disk.isFull = true;
      const { held, kept } = await budgets.admit(rig.request(product, 100));
      await expect(kept).rejects.toMatchObject({ code: "db.full" });
      await expect(budgets.admit(rig.request(product, 1))).rejects.toMatchObject({ code: "db.full" });
      await expect(rig.settle(early, 300, null)).rejects.toMatchObject({ code: "db.full" });
      await expect(rig.settle(held, 70, null)).rejects.toMatchObject({ code: "db.full" });
      await expect(budgets.state({ product })).rejects.toMatchObject({ code: "db.full" });
      disk.isFull = false;
      expect(await rig.line(product)).toMatchObject({ used: 370, held: 0 });
      await rig.release(await rig.reserve(product, 1));
    });

    it("does not lose a charge to a kill although the note of its call could not be written", async () => {
      await rig.release(await rig.reserve(product, 1));
      disk.next = ["early"];
      const { held, kept } = await budgets.admit(rig.request(product, 100));
      await expect(kept).rejects.toMatchObject({ code: "db.full" });
      expect((await rig.settle(held, 70, null)).applied).toBe(true);
      await rig.kill();
      expect(await rig.line(product)).toMatchObject({ used: 70, held: 0 });
    });

    it("keeps to a limit that was set although the limits could not be read at once afterwards", async () => {
      await rig.reserve(product, 1);
      disk.isUnreadable = true;
      await rig.set({ scope: { product }, limit: 100 });
      disk.isUnreadable = false;
      await expect(rig.reserve(product, 100)).rejects.toMatchObject({ code: "budget.insufficient" });
      await rig.release(await rig.reserve(product, 99));
    });

    it("saves without being asked once there is room", async () => {
      const held = await rig.reserve(product, 500);
      disk.isFull = true;
      await expect(rig.settle(held, 300, null)).rejects.toMatchObject({ code: "db.full" });
      disk.isFull = false;
      const { read } = rig.db.tables<{ budget_usage: { tokens: number } }>();
      const used = () => read.selectFrom("budget_usage").select("tokens").executeTakeFirst();
      await expect.poll(used).toEqual({ tokens: 300 });
    });
  });
});
