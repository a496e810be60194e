import { describe, expect, it } from "vitest";
import type { BudgetScope, BudgetUnit } from "./budget.ts";
import { asCallRefusal, insufficient, priceUnknown } from "./refusal.ts";
import { counterOf } from "./store/counters.ts";
import type { BudgetWindow } from "./window.ts";

const nowMs = Date.parse("2026-06-15T12:30:00Z");
const limitOn = (scope: BudgetScope, unit: BudgetUnit = "tokens", window: BudgetWindow = "total") => ({
  slot: "slot",
  scope,
  unit,
  window,
  amount: 1000,
});
const refused = (...limit: Parameters<typeof limitOn>) =>
  insufficient({ counter: counterOf(limitOn(...limit), nowMs), asked: 50, used: 900, held: 80 }, "claim", nowMs);

describe("a refusal for want of budget", () => {
  it("names the budget, what is left of it, and what would make the call pass", () => {
    const { code, message, facts } = refused({ product: "P", model: "m" });
    expect(code).toBe("budget.insufficient");
    expect(message).toBe(
      "the budget of tokens in total of product P, model m is not enough: of 1000, 20 are left, 80 are held by calls under way and 50 were asked for",
    );
    expect(facts).toEqual({
      limit: "tokens/total",
      remedy:
        "ask for less, or have an admin set a larger budget: charter budget set --product P --model m --tokens N --per total",
    });
  });

  it("says how a budget is raised that the command has no word for", () => {
    expect(refused({ product: null, project: "p" }, "microdollars", "month").facts.remedy).toContain(
      'POST /v1/budgets {"scope":{"product":null,"project":"p"},"unit":"microdollars","window":"month","limit":N}',
    );
    expect(refused({ key: "key_1" }, "microdollars", "day").facts.remedy).toContain(
      "charter budget set --credential key_1 --dollars N --per day",
    );
  });

  it("is to be paid for by a call of a model, unless the room comes back in a moment", () => {
    const counter = counterOf(limitOn({ product: "P" }), nowMs);
    const spent = insufficient({ counter, asked: 150, used: 900, held: 80 }, "call", nowMs);
    expect(asCallRefusal(spent)).toMatchObject({
      code: "budget.exhausted",
      message: spent.message,
      facts: spent.facts,
    });
    const soon = insufficient({ counter, asked: 50, used: 900, held: 80 }, "call", nowMs);
    expect(asCallRefusal(soon)).toBe(soon);
    const other = new Error("other");
    expect(asCallRefusal(other)).toBe(other);
  });

  it("says to a call of a model that most of what was asked for may come back, and what asks for less", () => {
    const counter = counterOf(limitOn({ product: "P" }), nowMs);
    const { message, facts } = insufficient({ counter, asked: 50, used: 900, held: 80 }, "call", nowMs);
    expect(message).toMatch(
      /20 are left, 80 are held by calls under way and 50 were asked for, the most that the call can use$/,
    );
    expect(facts.remedy).toMatch(/^name a smaller limit for the answer, wait for calls under way to give back/);
    // What is held comes back in seconds, whenever the window ends.
    expect(facts.retryAfterSeconds).toBe(5);
    const day = counterOf(limitOn({ product: "P" }, "tokens", "day"), nowMs);
    const used = insufficient({ counter: day, asked: 150, used: 900, held: 80 }, "call", nowMs);
    expect(used.facts.retryAfterSeconds).toBe(41_400);
  });

  it("says when the next window begins", () => {
    expect(refused({ key: "k" }, "microdollars", "hour").facts).toMatchObject({
      limit: "microdollars/hour",
      retryAfterSeconds: 1800,
      remedy: expect.stringContaining("wait for the next hour"),
    });
  });

  it("tells a product nothing about how much others have used of a budget that they share", () => {
    for (const scope of [{}, { project: "default" }, { model: "m" }]) {
      expect(refused(scope).message).not.toMatch(/\d/);
    }
  });
});

describe("a refusal for want of a price", () => {
  it("says which budget asks for one", () => {
    const { code, message } = priceUnknown(limitOn({ product: null }, "microdollars", "month"));
    expect(code).toBe("budget.price_unknown");
    expect(message).toBe(
      "what the call costs is not known, and microdollars in a month of calls of no product are limited",
    );
  });
});
