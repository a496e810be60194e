import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { budgetBar, dollarText, limitText, resetText, usageText, whoseText } from "./budget-table.ts";
import type { Io } from "./io.ts";

const out = (isTTY: boolean): Io => ({
  stdin: process.stdin,
  stdout: Object.assign(new PassThrough(), { isTTY }) as never,
  stderr: new PassThrough() as never,
  env: {},
  cwd: "/",
});
const line = (used: number, held: number, limit: number) => ({ used, held, limit });

describe("a budget's bar", () => {
  it("shows what is used, then what is held, and never more than its length", () => {
    const bar = (used: number, held: number, limit: number) => budgetBar(out(false), line(used, held, limit));
    expect(bar(50, 25, 100)).toBe("██████████▒▒▒▒▒░░░░░  75 %");
    expect(bar(0, 0, 100)).toBe("░░░░░░░░░░░░░░░░░░░░   0 %");
    expect(bar(1, 0, 1000)).toBe("░░░░░░░░░░░░░░░░░░░░  <1 %");
    expect(bar(300, 10, 100)).toBe("████████████████████ 310 %");
    expect(bar(999, 0, 1000)).toBe("████████████████████  99 %");
    expect(bar(0, 0, 0)).toBe("████████████████████ 100 %");
  });

  it("turns yellow and red in a terminal as the budget runs out", () => {
    const colour = (used: number) => budgetBar(out(true), line(used, 0, 100)).slice(0, 5);
    expect([colour(69), colour(70), colour(89), colour(90)]).toEqual([
      "\u001b[32m",
      "\u001b[33m",
      "\u001b[33m",
      "\u001b[31m",
    ]);
  });
});

describe("a budget in words", () => {
  it("has its amounts with their unit", () => {
    expect(limitText({ unit: "tokens", used: 1234567 }, "used")).toBe("1,234,567");
    expect(limitText({ unit: "microdollars", used: 1_250_000_000 }, "used")).toBe("$1,250.00");
    expect([dollarText(0), dollarText(12_500_100), dollarText(1)]).toEqual(["$0.00", "$12.5001", "$0.000001"]);
  });

  it("says whose it is", () => {
    expect(whoseText({ scope: {} })).toBe("every call");
    expect(whoseText({ scope: { product: "P" } })).toBe("P");
    expect(whoseText({ scope: { product: null, project: "x" } })).toBe("no product / x");
    expect(whoseText({ scope: { project: "x", model: "m" } })).toBe("any product / x, model m");
    expect(whoseText({ scope: { product: "P", key: "key_1" } })).toBe("P, credential key_1");
  });

  it("says when it is whole again, and what was used", () => {
    expect(resetText({ until: "2026-07-01T00:00:00.000Z" })).toBe("2026-07-01 00:00 UTC");
    expect(resetText({ until: null })).toBe("never");
    const day = { calls: 1200, tokens: 5, microdollars: 20_000, unpriced: 3 };
    expect(usageText({ usage: { day } }, "day")).toBe(
      "1,200 calls, 5 tokens, $0.02 (the cost of 3 calls is not known)",
    );
  });
});
