// What is looked at of the gateway when the metrics are read and at no other time: breakers, load, cache, budgets.
// A source that fails or is slow leaves its gauges as they were; the rest is read all the same.
import { setTimeout as sleep } from "node:timers/promises";
import { Gauge } from "prom-client";
import type { Registry } from "prom-client";
import { steady } from "../kernel/clock.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import type { BudgetLine } from "../budgets/index.ts";
import type { CacheStats } from "../answer-cache/index.ts";
import type { Deployment } from "../models/index.ts";
import type { Health } from "../gateway/index.ts";
import type { BreakerState } from "../outbound/index.ts";
import type { BoundedNames } from "./bounded-names.ts";
import { tightestBudgets } from "./budget-left.ts";
import type { BudgetLeft } from "./budget-left.ts";
import { attributes, labelName, metrics, prometheusName } from "./names.ts";
import type { AttributeKey, MetricKey } from "./names.ts";

/** The parts of the gateway that are looked at. */
export interface GaugeSources {
  readonly fleet: {
    breakers(): Readonly<Record<string, { readonly state: BreakerState }>>;
    overallHealthOf(deployment: Deployment): Pick<Health, "load">;
  };
  readonly deployments: readonly Deployment[];
  readonly cache: { stats(): Pick<CacheStats, "near" | "heldBytes"> };
  readonly budgets: { state(query: object): Promise<{ readonly budgets: readonly BudgetLine[] }> };
}

/** What the gauges are made of. */
export interface GaugeParts {
  readonly registry: Registry;
  readonly deployments: BoundedNames;
  readonly products: BoundedNames;
  readonly clock: Clock;
  readonly log: Log;
}

/** How old the state of the budgets may be, milliseconds: it takes a few queries, and several may read the metrics. */
const budgetsAgeMs = 5000;
/** How long a reading of the metrics waits for the budgets, milliseconds. */
const budgetsWaitMs = 1000;

const breakerStates: readonly BreakerState[] = ["closed", "half_open", "open"];

/** The gauges of one registry. */
export class ScrapeGauges {
  readonly #parts: GaugeParts;
  readonly #gauges;
  #sources: GaugeSources | undefined;
  #budgets: readonly BudgetLeft[] = [];
  #budgetsMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(parts: GaugeParts) {
    this.#parts = parts;
    this.#gauges = gaugesOf(parts.registry);
  }

  /** Says what is looked at; until then nothing is. */
  watch(sources: GaugeSources): void {
    this.#sources = sources;
  }

  /** Brings all gauges up to date. Never rejects. */
  async refresh(): Promise<void> {
    if (this.#sources === undefined) return;
    this.#showFleet(this.#sources);
    this.#showCache(this.#sources);
    await this.#readBudgets(this.#sources);
    this.#showBudgets();
  }

  #showFleet({ fleet, deployments }: GaugeSources): void {
    const { breakerState, inFlight, load } = this.#gauges;
    breakerState.reset();
    for (const [name, { state }] of Object.entries(fleet.breakers())) {
      const deployment = this.#parts.deployments.find(name);
      for (const each of breakerStates) {
        breakerState.inc(labels({ deployment, state: each }), each === state ? 1 : 0);
      }
    }
    inFlight.reset();
    load.reset();
    for (const deployment of deployments) {
      const share = fleet.overallHealthOf(deployment).load;
      const label = labels({ deployment: deployment.name });
      inFlight.set(label, Math.round(share * deployment.concurrency));
      load.set(label, share);
    }
  }

  #showCache({ cache }: GaugeSources): void {
    const { near, heldBytes } = cache.stats();
    this.#gauges.cacheEntries.set(near.entries);
    this.#gauges.cacheMemory.set(near.bytes + heldBytes);
  }

  async #readBudgets({ budgets }: GaugeSources): Promise<void> {
    const nowMs = steady(this.#parts.clock).nowMs();
    if (this.#reading === undefined && nowMs - this.#budgetsMs >= budgetsAgeMs) {
      this.#budgetsMs = nowMs;
      this.#reading = budgets
        .state({})
        .then((state) => {
          this.#budgets = tightestBudgets(state.budgets);
        })
        .catch((error: unknown) => {
          this.#parts.log.warn({ err: error }, "the budgets could not be read for the metrics");
        })
        .finally(() => {
          this.#reading = undefined;
        });
    }
    if (this.#reading === undefined) return;
    const late = new AbortController();
    await Promise.race([
      this.#reading,
      sleep(budgetsWaitMs, undefined, { signal: late.signal, ref: false }).catch(() => {}),
    ]);
    late.abort();
  }

  #showBudgets(): void {
    const { budgetLeft, budgetLimit } = this.#gauges;
    budgetLeft.reset();
    budgetLimit.reset();
    for (const { product, unit, window, left, limit } of this.#budgets) {
      const name = product === "all" ? product : this.#parts.products.find(product);
      const label = labels({ product: name, unit, window });
      budgetLeft.set(label, left);
      budgetLimit.set(label, limit);
    }
  }
}

function labels(all: Readonly<Partial<Record<AttributeKey, string>>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(all).map(([key, value]) => [labelName(attributes[key as AttributeKey]), value]),
  );
}

function gaugesOf(registry: Registry) {
  const gauge = (key: MetricKey, keys: readonly AttributeKey[] = []) =>
    new Gauge({
      name: prometheusName(metrics[key]),
      help: metrics[key].help,
      labelNames: keys.map((each) => labelName(attributes[each])),
      registers: [registry],
    });
  return {
    breakerState: gauge("breakerState", ["deployment", "state"]),
    inFlight: gauge("inFlight", ["deployment"]),
    load: gauge("load", ["deployment"]),
    cacheEntries: gauge("cacheEntries"),
    cacheMemory: gauge("cacheMemory"),
    budgetLeft: gauge("budgetLeft", ["product", "unit", "window"]),
    budgetLimit: gauge("budgetLimit", ["product", "unit", "window"]),
  };
}
