// The port through which every domain counts and measures. It names no library: a driver stands behind it, which the
// composition root chooses. Promises of a driver:
//
// 1. The number of series is bounded: a label has a closed list of values, or so many different ones. A value beyond them
//    becomes `other`.
// 2. Counting costs an addition and no promise. `with` costs a few look-ups; what is counted often holds its result.
// 3. Counting never throws, whatever it is given.

/** Stands for the values of a label that there is no room for. */
export const otherValue = "other";

/** Which values a label may have: these, or the first so many that are met. */
export type LabelValues = readonly string[] | { readonly atMost: number };

/** What a metric's figures are in, where things are not simply counted. */
export type MetricUnit = "seconds" | "bytes" | "ratio";

/**
 * A metric, as its domain declares it. The name is in snake case, begins with `charter_` unless a convention has one, and ends with
 * the unit, if there is one; that of a counter then ends with `_total`.
 */
export interface MetricTerms<Label extends string = never> {
  readonly name: string;
  /** One sentence that says what is counted. */
  readonly help: string;
  readonly unit?: MetricUnit;
  /** The labels, each with the values it may have. Never an id, and never text that a caller made up. */
  readonly labels?: Readonly<Record<Label, LabelValues>>;
}

/** A histogram also says where its buckets end: upper bounds, rising, in its unit. */
export interface HistogramTerms<Label extends string = never> extends MetricTerms<Label> {
  readonly unit: "seconds" | "bytes";
  readonly buckets: readonly number[];
}

/** One series of a counter. */
export interface Counter {
  /** Adds an amount of 0 or more; 1 when none is given. */
  add(amount?: number): void;
}

/** One series of a gauge that is set. */
export interface Gauge {
  set(value: number): void;
}

/** One series of a histogram. */
export interface Histogram {
  /** Observes one value, in the histogram's unit. */
  observe(value: number): void;
}

/** All series of one metric. */
export interface Family<Instrument, Label extends string = never> {
  /** The series with these labels. */
  with(labels: Readonly<Record<Label, string>>): Instrument;
}

/** One value of a gauge that is read. */
export interface Reading<Label extends string> {
  readonly labels: Readonly<Record<Label, string>>;
  readonly value: number;
}

/** All values of a gauge at this moment: one number for a gauge without labels. */
export type Readings<Label extends string> = number | readonly Reading<Label>[];

/** Makes the metrics of a domain. A name is declared once. */
export interface Meter {
  counter<Label extends string = never>(terms: MetricTerms<Label>): Family<Counter, Label>;
  gauge<Label extends string = never>(terms: MetricTerms<Label>): Family<Gauge, Label>;
  histogram<Label extends string = never>(terms: HistogramTerms<Label>): Family<Histogram, Label>;
  /**
   * A gauge that is asked when the metrics are read, and at no other time. A reading that fails or takes longer than a second
   * leaves the gauge as it was.
   */
  observe<Label extends string = never>(
    terms: MetricTerms<Label>,
    read: () => Readings<Label> | Promise<Readings<Label>>,
  ): void;
}

const silent: Counter & Gauge & Histogram = { add() {}, set() {}, observe() {} };
const silentFamily: Family<typeof silent> = { with: () => silent };

/** Measures nothing, for tools and tests that no one reads metrics of. */
export const silentMeter: Meter = {
  counter: () => silentFamily,
  gauge: () => silentFamily,
  histogram: () => silentFamily,
  observe() {},
};

/** Buckets for what waits for a disk or a database, 100 us to 10 s, seconds. */
export const diskBuckets = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 10];

/** Buckets for whole requests, of which some send gigabytes or wait for a model, 1 ms to 10 min, seconds. */
export const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 120, 600];

/** Seconds since a moment of `performance.now()`. */
export function secondsSince(startMs: number): number {
  return (performance.now() - startMs) / 1000;
}

/** A source of a gauge that is declared and never read. */
export function unasked(): never {
  throw new Error("no metric is read while it is described");
}
