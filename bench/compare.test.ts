import { describe, expect, it } from "vitest";
import { comparisonCells, compareRuns, isWorse, leastKept } from "./compare.ts";
import type { SavedFigure } from "./compare.ts";

const figure = (name: string, ratio: number | null, better: "higher" | "lower" = "higher"): SavedFigure => ({
  name,
  against: "base",
  ratio,
  better,
});

const compared = (saved: SavedFigure[], fresh: SavedFigure[]) =>
  compareRuns({ bench: "some", figures: saved }, { bench: "some", figures: fresh });

describe("a comparison of two runs", () => {
  it("says how much of its ratio a figure kept, whichever way is better", () => {
    const rows = compared(
      [figure("rate", 2), figure("cost", 0.5, "lower")],
      [figure("rate", 1.8), figure("cost", 0.25, "lower")],
    );
    expect(rows.map(({ kept }) => kept)).toEqual([0.9, 2]);
    expect(rows.map(isWorse)).toEqual([true, false]);
  });

  it("lets a figure lose what runs differ by, and no more", () => {
    const [at, below] = compared(
      [figure("at", 1), figure("below", 1)],
      [figure("at", leastKept), figure("below", leastKept - 0.001)],
    );
    expect([isWorse(at!), isWorse(below!)]).toEqual([false, true]);
  });

  it("tells figures of one name apart by what they are compared with", () => {
    const other = { ...figure("rate", 4), against: "other" };
    expect(compared([figure("rate", 2), other], [other, figure("rate", 2)]).map(({ kept }) => kept)).toEqual([1, 1]);
  });

  it("calls a saved figure that is not measured, or is no number any more, worse, and a new one new", () => {
    const rows = compared([figure("gone", 1), figure("broken", 1)], [figure("broken", null), figure("new", 1)]);
    expect(rows.map((row) => [row.name, isWorse(row), comparisonCells(row).at(-1)])).toEqual([
      ["broken", true, "not measured"],
      ["new", false, "new"],
      ["gone", true, "not measured"],
    ]);
  });

  it("takes two zeros for equal", () => {
    expect(compared([figure("none", 0, "lower")], [figure("none", 0, "lower")]).map(({ kept }) => kept)).toEqual([1]);
  });
});
