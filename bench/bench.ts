// What a bench is: one question, answered by figures that each stand next to a base taken in the same run, because
// only the ratio of the two means anything on another machine.
import { parseArgs } from "node:util";

/** One measured number and what it is compared with. */
export interface Figure {
  /** What was measured, in words. */
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it is compared with, in words. */
  readonly against: string;
  readonly base: number;
  /** `value / base`. */
  readonly ratio: number;
  /** Which way the ratio is better. */
  readonly better: "higher" | "lower";
  /** What else the reader should know: percentiles, spread. */
  readonly note?: string;
}

/** Numbers that a run may be given on the command line, by name. */
export type BenchOptions = Readonly<Record<string, string>>;

/** One question. */
export interface Bench {
  readonly name: string;
  readonly question: string;
  /** Options it takes, with their defaults. */
  readonly options: BenchOptions;
  /** Yields figures as they are measured. */
  run(options: BenchOptions): AsyncIterable<Figure>;
}

/** A figure whose value is a rate: more is better. */
export function rateFigure(figure: Omit<Figure, "ratio" | "better">): Figure {
  return { ...figure, ratio: figure.value / figure.base, better: "higher" };
}

/** A figure whose value is a duration or a size: less is better. */
export function costFigure(figure: Omit<Figure, "ratio" | "better">): Figure {
  return { ...figure, ratio: figure.value / figure.base, better: "lower" };
}

/** A number in as many digits as it carries. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (value !== 0 && Math.abs(value) < 0.01) return value.toPrecision(2);
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return value.toFixed(digits);
}

/** A figure as one line. */
export function figureLine(bench: string, figure: Figure): string {
  const { name, value, unit, against, base, ratio, better, note } = figure;
  const compared = `${against} ${numberText(base)} ${unit}, ratio ${numberText(ratio)} (${better} is better)`;
  return `${bench}: ${name} ${numberText(value)} ${unit}; ${compared}${note === undefined ? "" : `; ${note}`}`;
}

/** The value below which a share of the values lies, by nearest rank; `sorted` ascending. */
export function nearestRank(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Runs a bench file on its own: a line per figure, or with `--json` a JSON line per figure. */
export async function runAlone(bench: Bench): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean" },
      ...Object.fromEntries(Object.keys(bench.options).map((name) => [name, { type: "string" as const }])),
    },
  });
  const given = Object.entries(values).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : []));
  for await (const figure of bench.run({ ...bench.options, ...(Object.fromEntries(given) as BenchOptions) })) {
    console.log(values["json"] === true ? JSON.stringify(figure) : figureLine(bench.name, figure));
  }
}
