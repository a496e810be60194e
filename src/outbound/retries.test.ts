import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RetryBudget, backoffMs, backoffTerms, retryTerms } from "./retries.ts";

describe("the wait before a retry", () => {
  it("is random below an end that doubles up to the cap", () => {
    const ends = [0, 1, 2, 3, 10, 2000].map((attempt) => backoffMs(attempt, () => 1 - 2 ** -53));
    expect(ends).toEqual([99, 199, 399, 799, 4999, 4999]);
    expect(backoffMs(3, () => 0)).toBe(0);
    expect(backoffMs(1, () => 0.5)).toBe(backoffTerms.baseMs);
  });
});

describe("the budget of retries", () => {
  it("grants what was saved up, then a fifth of the calls", () => {
    const budget = new RetryBudget({ nowMs: () => 0 });
    let granted = 0;
    while (budget.tryRetry()) granted++;
    expect(granted).toBe(retryTerms.most);
    granted = 0;
    for (let i = 0; i < 1000; i++) {
      budget.call();
      if (budget.tryRetry()) granted++;
    }
    expect(granted).toBeGreaterThanOrEqual(199);
    expect(granted).toBeLessThanOrEqual(200);
  });

  it("grants a quiet upstream a few each second", () => {
    let nowMs = 0;
    const budget = new RetryBudget({ nowMs: () => nowMs });
    while (budget.tryRetry()) continue;
    nowMs += 1000;
    expect([budget.tryRetry(), budget.tryRetry(), budget.tryRetry()]).toEqual([true, true, false]);
    nowMs -= 5000;
    expect(budget.tryRetry()).toBe(false);
  });

  it("never grants more in any stretch than it promises", () => {
    const step = fc.tuple(fc.constantFrom("call", "retry", "pass"), fc.nat({ max: 3000 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.nat({ max: 100 }), (steps, from) => {
        let nowMs = 0;
        const budget = new RetryBudget({ nowMs: () => nowMs });
        let [calls, granted, sinceMs] = [0, 0, 0];
        steps.forEach(([what, ms], at) => {
          if (at === from) [calls, granted, sinceMs] = [0, 0, nowMs];
          if (what === "pass") nowMs += ms;
          else if (what === "call") {
            budget.call();
            calls++;
          } else if (budget.tryRetry()) granted++;
          const seconds = (nowMs - sinceMs) / 1000;
          const allowed = retryTerms.most + retryTerms.perCall * calls + retryTerms.perSecond * seconds;
          expect(granted).toBeLessThanOrEqual(Math.floor(allowed + 1e-6));
        });
      }),
    );
  });
});
