// The tier moves of the predecessor's strategies, level by level.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { strategies, tierFor } from "./strategy.ts";
import type { Strategy } from "./strategy.ts";

/** The tier for the levels nano, easy, medium, hard, expert. */
const moves: Readonly<Record<Strategy, readonly number[]>> = {
  balanced: [1, 2, 3, 4, 5],
  cost_optimized: [1, 1, 2, 3, 4],
  performance_optimized: [2, 3, 4, 5, 5],
  constitutional_first: [1, 2, 5, 5, 5],
  cascade: [1, 1, 1, 2, 3],
};

describe("strategies", () => {
  it.each(Object.entries(moves))("%s turns the five levels into tiers %j", (strategy, tiers) => {
    expect([1, 2, 3, 4, 5].map((level) => tierFor(strategy as Strategy, level))).toEqual(tiers);
  });

  it("are those of the table and no others", () => {
    expect([...strategies]).toEqual(Object.keys(moves));
  });

  it("never leave the five tiers and never choose a weaker tier for a harder call", () => {
    const level = fc.integer({ min: 1, max: 5 });
    fc.assert(
      fc.property(fc.constantFrom(...strategies), level, level, (strategy, one, other) => {
        const [easier, harder] = [Math.min(one, other), Math.max(one, other)];
        expect(tierFor(strategy, easier)).toBeGreaterThanOrEqual(1);
        expect(tierFor(strategy, harder)).toBeLessThanOrEqual(5);
        expect(tierFor(strategy, easier)).toBeLessThanOrEqual(tierFor(strategy, harder));
      }),
    );
  });
});
