// What budgets promise on every database: `src/budgets/budgets.ts` in executable form.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { BudgetRig, defaultTokens, noonMs, outcomesOf } from "./budget-rig.ts";
import { budgetHistory } from "./budget-history.ts";
import { budgetLosses } from "./budget-losses.ts";
import { budgetTransactions } from "./budget-transactions.ts";
import { budgetProperties } from "./budget-properties.ts";
import { budgetUsage } from "./budget-usage.ts";
import type { LeaseTerms, StateQuery } from "../../src/budgets/index.ts";
import type { DatabasePlaces } from "./databases.ts";

/** Runs the suite on one database, which the budgets share with others or have for themselves. */
export function budgetsContract(name: string, places: DatabasePlaces, isAlone = false, leases?: LeaseTerms): void {
  describe(`budgets on ${name}`, () => {
    let rig: BudgetRig;

    beforeAll(async () => {
      rig = await BudgetRig.open(places, isAlone, defaultTokens, leases);
    });
    beforeEach(() => {
      rig.clock.ms = noonMs;
    });
    afterEach(async () => expect(await rig.wrongCounters()).toEqual([]));
    afterAll(() => rig[Symbol.asyncDispose]());

    admission(() => rig);
    endings(() => rig);
    money(() => rig);
    budgetTransactions(() => rig);
    budgetHistory(() => rig);
    budgetProperties(() => rig);
    budgetUsage(() => rig);
  });
  budgetLosses(name, places, isAlone, leases);
}

function admission(rigNow: () => BudgetRig): void {
  describe("room", () => {
    it("is reserved before a call and settled after it", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      const held = await rig.reserve(product, 300);
      expect(held).toMatchObject({ state: "held", project: "default", duplicate: false, tokens: 300 });
      const limit = { id: null, limit: defaultTokens, unit: "tokens", window: "month" };
      expect(await rig.line(product)).toMatchObject({ ...limit, used: 0, held: 300, available: defaultTokens - 300 });
      const { applied, reservation } = await rig.settle(held, 120, null);
      expect([applied, reservation?.state, reservation?.settledTokens]).toEqual([true, "settled", 120]);
      expect(await rig.line(product)).toMatchObject({ ...limit, used: 120, held: 0, available: defaultTokens - 120 });
    });

    it("for 10 admits exactly 10 of 200 that ask at once", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 1000 });
      const asked = Array.from({ length: 200 }, () => rig.reserve(product, 100));
      expect(await outcomesOf(asked)).toEqual({ admitted: 10, codes: ["budget.insufficient"] });
      expect(await rig.line(product)).toMatchObject({ used: 0, held: 1000, available: 0 });
    });

    it("for 10 admits exactly 10 of 200 that ask two servers at once", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 1000 });
      await using other = rig.another();
      const asked = Array.from({ length: 200 }, (_, i) =>
        rig.reserve(product, 100, {}, i % 2 === 0 ? rig.budgets : other),
      );
      expect(await outcomesOf(asked)).toEqual({ admitted: 10, codes: ["budget.insufficient"] });
    });

    it("is held under every budget that covers the call or under none", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 1000 });
      await rig.set({ scope: { product, key: "key_1" }, window: "day", limit: 300 });
      await rig.set({ scope: { product, model: "large" }, window: "hour", limit: 500 });
      await rig.reserve(product, 300);
      await expect(rig.reserve(product, 1)).rejects.toMatchObject({ code: "budget.insufficient" });
      await rig.reserve(product, 500, { key: "key_2", model: "large" });
      await expect(rig.reserve(product, 1, { key: "key_2", model: "large" })).rejects.toMatchObject({
        facts: { limit: "tokens/hour", retryAfterSeconds: 5 },
      });
      await rig.reserve(product, 200, { key: "key_2" });
      const lines = (await rig.budgets.state({ product })).budgets;
      const held = Object.fromEntries(lines.map((line) => [line.window, line.held]));
      expect(held).toEqual({ day: 300, hour: 500, total: 1000 });
    });

    it("is counted apart for products, projects and calls of no product", async () => {
      const rig = rigNow();
      const [one, two] = [rig.newProduct(), rig.newProduct()];
      const most = { key: "k", tokens: defaultTokens };
      await rig.reserve(one, defaultTokens, most);
      await rig.reserve(one, defaultTokens, { ...most, project: "side" });
      await rig.reserve(two, defaultTokens, most);
      const none = await rig.reserve(null, defaultTokens, most);
      await expect(rig.reserve(null, 1)).rejects.toMatchObject({ code: "budget.insufficient" });
      await rig.release(none);
      const projects = async (query: StateQuery) =>
        (await rig.budgets.state(query)).budgets.map(({ scope }) => `${scope.product} ${scope.project}`);
      expect(await projects({ product: one })).toEqual([`${one} default`, `${one} side`]);
      expect(await projects({ product: one, project: "side" })).toEqual([`${one} side`]);
      expect(await projects({})).toEqual(expect.arrayContaining([`${two} default`, "null default"]));
    });

    it("admits what a smaller call asks when a larger one in the same moment does not fit", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 100 });
      const asked = [60, 60, 40, 1].map((tokens) => rig.reserve(product, tokens));
      const outcomes = await Promise.allSettled(asked);
      expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected"]);
    });

    it("is refused for amounts and names that are none", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      const wrong = { code: "budget.invalid" };
      for (const tokens of [-1, 0.5, Number.NaN, 2 ** 53])
        await expect(rig.reserve(product, tokens)).rejects.toMatchObject(wrong);
      for (const model of ["", "a\0b", "\ud800", "x".repeat(201)]) {
        await expect(rig.reserve(product, 1, { model })).rejects.toMatchObject(wrong);
      }
      await expect(rig.set({ scope: { product }, limit: -1 })).rejects.toMatchObject(wrong);
    });

    it("without a default is not limited, and counted all the same", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await using unlimited = await rig.fresh(0);
      const held = await unlimited.reserve(product, 5 * defaultTokens);
      await unlimited.settle(held, 2 * defaultTokens, null);
      expect((await unlimited.budgets.state({ product })).budgets).toEqual([]);
      await unlimited.restart(defaultTokens);
      expect(await unlimited.line(product)).toMatchObject({ used: 2 * defaultTokens, available: 0 });
    });
  });

  describe("the same request id", () => {
    it("within 300 s is the same reservation, held once, also when both come at once", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      const again = { requestId: "again", kind: "claim" } as const;
      await using other = rig.another();
      const both = await Promise.all([
        rig.reserve(product, 100, again),
        rig.reserve(product, 100, again),
        rig.reserve(product, 100, again, other),
      ]);
      rig.clock.ms += 299_999;
      both.push(await rig.reserve(product, 100, again));
      expect(new Set(both.map(({ id }) => id)).size).toBe(1);
      expect(both.filter(({ duplicate }) => duplicate)).toHaveLength(3);
      expect((await rig.line(product)).held).toBe(100);
    });

    it("after 300 s, of another task, project or kind is another reservation", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      const first = await rig.reserve(product, 1, { requestId: "r" });
      rig.clock.ms += 300_000;
      const others = [{}, { task: "t" }, { project: "p" }, { kind: "claim" }] as const;
      const ids = new Set([first.id]);
      for (const other of others) {
        const { id, duplicate } = await rig.reserve(product, 1, { requestId: "r", ...other });
        expect(duplicate).toBe(false);
        ids.add(id);
      }
      expect(ids.size).toBe(5);
      expect((await rig.reserve(product, 1, { requestId: "r" })).duplicate).toBe(true);
    });

    it("that was refused is free again", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 10 });
      const asked = { requestId: "refused" };
      const twice = [rig.reserve(product, 11, asked), rig.reserve(product, 11, asked)];
      expect(await outcomesOf(twice)).toEqual({ admitted: 0, codes: ["budget.insufficient"] });
      expect((await rig.reserve(product, 10, asked)).duplicate).toBe(false);
    });
  });
}

function endings(rigNow: () => BudgetRig): void {
  describe("a reservation", () => {
    it("ends once: whatever comes afterwards changes nothing and is told how it ended", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      const held = await rig.reserve(product, 50, { requestId: "ends once" });
      const ends = await Promise.all([rig.settle(held, 40, null), rig.settle(held, 30, null), rig.release(held)]);
      ends.push(await rig.release(held));
      expect(ends.map(({ applied }) => applied)).toEqual([true, false, false, false]);
      for (const { reservation } of ends) expect(reservation).toMatchObject({ state: "settled", settledTokens: 40 });
      expect(await rig.line(product)).toMatchObject({ used: 40, held: 0 });
    });

    it("that used more than it reserved is charged as far as every budget has room, and no budget is overdrawn", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 100 });
      await rig.set({ scope: { product }, limit: 1000, window: "month" });
      const [held, other] = [await rig.reserve(product, 50), await rig.reserve(product, 20)];
      const { reservation } = await rig.settle(held, 170, null);
      expect(reservation).toMatchObject({ settledTokens: 80 });
      expect(await rig.line(product, { window: "total" })).toMatchObject({ used: 80, held: 20, available: 0 });
      await expect(rig.reserve(product, 1)).rejects.toMatchObject({ code: "budget.insufficient" });
      await rig.settle(other, 170, null);
      expect(await rig.line(product, { window: "total" })).toMatchObject({ used: 100, held: 0, available: 0 });
    });

    it("that used more than it reserved is charged what it held where the budget has since become smaller than that", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 100 });
      const held = await rig.reserve(product, 50);
      await rig.set({ scope: { product }, limit: 10 });
      await rig.settle(held, 170, null);
      expect(await rig.line(product)).toMatchObject({ used: 50, held: 0, available: 0 });
    });

    it("holds everything that is left when it takes all, and less than it asked for when it may", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 100 });
      await rig.set({ scope: { product }, limit: 70, unit: "microdollars" });
      const asked = { product, key: "k", model: "m" };
      const flex = (tokens: number, takes: "share" | "all" | "whole") => ({
        least: { tokens, microdollars: 1 },
        takes,
      });
      const { held: less } = await rig.budgets.admit({ ...asked, tokens: 1000, microdollars: 30 }, flex(60, "share"));
      // An eighth of what is left beyond the least.
      expect(less).toMatchObject({ tokens: 65, microdollars: 9 });
      const over = rig.budgets.admit({ ...asked, tokens: 1000, microdollars: 30 }, flex(60, "share"));
      await expect(over).rejects.toMatchObject({ code: "budget.insufficient" });
      await rig.settle(less, 40, 5);
      const { held: all } = await rig.budgets.admit({ ...asked, tokens: 5, microdollars: 5 }, flex(5, "all"));
      expect(all).toMatchObject({ tokens: 60, microdollars: 65 });
      await expect(rig.reserve(product, 1)).rejects.toMatchObject({ code: "budget.insufficient" });
      await rig.release(all);
      const { held: whole } = await rig.budgets.admit({ ...asked, tokens: 200, microdollars: 5 }, flex(5, "whole"));
      expect(whole).toMatchObject({ tokens: 60, microdollars: 5 });
      await rig.release(whole);
      const tooMuch = rig.budgets.admit({ ...asked, tokens: 90, microdollars: 5 }, flex(5, "whole"));
      await expect(tooMuch).rejects.toMatchObject({ code: "budget.insufficient" });
      expect(await rig.line(product, { unit: "tokens" })).toMatchObject({ used: 40, held: 0 });
    });

    it("holds what it asked for when it takes all and nothing limits it", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      const asked = { product, key: "k", model: "m", tokens: 5, microdollars: 5 };
      const { held } = await rig.budgets.admit(asked, { least: { tokens: 5, microdollars: 5 }, takes: "all" });
      expect(held.microdollars).toBe(5);
    });

    it("that is released leaves no trace in what was used", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.release(await rig.reserve(product, 50));
      expect(await rig.line(product)).toMatchObject({ used: 0, held: 0 });
      expect((await rig.budgets.state({ product })).usage.day).toMatchObject({ calls: 0, tokens: 0 });
    });

    it("that is abandoned is charged in full when it was a model call, and given back when it was a claim", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      const call = await rig.reserve(product, 50, { microdollars: 7 });
      const claim = await rig.reserve(product, 30, { kind: "claim" });
      await rig.budgets.expire(noonMs + 3_599_999);
      expect((await rig.line(product)).held).toBe(80);
      rig.clock.ms = noonMs + 3_600_000;
      expect(await rig.budgets.expire(rig.clock.ms)).toBeGreaterThanOrEqual(2);
      expect(await rig.line(product)).toMatchObject({ used: 50, held: 0 });
      expect((await rig.settle(call, 1, null)).reservation).toMatchObject({
        state: "expired",
        settledTokens: 50,
      });
      expect(await rig.settle(claim, 1, null)).toMatchObject({
        applied: false,
        reservation: { state: "expired" },
      });
      expect(await rig.budgets.expire(rig.clock.ms)).toBe(0);
    });

    it("counts in the window in which it was reserved, whenever it ends", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.set({ scope: { product }, window: "hour", limit: 100 });
      const early = await rig.reserve(product, 100);
      await expect(rig.reserve(product, 1)).rejects.toMatchObject({ code: "budget.insufficient" });
      rig.clock.ms += 1_800_000;
      const late = await rig.reserve(product, 60);
      await rig.settle(early, 100, null);
      expect(await rig.line(product)).toMatchObject({ used: 0, held: 60, since: "2026-06-15T13:00:00.000Z" });
      await rig.settle(late, 60, null);
      await expect(rig.reserve(product, 41)).rejects.toMatchObject({ code: "budget.insufficient" });
    });

    it("survives a restart, and so does what was used", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.set({ scope: { product }, limit: 100 });
      const held = await rig.reserve(product, 60);
      await rig.settle(await rig.reserve(product, 40), 30, null);
      await rig.restart();
      expect(await rig.line(product)).toMatchObject({ used: 30, held: 60 });
      await expect(rig.reserve(product, 11)).rejects.toMatchObject({ code: "budget.insufficient" });
      expect((await rig.settle(held, 60, null)).applied).toBe(true);
    });

    it("is settled before budgets are closed", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      const settled = rig.settle(await rig.reserve(product, 5), 4, null);
      await rig.restart();
      expect((await settled).applied).toBe(true);
      expect(await rig.line(product)).toMatchObject({ used: 4, held: 0 });
    });
  });
}

function money(rigNow: () => BudgetRig): void {
  describe("a budget in money", () => {
    const inMoney = (product: string) => ({ scope: { product }, unit: "microdollars", window: "month" }) as const;

    it("refuses a call whose price is unknown, which is not a price of 0", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.reserve(product, 10);
      await rig.set({ ...inMoney(product), limit: 1000 });
      await expect(rig.reserve(product, 10)).rejects.toMatchObject({ code: "budget.price_unknown" });
      const held = await rig.reserve(product, 10, { microdollars: 1000 });
      await expect(rig.reserve(product, 10, { microdollars: 1 })).rejects.toMatchObject({
        code: "budget.insufficient",
      });
      await rig.settle(held, 10, 400);
      expect(await rig.line(product)).toMatchObject({ unit: "microdollars", used: 400, held: 0, available: 600 });
    });

    it("charges the estimate where the cost stays unknown", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      await rig.set({ ...inMoney(product), limit: 1000 });
      const held = await rig.reserve(product, 10, { microdollars: 250 });
      await rig.settle(held, 10, null);
      expect((await rig.line(product)).used).toBe(250);
      const { month } = (await rig.budgets.state({ product })).usage;
      expect(month).toEqual({ calls: 1, tokens: 10, microdollars: 250, unpriced: 1 });
    });
  });
}
