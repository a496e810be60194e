// What reports of usage promise on every database.
import { describe, expect, it } from "vitest";
import type { UsageField } from "../../src/budgets/index.ts";
import type { BudgetRig } from "./budget-rig.ts";

const nothing = {
  calls: 0,
  inputTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
  tokens: 0,
  costUsd: "0.000000",
  unpricedCalls: 0,
  unpricedEstimateUsd: "0.000000",
};

/** Runs the suite on the budgets of a rig. */
export function budgetUsage(rigNow: () => BudgetRig): void {
  describe("a report of what was used", () => {
    const reported = async (product: string, by: readonly UsageField[]) => {
      const rig = rigNow();
      const nowMs = rig.clock.nowMs();
      const time = { sinceMs: nowMs - 3_600_000, untilMs: nowMs + 3_600_000, signal: new AbortController().signal };
      return rig.budgets.usage({ by, product, ...time }, (model) => (model === "small" ? "maker" : null));
    };

    it("say what tokens were and what calls cost, and apart from that what no one knows", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      // Enough of them at once for a process that shares its database to count in memory.
      const held = await Promise.all(
        Array.from({ length: 60 }, () => rig.reserve(product, 100, { microdollars: 500 })),
      );
      const parts = { input: 30, cached: 20, output: 7 };
      await Promise.all(held.map((each) => rig.budgets.charge(each, 37, 123, parts)));
      await rig.settle(await rig.reserve(product, 10, { microdollars: 250, model: "other" }), 10, null);
      await rig.settle(await rig.reserve(product, 5, { kind: "claim", requestId: "claim" }), 5, 1);
      await rig.release(await rig.reserve(product, 50));
      const { lines, total } = await reported(product, ["model"]);
      expect(lines).toEqual([
        {
          names: ["other"],
          used: {
            ...nothing,
            calls: 1,
            tokens: 10,
            unpricedCalls: 1,
            unpricedEstimateUsd: "0.000250",
          },
        },
        {
          names: ["small"],
          used: {
            ...nothing,
            calls: 61,
            inputTokens: 1800,
            cachedTokens: 1200,
            outputTokens: 420,
            tokens: 2225,
            costUsd: "0.007381",
          },
        },
      ]);
      expect(total).toMatchObject({ calls: 62, tokens: 2235, costUsd: "0.007381", unpricedCalls: 1 });
    });

    it("is added up once for all its pages, and anew for who begins it again", async () => {
      const rig = rigNow();
      const [product, other] = [rig.newProduct(), rig.newProduct()];
      const use = async (of: string) => rig.settle(await rig.reserve(of, 10), 10, 1);
      await Promise.all([use(product), use(other)]);
      const nowMs = rig.clock.nowMs();
      const time = { sinceMs: nowMs - 3_600_000, untilMs: nowMs + 3_600_000, signal: new AbortController().signal };
      const ask = (of: string, isContinued: boolean) =>
        rig.budgets.usage({ by: ["model"], product: of, ...time, isContinued }, () => null);
      const begun = await ask(product, false);
      await use(product);
      expect(await ask(product, true)).toBe(begun);
      expect((await ask(other, true)).total.calls).toBe(1);
      expect((await ask(product, false)).total.calls).toBe(2);
      expect((await ask(product, true)).total.calls).toBe(2);
    });

    it("tell rows apart by what is asked for, sorted, and hold every call once", async () => {
      const rig = rigNow();
      const product = rig.newProduct();
      for (const [project, key, model] of [
        ["b", "k2", "small"],
        ["a", "k1", "other"],
        ["a", "k1", "small"],
      ] as const) {
        await rig.settle(await rig.reserve(product, 10, { project, key, model }), 10, 1);
      }
      const names = async (by: readonly UsageField[]) => (await reported(product, by)).lines.map((line) => line.names);
      expect(await names(["project", "key"])).toEqual([
        ["a", "k1"],
        ["b", "k2"],
      ]);
      expect(await names(["provider", "model"])).toEqual([
        [null, "other"],
        ["maker", "small"],
      ]);
      const day = new Date(rig.clock.nowMs()).toISOString().slice(0, 10);
      const byDay = await reported(product, ["day", "product"]);
      expect(byDay.lines).toMatchObject([{ names: [day, product], used: { calls: 3, tokens: 30 } }]);
      expect(byDay.total).toEqual(byDay.lines[0]?.used);
    });

    it("are of no more time than can be added up", async () => {
      const rig = rigNow();
      const signal = new AbortController().signal;
      const ask = (sinceMs: number, untilMs: number) =>
        rig.budgets.usage({ by: ["day"], sinceMs, untilMs, signal }, () => null);
      await expect(ask(0, 401 * 86_400_000)).rejects.toMatchObject({ code: "budget.invalid" });
      await expect(ask(5, 5)).resolves.toBeDefined();
      await expect(ask(7_200_000, 0)).rejects.toMatchObject({ code: "budget.invalid" });
      await expect(ask(Number.NaN, 0)).rejects.toMatchObject({ code: "budget.invalid" });
    });
  });
}
