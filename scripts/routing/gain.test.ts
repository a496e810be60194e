// How rankings are judged.
import { describe, expect, it } from "vitest";
import { rankingIntervals, rankingOf, seeded } from "./gain.ts";

/** Ten prompts of which the strong model wins two. */
const pairs = Array.from({ length: 10 }, (_, i) => ({ weak: i < 2 ? 0 : 1, strong: 1 }));

describe("a ranking", () => {
  it("that is perfect recovers the gap with the first calls", () => {
    const { apgr, cpt50, cpt80 } = rankingOf(pairs, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    // 0.5 after one call, 1 after two and from then on.
    expect(apgr).toBeCloseTo(0.95);
    expect([cpt50, cpt80]).toEqual([0.1, 0.2]);
  });

  it("that is upside down recovers it with the last", () => {
    const { apgr, cpt50, cpt80 } = rankingOf(pairs, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(apgr).toBeCloseTo(0.15);
    expect([cpt50, cpt80]).toEqual([0.9, 1]);
  });

  it("that knows nothing recovers what its share of strong calls is", () => {
    const { apgr, cpt50, cpt80 } = rankingOf(pairs, new Float64Array(10));
    expect(apgr).toBeCloseTo(0.55);
    expect([cpt50, cpt80]).toEqual([0.5, 0.8]);
  });

  it("is worth nothing where strong is no better than weak", () => {
    expect(rankingOf([{ weak: 1, strong: 0 }], [1]).apgr).toBeNaN();
  });

  it("counts losses of the strong model against it", () => {
    const mixed = [
      { weak: 0, strong: 1 },
      { weak: 0, strong: 1 },
      { weak: 1, strong: 0 },
    ];
    // 1, 2 and 1 of a gap of 1.
    expect(rankingOf(mixed, [3, 2, 1]).apgr).toBeCloseTo(4 / 3);
  });
});

describe("intervals", () => {
  it("hold the value, are the same each time and narrow with more prompts", () => {
    const many = Array.from({ length: 400 }, (_, i) => ({ weak: i % 3 === 0 ? 0 : 1, strong: 1 }));
    const noisy = (count: number) => {
      const random = seeded(1);
      return many.slice(0, count).map(({ weak }) => random() - weak * 0.5);
    };
    const width = (count: number) => {
      const { apgr } = rankingIntervals(many.slice(0, count), noisy(count), 200, seeded(2));
      expect(apgr[1]).toBeLessThan(apgr[0]);
      expect(apgr[0]).toBeLessThan(apgr[2]);
      return apgr[2] - apgr[1];
    };
    expect(width(400)).toBeLessThan(width(60));
    expect(width(60)).toBe(width(60));
  });
});
