// Limits over time, what is forgotten, and any order of events.
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import type { BudgetRig } from "./budget-rig.ts";
import { defaultTokens, noonMs } from "./budget-rig.ts";
import { actOn, appliedOf } from "../support/storage/acts.ts";

const dayMs = 86_400_000;

/** The part of the suite about limits that change and history that is swept. */
export function budgetHistory(rigNow: () => BudgetRig): void {
  describe("limits", () => {
    it("are superseded and never changed; the newest is in force", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      const first = await rig.set({ scope: { product }, limit: 100 });
      const second = await rig.set({ scope: { product }, limit: 50 });
      expect(first.id).toMatch(/^bud_[0-9a-f-]{36}$/);
      const mine = (await rig.budgets.list({ limit: 1000 })).filter(({ scope }) => scope.product === product);
      expect(mine).toEqual([second]);
      await expect(rig.reserve(product, 51)).rejects.toMatchObject({ code: "budget.insufficient" });
      await expect(rig.budgets.clear(first.id, rig.change())).rejects.toMatchObject({ code: "budget.not_found" });
      expect(await rig.budgets.clear(second.id, rig.change())).toEqual(second);
      await expect(rig.budgets.clear(second.id, rig.change())).rejects.toMatchObject({ code: "budget.not_found" });
      const held = await rig.reserve(product, defaultTokens);
      await rig.release(held);
      const db = rig.db.tables<{ budget_limits: { slot: string; revision: number; amount: number | null } }>();
      const rows = await db.read
        .selectFrom("budget_limits")
        .select(["revision", "amount"])
        .where("slot", "like", `%"${product}"%`)
        .orderBy("revision")
        .execute();
      expect(rows).toEqual([
        { revision: 1, amount: 100 },
        { revision: 2, amount: 50 },
        { revision: 3, amount: null },
      ]);
    });

    it("set now cover what their window has used and holds already", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.settle(await rig.reserve(product, 500), 300, null);
      const held = await rig.reserve(product, 200);
      const elsewhere = await rig.reserve(product, 77, { model: "large" });
      await rig.set({ scope: { product, model: "small" }, window: "day", limit: 510 });
      await expect(rig.reserve(product, 11)).rejects.toMatchObject({ code: "budget.insufficient" });
      await rig.reserve(product, 10);
      await rig.settle(held, 190, null);
      await rig.release(elsewhere);
      expect(await rig.line(product, { window: "day" })).toMatchObject({ used: 490, held: 10, available: 10 });
    });

    it("of another server hold at once", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.reserve(product, 10);
      await using other = rig.another();
      await other.set({ scope: { product }, unit: "tokens", window: "total", limit: 10 }, rig.change());
      await expect(rig.reserve(product, 1)).rejects.toMatchObject({ code: "budget.insufficient" });
    });

    it("take the place of the default for the product or project that they name, and not for others", async () => {
      const rig = rigNow();
      const [product, bystander] = [rig.newProduct(), rig.newProduct()];
      await rig.set({ scope: { product, project: "big" }, window: "month", limit: 5 * defaultTokens });
      await rig.set({ scope: { product, model: "large" }, window: "month", limit: 9 * defaultTokens });
      const over = defaultTokens + 1;
      await rig.reserve(product, over, { project: "big" });
      for (const [name, project] of [
        [product, "default"],
        [bystander, "big"],
      ] as const) {
        await expect(rig.reserve(name, over, { project })).rejects.toMatchObject({ code: "budget.insufficient" });
      }
    });

    it("start anew with their window, in calendar time and UTC", async () => {
      const rig = rigNow();
      for (const [window, nextMs] of [
        ["hour", Date.UTC(2026, 5, 15, 13)],
        ["day", Date.UTC(2026, 5, 16)],
        ["month", Date.UTC(2026, 6, 1)],
      ] as const) {
        const product = rig.newProduct();
        rig.clock.ms = noonMs;
        await rig.set({ scope: { product }, window, limit: 10 });
        await rig.settle(await rig.reserve(product, 10), 10, null);
        rig.clock.ms = nextMs - 1;
        await expect(rig.reserve(product, 1)).rejects.toMatchObject({ code: "budget.insufficient" });
        rig.clock.ms = nextMs;
        await rig.release(await rig.reserve(product, 10));
      }
    });

    it("are on record as effects of their intents, and so are claims", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      const act = (intent: number) => actOn(rig.db, intent);
      const set = await rig.budgets.set(
        { scope: { product }, unit: "tokens", window: "total", limit: 5 },
        { by: "a", act: act(90_001) },
      );
      await rig.budgets.clear(set.id, { by: "a", act: act(90_002) });
      const request = rig.request(product, 1, { requestId: "x" });
      const held = await rig.reserveInTx(request, rig.budgets, act(90_003));
      await act(90_004).transact((tx) => rig.budgets.settle(tx, held, 1, null));
      const found = await appliedOf(rig.db, [90_001, 90_002, 90_003, 90_004]);
      expect(found).toEqual([true, true, true, true]);
    });
  });

  describe("history", () => {
    it("finds the newest claim of a request id, and no model call and no other product's", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      const named = { requestId: "named", kind: "claim" } as const;
      await rig.reserve(product, 1, { requestId: "named" });
      expect(await rig.budgets.claim({ product, requestId: "named" })).toBeUndefined();
      const one = await rig.reserve(product, 1, { ...named, task: "one" });
      rig.clock.ms += 1;
      const two = await rig.reserve(product, 1, { ...named, task: "two" });
      await rig.reserve(rig.newProduct(), 1, named);
      const ids = [{}, { task: "one" }, { project: "default" }, { task: "three" }].map(async (more) => {
        const found = await rig.budgets.claim({ product, requestId: "named", ...more });
        return found?.id;
      });
      expect(await Promise.all(ids)).toEqual([two.id, one.id, two.id, undefined]);
    });

    it("is swept: ended calls after their request ids, claims after a day, counters with their windows; sums stay", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.set({ scope: { product }, window: "hour", limit: 1000 });
      const call = await rig.reserve(product, 10, { requestId: "call" });
      const claim = await rig.reserve(product, 20, { kind: "claim", requestId: "kept" });
      const open = await rig.reserve(product, 5);
      await rig.settle(call, 10, null);
      await rig.settle(claim, 20, null);
      const rows = async () =>
        (
          await sql<{ id: string }>`select id from budget_reservations where product = ${product} order by id`.execute(
            rig.db.read,
          )
        ).rows.map(({ id }) => id);
      await rig.budgets.state({ product });
      await rig.budgets.sweep(noonMs + 299_000);
      expect(await rows()).toEqual([call.id, claim.id, open.id].toSorted());
      await rig.budgets.sweep(noonMs + 301_000);
      expect(await rows()).toEqual([claim.id, open.id].toSorted());
      expect(await rig.budgets.claim({ product, requestId: "kept" })).toMatchObject({ id: claim.id, state: "settled" });
      await rig.budgets.sweep(noonMs + dayMs + 1000);
      expect(await rows()).toEqual([open.id]);
      rig.clock.ms = noonMs;
      expect(await rig.line(product)).toMatchObject({ used: 30, held: 5 });
      await rig.release(open);
    });
  });
}
