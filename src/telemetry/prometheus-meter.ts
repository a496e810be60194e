// The meter over prom-client: one registry for everything that Charter measures. Promises beyond those of the port:
//
// 1. Nothing is kept outside this object: the registry is its own, so that two servers in one process do not mix.
// 2. A name that does not say its kind and unit is refused when it is declared.
// 3. A reading of the metrics never rejects because of what is read, and waits for it a second at most.
import { Gauge, Registry } from "prom-client";
import type { Log } from "../kernel/ctx.ts";
import { otherValue } from "../kernel/meter.ts";
import type { Counter, Family, Gauge as GaugeSeries, Histogram } from "../kernel/meter.ts";
import type { HistogramTerms, LabelValues, Meter, MetricTerms, Readings } from "../kernel/meter.ts";
import { within } from "../kernel/within.ts";
import { BoundedNames } from "./bounded-names.ts";
import { CellCounter, CellHistogram } from "./prometheus-cells.ts";
import type { CellFamily, Labels } from "./prometheus-cells.ts";
import { measureProcess } from "./process-metrics.ts";

/** A metric as it stands in the registry. */
export interface DescribedMetric {
  readonly name: string;
  readonly kind: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
}

/** Most series of one metric; beyond them all labels are `other`. About a megabyte of the text that is read. */
const maxSeries = 10_000;
/** How long a reading of the metrics waits for one gauge, milliseconds. */
const gaugeWaitMs = 1000;

/** Counts and measures for Prometheus to read. */
export class PrometheusMeter implements Meter, Disposable {
  /** What other drivers add to; everything else declares its metrics through the port. */
  readonly registry = new Registry();
  readonly #log: Log;
  readonly #refreshers: (() => Promise<void>)[] = [];
  readonly #process: Disposable;

  constructor(log: Log) {
    this.#log = log;
    this.#process = measureProcess(this);
  }

  /** The media type of `text`. */
  get mediaType(): string {
    return this.registry.contentType;
  }

  counter<Label extends string = never>(terms: MetricTerms<Label>): Family<Counter, Label> {
    const counter = new CellCounter(this.#familyOf(terms, "counter"));
    return new BoundedFamily(terms.labels, (labels) => counter.cell(labels));
  }

  gauge<Label extends string = never>(terms: MetricTerms<Label>): Family<GaugeSeries, Label> {
    const gauge = this.#newGauge(terms);
    return new BoundedFamily(terms.labels, (labels) => ({ set: (value) => gauge.set(labels, value) }));
  }

  histogram<Label extends string = never>(terms: HistogramTerms<Label>): Family<Histogram, Label> {
    const histogram = new CellHistogram(this.#familyOf(terms, "histogram"), terms.buckets);
    return new BoundedFamily(terms.labels, (labels) => histogram.cell(labels));
  }

  observe<Label extends string = never>(
    terms: MetricTerms<Label>,
    read: () => Readings<Label> | Promise<Readings<Label>>,
  ): void {
    const gauge = this.#newGauge(terms, async () => {
      try {
        const readings = read();
        show(readings instanceof Promise ? await within(gaugeWaitMs, readings) : readings);
      } catch (error) {
        this.#log.warn({ err: error, metric: terms.name }, "a metric could not be read");
      }
    });
    const series = new BoundedFamily<Labels, Label>(terms.labels, (labels) => labels);
    const show = (readings: Readings<Label>): void => {
      if (typeof readings === "number") return gauge.set(readings);
      gauge.reset();
      // Those that are `other` are added up.
      for (const { labels, value } of readings) gauge.inc(series.with(labels), value);
    };
  }

  /** Names what is done before every reading of the metrics. It must not reject. */
  beforeReading(refresh: () => Promise<void>): void {
    this.#refreshers.push(refresh);
  }

  /** All metrics in the text format of Prometheus. */
  async text(): Promise<string> {
    await Promise.all(this.#refreshers.map((refresh) => refresh()));
    return this.registry.metrics();
  }

  /** Every metric there is, by name. */
  describe(): readonly DescribedMetric[] {
    // The library's types leave out what its objects hold.
    const all = this.registry.getMetricsAsArray() as unknown as readonly (Omit<DescribedMetric, "kind" | "labels"> & {
      readonly type: DescribedMetric["kind"];
      readonly labelNames: readonly string[];
    })[];
    return all
      .map(({ name, type: kind, help, labelNames }) => ({ name, kind, help, labels: [...labelNames] }))
      .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  [Symbol.dispose](): void {
    this.#process[Symbol.dispose]();
  }

  #familyOf(terms: MetricTerms<string>, kind: DescribedMetric["kind"]): CellFamily {
    checkName(terms, kind);
    const { name, help, labels } = terms;
    return { name, help, labelNames: Object.keys(labels ?? {}), registry: this.registry };
  }

  #newGauge(terms: MetricTerms<string>, collect?: () => Promise<void>): Gauge {
    const { registry, ...family } = this.#familyOf(terms, "gauge");
    return new Gauge({ ...family, registers: [registry], ...(collect && { collect }) });
  }
}

/** Series by the value of one label after the other: looking one up makes no text, whose hash would cost more than the rest. */
interface Branch<Instrument> {
  readonly next: Map<string, Branch<Instrument>>;
  series: Instrument | undefined;
}

/** The series of one metric, each label with the values that it may have. */
class BoundedFamily<Instrument, Label extends string> implements Family<Instrument, Label> {
  readonly #bounds: readonly (readonly [Label, BoundedNames])[];
  readonly #make: (labels: Labels) => Instrument;
  readonly #root: Branch<Instrument> = { next: new Map(), series: undefined };
  #size = 0;

  constructor(labels: Readonly<Record<Label, LabelValues>> | undefined, make: (labels: Labels) => Instrument) {
    const bounds = Object.entries(labels ?? {}) as [Label, LabelValues][];
    this.#bounds = bounds.map(([label, values]) => [label, boundOf(values)]);
    this.#make = make;
  }

  with(labels: Readonly<Record<Label, string>>): Instrument {
    return this.#find(labels) ?? this.#add(labels);
  }

  #find(labels: Readonly<Record<Label, string>>): Instrument | undefined {
    let branch: Branch<Instrument> | undefined = this.#root;
    for (const [label] of this.#bounds) branch = branch?.next.get(labels[label]);
    return branch?.series;
  }

  #add(given: Readonly<Record<Label, string>>): Instrument {
    const labels = this.#labels((label, names) => names.admit(given[label]));
    const found = this.#find(labels);
    if (found !== undefined) return found;
    if (this.#size >= maxSeries) return this.#make(this.#labels(() => otherValue));
    this.#size++;
    let branch = this.#root;
    for (const [label] of this.#bounds) {
      const next: Branch<Instrument> = branch.next.get(labels[label]) ?? { next: new Map(), series: undefined };
      branch.next.set(labels[label], next);
      branch = next;
    }
    return (branch.series = this.#make(labels));
  }

  #labels(valueOf: (label: Label, names: BoundedNames) => string): Readonly<Record<Label, string>> {
    const values = this.#bounds.map(([label, names]) => [label, valueOf(label, names)]);
    return Object.fromEntries(values) as Record<Label, string>;
  }
}

/** @throws Unless the name ends as its kind and unit ask for. */
function checkName({ name, unit }: MetricTerms<string>, kind: DescribedMetric["kind"]): void {
  const stem = name.replace(/_total$/, "");
  const saysKind = (stem !== name) === (kind === "counter");
  if (!saysKind || (unit !== undefined && !stem.endsWith(`_${unit}`))) {
    throw new Error(`${name} is not a valid name for a ${kind}${unit === undefined ? "" : ` in ${unit}`}`);
  }
}

function boundOf(values: LabelValues): BoundedNames {
  return "atMost" in values ? new BoundedNames([], values.atMost) : new BoundedNames(values, 0);
}
