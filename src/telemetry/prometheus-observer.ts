// Counts what the gateway tells, for Prometheus to read. Promises:
//
// 1. The number of series is bounded, whatever callers ask for, and no label holds a word that a caller made up: names
//    outside the catalogue are `other`, but for those of models that have answered and whose price is known.
// 2. What a call costs here is a few look-ups and additions; everything else is done when the metrics are read.
import type { Registry } from "prom-client";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import type { AttemptFacts, CallFacts, GatewayObserver } from "../gateway/index.ts";
import { otherValue } from "../kernel/meter.ts";
import { BoundedNames } from "./bounded-names.ts";
import { attributes, labelName, metrics, operationName, prometheusName } from "./names.ts";
import { providerName } from "../models/index.ts";
import type { AttributeKey, MetricKey } from "./names.ts";
import { CellCounter, CellHistogram } from "./prometheus-cells.ts";
import type { CounterCell, HistogramCell, Labels } from "./prometheus-cells.ts";
import { PrometheusMeter } from "./prometheus-meter.ts";
import { ScrapeGauges } from "./prometheus-gauges.ts";
import type { GaugeSources } from "./prometheus-gauges.ts";

/** What the observer is made of. */
export interface PrometheusParts {
  /** Names of the deployments in the catalogue. */
  readonly deployments: Iterable<string>;
  /** Names of the registered products. */
  readonly products: Iterable<string>;
  /** Holds the metrics, together with all others; its own when absent. */
  readonly meter?: PrometheusMeter;
  readonly clock: Clock;
  readonly log: Log;
}

/** Deployments outside the catalogue that are kept apart: models of open providers that have a price. */
const maxUnlisted = 200;
/** Providers, operations and codes that are kept apart; there are some ten, ten and fifty. */
const maxWords = 200;
/** Combinations of labels of calls that are kept apart; a megabyte or two of the text that is read. */
const maxSeries = 10_000;

/** Buckets of the conventions for all times of client calls, seconds. */
const callBounds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/** Buckets for the time that Charter adds, 50 us to 50 ms, seconds. */
const overheadBounds = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05];

/** Stands for the provider, deployment or product that a call did not have. */
const noName = "none";
const tokenLabels = ["operation", "provider", "deployment", "product", "modality"] as const;
const moneyLabels = ["provider", "deployment", "product"] as const;
const streamLabels = ["operation", "provider", "deployment"] as const;
/** Of calls that were answered, and of others: both at once would be a bucket for each code at each deployment. */
const answeredLabels = ["operation", "provider", "deployment", "cache"] as const;
const failedLabels = ["operation", "provider", "error"] as const;
const durationLabels = [...answeredLabels, "error"] as const;

/** All that one call adds to, held together so that it is looked up once. */
interface CallSeries {
  readonly calls: CounterCell;
  readonly duration: HistogramCell;
  readonly overhead: HistogramCell;
  /** Made with the first streamed answer: many calls never have one, and each would show a score of empty lines. */
  firstChunk: HistogramCell | undefined;
  perChunk: HistogramCell | undefined;
  readonly streamLabels: Labels;
  readonly inputTokens: CounterCell;
  readonly outputTokens: CounterCell;
  readonly cacheReadTokens: CounterCell;
  readonly cacheWriteTokens: CounterCell;
  readonly reasoningTokens: CounterCell;
  readonly cost: CounterCell;
  readonly unpriced: CounterCell;
  readonly estimated: CounterCell;
  readonly beyondBound: CounterCell;
  readonly cacheLookups: CounterCell;
  readonly errors: CounterCell | undefined;
}

interface AttemptSeries {
  readonly attempts: CounterCell;
  readonly duration: HistogramCell;
  readonly retries: CounterCell;
}

/** Counts for Prometheus. */
export class PrometheusObserver implements GatewayObserver, AsyncDisposable {
  readonly #meter: PrometheusMeter;
  readonly #ownsMeter: boolean;
  readonly #families: ReturnType<typeof familiesOf>;
  readonly #gauges: ScrapeGauges;
  readonly #deployments: BoundedNames;
  readonly #products: BoundedNames;
  readonly #providers = new BoundedNames([], maxWords);
  readonly #operations = new BoundedNames([], maxWords);
  readonly #codes = new BoundedNames([], maxWords);
  readonly #calls = new Map<string, CallSeries>();
  readonly #attempts = new Map<string, AttemptSeries>();

  constructor({ deployments, products, meter, clock, log }: PrometheusParts) {
    this.#meter = meter ?? new PrometheusMeter(log);
    this.#ownsMeter = meter === undefined;
    const { registry } = this.#meter;
    this.#families = familiesOf(registry);
    this.#deployments = new BoundedNames([...deployments, noName], maxUnlisted);
    this.#products = new BoundedNames([...products, noName], 0);
    this.#gauges = new ScrapeGauges({
      registry,
      deployments: this.#deployments,
      products: this.#products,
      clock,
      log,
    });
    this.#meter.beforeReading(() => this.#gauges.refresh());
  }

  /** Names what is looked at when the metrics are read: the parts of the gateway, which are made after the observer. */
  watch(sources: GaugeSources): void {
    this.#gauges.watch(sources);
  }

  attempted({ provider, status, error, isRetry, durationMs }: AttemptFacts): void {
    const statusClass = status === undefined ? noName : `${Math.trunc(status / 100)}xx`;
    const key = `${provider}\n${statusClass}\n${error ?? ""}`;
    const series = this.#attempts.get(key) ?? this.#newAttempts(key, provider, statusClass, error);
    series.attempts.value++;
    series.duration.observe(durationMs / 1000);
    if (isRetry) series.retries.value++;
  }

  ended(facts: CallFacts): void {
    const { usage, microdollars, firstChunkMs, perChunkMs } = facts;
    const series = this.#seriesOf(facts);
    series.calls.value++;
    series.cacheLookups.value++;
    series.duration.observe(facts.durationMs / 1000);
    series.overhead.observe(facts.overheadMs / 1000);
    if (firstChunkMs !== undefined) {
      series.firstChunk ??= this.#families.firstChunk.cell(series.streamLabels);
      series.firstChunk.observe(firstChunkMs / 1000);
    }
    if (perChunkMs !== undefined) {
      series.perChunk ??= this.#families.perChunk.cell(series.streamLabels);
      series.perChunk.observe(perChunkMs / 1000);
    }
    series.inputTokens.value += usage.inputTokens;
    series.outputTokens.value += usage.outputTokens;
    series.cacheReadTokens.value += usage.cacheReadTokens;
    series.cacheWriteTokens.value += usage.cacheWriteTokens;
    series.reasoningTokens.value += usage.reasoningTokens;
    if (microdollars === null) series.unpriced.value++;
    else series.cost.value += microdollars;
    if (usage.estimated) series.estimated.value++;
    if (facts.isBeyondBound) series.beyondBound.value++;
    if (series.errors !== undefined) series.errors.value++;
    this.#countParameters(facts.parameters);
  }

  #countParameters({ effects, unknown, refused }: CallFacts["parameters"]): void {
    for (const effect of unknown ? [...effects, "unknown"] : effects) {
      const outcome = refused ? "refused" : "passed";
      this.#families.parameters.cell(picked({ effect, outcome }, parameterLabels)).value++;
    }
  }

  /** The media type of `text`. */
  get mediaType(): string {
    return this.#meter.mediaType;
  }

  /** All metrics of its meter in the text format of Prometheus. */
  text(): Promise<string> {
    return this.#meter.text();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ownsMeter) this.#meter[Symbol.dispose]();
  }

  #seriesOf({ operation, provider, deployment, tier, cache, product, error, microdollars }: CallFacts): CallSeries {
    const work = this.#operations.admit(operation);
    const maker = this.#providers.admit(provider ?? noName);
    const code = error === undefined ? "ok" : this.#codes.admit(error);
    // Many a server answers to any name; what has a price is a real model.
    const isKnown = error === undefined && microdollars !== null;
    const place = this.#deployments[isKnown ? "admit" : "find"](deployment ?? noName);
    const account = this.#products.admit(product ?? noName);
    const key = `${work}\n${maker}\n${place}\n${tier}\n${code}\n${cache}\n${account}`;
    const found = this.#calls.get(key);
    if (found !== undefined) return found;
    const isFull = this.#calls.size >= maxSeries;
    return this.#newCalls(key, isFull, {
      charterOperation: work,
      operation: operationName(operation),
      provider: providerName(maker),
      deployment: isFull ? otherValue : place,
      tier,
      outcome: code,
      cache,
      product: isFull ? otherValue : account,
      modality: "unknown",
      ...(error === undefined ? {} : { error: code }),
    });
  }

  #newCalls(key: string, isFull: boolean, all: AllLabels): CallSeries {
    const f = this.#families;
    const [tokens, money] = [picked(all, tokenLabels), picked(all, moneyLabels)];
    const duration = all.operation === "embeddings" ? f.embeddingsDuration : f.inferenceDuration;
    const series: CallSeries = {
      calls: f.calls.cell(picked(all, callLabels)),
      duration: duration.cell(picked(all, all.error === undefined ? answeredLabels : failedLabels)),
      overhead: f.overhead.cell(picked(all, ["cache"])),
      firstChunk: undefined,
      perChunk: undefined,
      streamLabels: picked(all, streamLabels),
      inputTokens: f.inputTokens.cell(tokens),
      outputTokens: f.outputTokens.cell(tokens),
      cacheReadTokens: f.cacheReadTokens.cell(tokens),
      cacheWriteTokens: f.cacheWriteTokens.cell(tokens),
      reasoningTokens: f.reasoningTokens.cell(tokens),
      cost: f.cost.cell(money),
      unpriced: f.unpriced.cell(money),
      estimated: f.estimated.cell(money),
      beyondBound: f.beyondBound.cell(money),
      cacheLookups: f.cacheLookups.cell(picked(all, ["cache", "product"])),
      errors: all.error === undefined ? undefined : f.errors.cell(picked(all, ["error", "product"])),
    };
    // Those that there is no room for share the cells of `other` and are looked up again each time.
    if (!isFull) this.#calls.set(key, series);
    return series;
  }

  #newAttempts(key: string, provider: string, status: string, error: string | undefined): AttemptSeries {
    const { attempts, attemptDuration, retries } = this.#families;
    const maker = { provider: providerName(this.#providers.admit(provider)) };
    const all = { ...maker, status, ...(error === undefined ? {} : { error: this.#codes.admit(error) }) };
    const series: AttemptSeries = {
      attempts: attempts.cell(picked(all, attemptLabels)),
      duration: attemptDuration.cell(picked(maker, ["provider"])),
      retries: retries.cell(picked(maker, ["provider"])),
    };
    if (this.#attempts.size < maxSeries) this.#attempts.set(key, series);
    return series;
  }
}

const callLabels = ["charterOperation", "provider", "deployment", "tier", "outcome", "cache", "product"] as const;
const parameterLabels = ["effect", "outcome"] as const;
const attemptLabels = ["provider", "status", "error"] as const;

type AllLabels = Readonly<Partial<Record<AttributeKey, string | number>>>;

/** The labels of one metric, under their names in Prometheus. */
function picked(all: AllLabels, keys: readonly AttributeKey[]): Labels {
  const labels: Record<string, string | number> = {};
  for (const key of keys) {
    const value = all[key];
    if (value !== undefined) labels[labelName(attributes[key])] = value;
  }
  return labels;
}

function familiesOf(registry: Registry) {
  const family = (key: MetricKey, keys: readonly AttributeKey[]) => ({
    name: prometheusName(metrics[key]),
    help: metrics[key].help,
    labelNames: keys.map((each) => labelName(attributes[each])),
    registry,
  });
  const counter = (key: MetricKey, keys: readonly AttributeKey[]) => new CellCounter(family(key, keys));
  const times = (key: MetricKey, keys: readonly AttributeKey[], bounds = callBounds) =>
    new CellHistogram(family(key, keys), bounds);
  return {
    calls: counter("calls", callLabels),
    inferenceDuration: times("inferenceDuration", durationLabels),
    embeddingsDuration: times("embeddingsDuration", durationLabels),
    overhead: times("overhead", ["cache"], overheadBounds),
    firstChunk: times("firstChunk", streamLabels),
    perChunk: times("perChunk", streamLabels),
    inputTokens: counter("inputTokens", tokenLabels),
    outputTokens: counter("outputTokens", tokenLabels),
    cacheReadTokens: counter("cacheReadTokens", tokenLabels),
    cacheWriteTokens: counter("cacheWriteTokens", tokenLabels),
    reasoningTokens: counter("reasoningTokens", tokenLabels),
    cost: counter("cost", moneyLabels),
    unpriced: counter("unpriced", moneyLabels),
    estimated: counter("estimated", moneyLabels),
    beyondBound: counter("beyondBound", moneyLabels),
    cacheLookups: counter("cacheLookups", ["cache", "product"]),
    errors: counter("errors", ["error", "product"]),
    parameters: counter("parameters", parameterLabels),
    attempts: counter("attempts", attemptLabels),
    attemptDuration: times("attemptDuration", ["provider"]),
    retries: counter("retries", ["provider"]),
  };
}
