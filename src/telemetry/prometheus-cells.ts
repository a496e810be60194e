// Counters and histograms that cost an addition for each observation. The client library hashes the labels of every
// observation; here a series is looked up once, held, and its numbers are handed to the library when they are read.
import { Counter, Histogram } from "prom-client";
import type { Registry } from "prom-client";

/** The labels of one series. */
export type Labels = Readonly<Record<string, string | number>>;

/** What a metric is called. */
export interface CellFamily {
  /** As Prometheus has it. */
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly registry: Registry;
}

/** One series of a counter; only ever added to. */
export class CounterCell {
  value = 0;

  /** Adds an amount; what is not a number, or is below 0, is left out. */
  add(amount = 1): void {
    if (amount > 0 && amount < Number.POSITIVE_INFINITY) this.value += amount;
  }
}

/** A counter whose series are held by those who count. */
export class CellCounter extends Counter {
  readonly #cells = new Map<string, { readonly labels: Labels; readonly cell: CounterCell }>();

  constructor({ name, help, labelNames, registry }: CellFamily) {
    super({ name, help, labelNames: [...labelNames], registers: [registry] });
  }

  /** The series with these labels, made at its first use. */
  cell(labels: Labels): CounterCell {
    const key = JSON.stringify(labels);
    const found = this.#cells.get(key);
    if (found !== undefined) return found.cell;
    const cell = new CounterCell();
    this.#cells.set(key, { labels, cell });
    return cell;
  }

  override async get(): Promise<Awaited<ReturnType<Counter["get"]>>> {
    const values = Array.from(this.#cells.values(), ({ labels, cell }) => ({ value: cell.value, labels }));
    return { ...(await super.get()), values };
  }
}

/** One series of a histogram. */
export class HistogramCell {
  /** Observations by the first bound that they do not exceed; those beyond all bounds are only in `count`. */
  readonly counts: Float64Array;
  readonly #bounds: readonly number[];
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = new Float64Array(bounds.length);
  }

  /** Observes a value; what is not a number is left out, and what is below 0 counts as 0. */
  observe(value: number): void {
    if (!Number.isFinite(value)) return;
    const amount = Math.max(0, value);
    this.sum += amount;
    this.count++;
    for (let i = 0; i < this.counts.length; i++) {
      if (amount <= (this.#bounds[i] ?? 0)) {
        this.counts[i] = (this.counts[i] ?? 0) + 1;
        return;
      }
    }
  }
}

/** A histogram whose series are held by those who observe. */
export class CellHistogram extends Histogram {
  readonly #bounds: readonly number[];
  readonly #family: string;
  /** An empty histogram of the same name, which says what the library says around the values. */
  readonly #frame: Histogram;
  readonly #cells = new Map<string, { readonly labels: Labels; readonly cell: HistogramCell }>();

  /** @param bounds Upper bounds of the buckets, rising. */
  constructor({ name, help, labelNames, registry }: CellFamily, bounds: readonly number[]) {
    const terms = { name, help, labelNames: [...labelNames], buckets: [...bounds] };
    super({ ...terms, registers: [registry] });
    this.#frame = new Histogram({ ...terms, registers: [] });
    this.#family = name;
    this.#bounds = bounds;
  }

  /** The series with these labels, made at its first use. */
  cell(labels: Labels): HistogramCell {
    const key = JSON.stringify(labels);
    const found = this.#cells.get(key);
    if (found !== undefined) return found.cell;
    const cell = new HistogramCell(this.#bounds);
    this.#cells.set(key, { labels, cell });
    return cell;
  }

  override async get(): Promise<Awaited<ReturnType<Histogram["get"]>>> {
    const values = Array.from(this.#cells.values()).flatMap(({ labels, cell }) => this.#lines(labels, cell));
    return { ...(await this.#frame.get()), values };
  }

  /** The registry asks for this where it exists, and for `get` elsewhere; both say the same. */
  getForPromString(): Promise<Awaited<ReturnType<Histogram["get"]>>> {
    return this.get();
  }

  #lines(labels: Labels, { counts, sum, count }: HistogramCell) {
    const name = this.#family;
    let upTo = 0;
    const buckets = this.#bounds.map((le, i) => {
      upTo += counts[i] ?? 0;
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: upTo };
    });
    return [
      ...buckets,
      { metricName: `${name}_bucket`, labels: { ...labels, le: "+Inf" }, value: count },
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }
}
