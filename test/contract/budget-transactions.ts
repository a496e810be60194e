// Budgets inside the transactions of callers: what is reserved and settled there comes true with the transaction or not at all.
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import type { Reservation } from "../../src/budgets/index.ts";
import { actOn, appliedOf } from "../support/storage/acts.ts";
import type { BudgetRig } from "./budget-rig.ts";
import { outcomesOf } from "./budget-rig.ts";

const undone = new Error("the step failed");

/** The part of the suite about transactions of callers. */
export function budgetTransactions(rigNow: () => BudgetRig): void {
  let intents = 91_000;
  const inTx = <T>(work: Parameters<ReturnType<typeof actOn>["transact"]>[0], intent = intents++) =>
    actOn(rigNow().db, intent).transact(work) as Promise<T>;
  const rowsOf = async (product: string) => {
    const { rows } = await sql<{ id: string }>`select id from budget_reservations where product = ${product}`.execute(
      rigNow().db.read,
    );
    return rows.length;
  };

  describe("in a caller's transaction", () => {
    it("a reservation and the effect come true together, or neither does", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 100 });
      const held = await inTx<Reservation>((tx) => rig.budgets.reserve(tx, rig.request(product, 60)), 90_101);
      const failing = inTx(async (tx) => {
        await rig.budgets.reserve(tx, rig.request(product, 40));
        throw undone;
      }, 90_102);
      await expect(failing).rejects.toBe(undone);
      const refused = inTx((tx) => rig.budgets.reserve(tx, rig.request(product, 41)), 90_103);
      await expect(refused).rejects.toMatchObject({ code: "budget.insufficient" });
      expect(await appliedOf(rig.db, [90_101, 90_102, 90_103])).toEqual([true, false, false]);
      expect(await rowsOf(product)).toBe(1);
      expect(await rig.line(product)).toMatchObject({ used: 0, held: 60, available: 40 });
      await inTx((tx) => rig.budgets.settle(tx, held, 50, null));
      await rig.release(await rig.reserve(product, 50));
      expect(await rig.line(product)).toMatchObject({ used: 50, held: 0 });
    });

    it("what is undone leaves nothing: no row, no charge, no room taken, and the reservation is held as before", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 100 });
      const ours = await rig.reserve(product, 30);
      const theirs = await inTx<Reservation>((tx) => rig.budgets.reserve(tx, rig.request(product, 20)));
      for (const held of [ours, theirs]) {
        for (const end of ["settle", "release"] as const) {
          const failing = inTx(async (tx) => {
            if (end === "settle") await rig.budgets.settle(tx, held, 90, null);
            else await rig.budgets.release(tx, held);
            const more = await rig.budgets.reserve(tx, rig.request(product, 1)).catch(() => undefined);
            if (more !== undefined) await rig.budgets.release(tx, more);
            throw undone;
          });
          await expect(failing).rejects.toBe(undone);
        }
      }
      expect(await rig.line(product)).toMatchObject({ used: 0, held: 50, available: 50 });
      await rig.release(await rig.reserve(product, 50));
      expect((await rig.settle(ours, 30, null)).applied).toBe(true);
      expect((await rig.settle(theirs, 20, null)).applied).toBe(true);
      expect(await rig.line(product)).toMatchObject({ used: 50, held: 0 });
    });

    it("a call of a model is settled, with what it used beyond its reservation as far as there is room", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 100 });
      const [one, other] = [await rig.reserve(product, 30), await rig.reserve(product, 20)];
      const settle = () =>
        inTx<{ applied: boolean; reservation: Reservation }>((tx) => rig.budgets.settle(tx, one, 95, null));
      const [first, second] = [await settle(), await settle()];
      expect([first.applied, second.applied]).toEqual([true, false]);
      for (const { reservation } of [first, second]) expect(reservation).toMatchObject({ settledTokens: 80 });
      expect((await rig.settle(one, 1, null)).applied).toBe(false);
      expect(await rig.line(product)).toMatchObject({ used: 80, held: 20, available: 0 });
      await rig.release(other);
      expect((await rig.budgets.state({ product })).usage.day).toMatchObject({ calls: 1, tokens: 80 });
    });

    it("reservations are made and ended together", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 100 });
      const left = await inTx<Reservation>(async (tx) => {
        const whole = await rig.budgets.reserve(tx, rig.request(product, 90));
        await expect(rig.budgets.reserve(tx, rig.request(product, 11))).rejects.toMatchObject({
          code: "budget.insufficient",
        });
        const part = await rig.budgets.reserve(tx, rig.request(product, 10, { requestId: "step", kind: "claim" }));
        expect(await rig.budgets.reserve(tx, rig.request(product, 10, { requestId: "step", kind: "claim" }))).toEqual({
          ...part,
          duplicate: true,
        });
        await rig.budgets.settle(tx, whole, 40, null);
        expect((await rig.budgets.release(tx, whole)).applied).toBe(false);
        return part;
      });
      expect(await rig.line(product)).toMatchObject({ used: 40, held: 10, available: 50 });
      await rig.release(left);
      await rig.release(await rig.reserve(product, 60));
    });

    it("never pass a limit beside calls that are admitted at the same time, whichever transactions are undone", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 1000 });
      await rig.set({ scope: { product, key: "key_1" }, window: "day", limit: 700 });
      await using other = rig.another();
      const held: Reservation[] = [];
      for (let round = 0; round < 3; round++) {
        const asked = Array.from({ length: 120 }, async (_, i) => {
          const by = i % 4 < 2 ? rig.budgets : other;
          const request = rig.request(product, 10, { key: `key_${i % 3}` });
          for (let turns = i % 5; turns > 0; turns--) await new Promise(setImmediate);
          if (i % 2 === 0) return held.push(await rig.reserve(product, 10, { key: request.key }, by));
          return inTx<number>(async (tx) => {
            const made = await by.reserve(tx, request);
            if (i % 7 === 0) throw undone;
            return made;
          }).then((made) => held.push(made as unknown as Reservation));
        });
        const state = rig.budgets.state({ product });
        await outcomesOf([...asked, state]);
        for (const line of [...(await state).budgets, ...(await rig.budgets.state({ product })).budgets]) {
          expect(line.used + line.held).toBeLessThanOrEqual(line.limit);
        }
        const line = await rig.line(product, { window: "total" });
        expect(line.held).toBe(held.length * 10);
        await rig.release(await rig.reserve(product, line.available, { key: "key_9" }));
        await Promise.all(
          held.splice(0).map((one, i) => {
            const by = i % 4 < 2 ? rig.budgets : other;
            if (i % 3 === 0) return rig.settle(one, 2, null, by);
            return inTx((tx) => (i % 3 === 1 ? by.settle(tx, one, 2, null) : by.release(tx, one)));
          }),
        );
        expect((await rig.line(product, { window: "total" })).held).toBe(0);
        expect(await rig.wrongCounters()).toEqual([]);
      }
    });

    it("see a limit whose transaction came before theirs, though its answer comes later", async () => {
      const rig = rigNow();
      // PostgreSQL does not say which of two transactions comes first.
      if (rig.db.dialect !== "sqlite") return;
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 1000 });
      await rig.reserve(product, 5);
      const act = actOn(rig.db);
      let claim: Promise<unknown> = Promise.resolve();
      const behind: Pick<typeof act, "transact"> = {
        transact: (work) => {
          const setting = act.transact(work);
          claim = inTx((tx) => rig.budgets.reserve(tx, rig.request(product, 500)));
          claim.catch(() => {});
          return setting;
        },
      };
      const limit = { scope: { product }, unit: "tokens", window: "total", limit: 10 } as const;
      await rig.budgets.set(limit, { by: "key_admin", act: behind });
      await expect(claim).rejects.toMatchObject({ code: "budget.insufficient" });
      expect(await rig.line(product, { limit: 10 })).toMatchObject({ held: 5, available: 5 });
    });

    it("see a limit as soon as it is set, and count rightly while limits change", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      const working = Array.from({ length: 40 }, async (_, i) => {
        for (let turns = i; turns > 0; turns--) await new Promise(setImmediate);
        const held = await (i % 2 === 0
          ? rig.reserve(product, 5)
          : inTx<Reservation>((tx) => rig.budgets.reserve(tx, rig.request(product, 5))));
        if (i % 4 < 2) await inTx((tx) => rig.budgets.settle(tx, held, 5, null));
        else await rig.settle(held, 5, null);
      });
      for (const [i, window] of (["day", "month", "hour", "total"] as const).entries()) {
        await rig.set({ scope: { product, model: i % 2 === 0 ? "small" : "large" }, window, limit: 1000 });
      }
      await Promise.all(working);
      await rig.set({ scope: { product }, limit: 207 });
      await expect(inTx((tx) => rig.budgets.reserve(tx, rig.request(product, 8)))).rejects.toMatchObject({
        code: "budget.insufficient",
      });
      await inTx((tx) => rig.budgets.reserve(tx, rig.request(product, 7)));
      expect(await rig.line(product, { limit: 207 })).toMatchObject({ used: 200, held: 7, available: 0 });
    });
  });
}
