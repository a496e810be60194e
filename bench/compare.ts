// `npm run bench compare`: holds a fresh run to the saved one, figure by figure. What is compared are the ratios, because
// only they mean anything on another machine or another day.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { numberText } from "./bench.ts";
import type { Figure } from "./bench.ts";

/** The least part of its saved ratio that a figure must keep; runs on one machine differ by less than the rest. */
export const leastKept = 0.95;

/** The figures of one bench, as `--save` writes them. */
export interface SavedRun {
  readonly bench: string;
  readonly figures: readonly SavedFigure[];
}

/** What is compared of a figure; JSON has no infinite numbers, so a ratio may be null. */
export type SavedFigure = Pick<Figure, "name" | "against" | "better"> & { readonly ratio: number | null };

/** One figure, then and now. */
export interface Comparison {
  readonly bench: string;
  readonly name: string;
  readonly against: string;
  /** Null when the saved run has no such figure. */
  readonly saved: number | null;
  /** Null when the fresh run has no such figure. */
  readonly now: number | null;
  /** How good it is now in parts of how good it was; below 1 is worse. Null when it is only in one of the runs. */
  readonly kept: number | null;
}

/** Compares the figures of one bench; those that only one run has stand at the end. */
export function compareRuns(saved: SavedRun, fresh: SavedRun): Comparison[] {
  const left = new Map(saved.figures.map((figure) => [keyOf(figure), figure]));
  const rows = fresh.figures.map((figure) => {
    const before = left.get(keyOf(figure));
    left.delete(keyOf(figure));
    return row(saved.bench, figure, before?.ratio ?? null, figure.ratio);
  });
  return [...rows, ...[...left.values()].map((figure) => row(saved.bench, figure, figure.ratio, null))];
}

/** A figure is worse when it keeps too little of its saved ratio, or is no longer measured. */
export function isWorse({ saved, kept }: Comparison): boolean {
  return kept === null ? saved !== null : kept < leastKept;
}

/** The cells of a table's row. */
export function comparisonCells(comparison: Comparison): string[] {
  const { bench, name, against, saved, now, kept } = comparison;
  const verdict = isWorse(comparison) ? (kept === null ? "not measured" : "worse") : saved === null ? "new" : "";
  return [bench, name, against, ratioText(saved), ratioText(now), ratioText(kept), verdict];
}

/** The columns of that table. */
export const comparisonHeading = ["bench", "figure", "compared with", "saved", "now", "now/saved", ""];

/** Reads what `--save` wrote for a bench. @throws Error when there is nothing. */
export async function readRun(folder: string, bench: string): Promise<SavedRun> {
  const file = join(folder, `${bench}.json`);
  try {
    return JSON.parse(await readFile(file, "utf8")) as SavedRun;
  } catch (error) {
    throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function keyOf({ name, against }: SavedFigure): string {
  return `${name}\n${against}`;
}

function row(bench: string, figure: SavedFigure, saved: number | null, now: number | null): Comparison {
  const { name, against, better } = figure;
  return { bench, name, against, saved, now, kept: keptOf(better, saved, now) };
}

function keptOf(better: Figure["better"], saved: number | null, now: number | null): number | null {
  if (saved === null || now === null) return null;
  // Two zeros are equal, and no quotient says so.
  if (saved === now) return 1;
  return better === "higher" ? now / saved : saved / now;
}

function ratioText(value: number | null): string {
  return value === null ? "-" : numberText(value);
}
