import { describe, expect, it } from "vitest";
import { budgetWindows, windowEnd, windowStart } from "./window.ts";

const at = (text: string): number => Date.parse(text);

describe("a window", () => {
  it("begins and ends with the calendar in UTC", () => {
    const moment = at("2028-02-29T23:59:59.999Z");
    const edges = budgetWindows.map((window) => {
      const start = windowStart(window, moment);
      return [start, windowEnd(window, start)];
    });
    expect(edges).toEqual([
      [at("2028-02-29T23:00:00Z"), at("2028-03-01T00:00:00Z")],
      [at("2028-02-29T00:00:00Z"), at("2028-03-01T00:00:00Z")],
      [at("2028-02-01T00:00:00Z"), at("2028-03-01T00:00:00Z")],
      [0, null],
    ]);
  });

  it("holds its first moment and not its end, also over a turn of the year", () => {
    for (const window of ["hour", "day", "month"] as const) {
      const start = at("2026-12-01T00:00:00Z");
      const end = windowEnd(window, start) ?? 0;
      expect(windowStart(window, start)).toBe(start);
      expect(windowStart(window, end - 1)).toBe(start);
      expect(windowStart(window, end)).toBe(end);
    }
    expect(windowEnd("month", at("2026-12-01T00:00:00Z"))).toBe(at("2027-01-01T00:00:00Z"));
  });
});
