// What one product has met at the deployments: breakers, keys at rest, successes, pace, retries. Nothing here is shared with
// another product, so what one product's calls do to a deployment's standing, no other product notices:
//
// 1. A breaker is opened by the failures of its own product's calls alone. Which failures come from the deployment and which
//    from what was asked cannot be told apart from here; a deployment that is really down costs each product five calls.
// 2. What is remembered of models that callers name is bounded for each product by itself.
import { steady } from "../kernel/clock.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import type { Deployment, DialectName, ModelCall, Provider, ProviderKeys } from "../models/index.ts";
import type { Health } from "./health.ts";
import { Breakers, RetryBudget } from "../outbound/index.ts";
import { DeniedKeys, dialectFor, KeyRotation } from "../models/index.ts";
import type { Breaker, BreakerStats } from "../outbound/index.ts";

/** Outcomes that the share of successes looks back on, and weight of the newest latency, as exponential averages. */
const [successWeight, latencyWeight] = [0.1, 0.2];
/** Most deployments that are remembered of one product; listed ones are at most 512. */
const maxStations = 1024;

/** How long a field is left out that a server did not know, milliseconds: servers are renewed now and then. */
const forgoneMs = 3_600_000;

/** Fields that a server was found not to know. */
export class ForgoneFields {
  readonly #clock: Clock;
  readonly #untilMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = steady(clock);
  }

  /** Whether a field is to be left out. */
  has(field: string): boolean {
    return (this.#untilMs.get(field) ?? 0) > this.#clock.nowMs();
  }

  /** The server did not know a field. */
  add(field: string): void {
    this.#untilMs.set(field, this.#clock.nowMs() + forgoneMs);
  }
}

/** How long it is remembered that a deployment wants to be asked in another API; it may be another server by then. */
const turnedMs = 10 * 60_000;

/** In which API a deployment has said that it must be asked: some take tools in one of two only. */
class TurnedApis {
  readonly #turned = new Map<boolean, { readonly dialect: DialectName; readonly untilMs: number }>();

  /** The API for calls with tools or without; undefined where nothing was said. */
  of({ tools }: Pick<ModelCall, "tools">, nowMs: number): DialectName | undefined {
    const turned = this.#turned.get(tools.length > 0);
    return turned !== undefined && nowMs < turned.untilMs ? turned.dialect : undefined;
  }

  /** A deployment wants to be asked in another API. */
  turn({ tools }: Pick<ModelCall, "tools">, dialect: DialectName, nowMs: number): void {
    this.#turned.set(tools.length > 0, { dialect, untilMs: nowMs + turnedMs });
  }
}

/** How the calls of one product go at one deployment. */
export class DeploymentState {
  readonly breaker: Breaker;
  readonly ring: KeyRotation;
  readonly denied = new DeniedKeys();
  readonly forgone: ForgoneFields;
  readonly apis = new TurnedApis();
  /** Calls under way. */
  inFlight = 0;
  #success = 1;
  #latencyMs: number | null = null;

  constructor(breaker: Breaker, ring: KeyRotation, clock: Clock) {
    this.breaker = breaker;
    this.forgone = new ForgoneFields(clock);
    this.ring = ring;
  }

  /** A call went well. */
  succeeded(tookMs: number): void {
    this.#success += successWeight * (1 - this.#success);
    this.#latencyMs = this.#latencyMs === null ? tookMs : this.#latencyMs + latencyWeight * (tookMs - this.#latencyMs);
  }

  /** A call failed, and the deployment may be to blame. */
  failed(): void {
    this.#success -= successWeight * this.#success;
  }

  /** How the deployment does. */
  health(concurrency: number): Health {
    const degraded = this.breaker.state !== "closed" || this.ring.readyInMs > 0 || this.#success < 0.5;
    return {
      state: !this.breaker.admits ? "open" : degraded ? "degraded" : "configured",
      success: this.#success,
      load: this.inFlight / concurrency,
      latencyMs: this.#latencyMs,
    };
  }
}

/** A deployment that the product has not called. */
const fresh: Health = { state: "configured", success: 1, load: 0, latencyMs: null };

/** What a share is made of. */
export interface FleetShareParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Who it is, for the log. */
  readonly holder: string;
  readonly keysOf: (provider: Provider) => ProviderKeys;
}

/** The standing of all deployments as one product has met it. */
export class FleetShare {
  readonly #parts: FleetShareParts;
  readonly #breakers: Breakers;
  readonly #stations = new Map<string, DeploymentState>();
  readonly #budgets = new Map<string, RetryBudget>();

  constructor(parts: FleetShareParts) {
    this.#parts = parts;
    this.#breakers = new Breakers(parts.clock);
  }

  /** How a deployment does for this product. */
  healthOf({ name, concurrency }: Deployment): Health {
    return this.#stations.get(name)?.health(concurrency) ?? fresh;
  }

  /** The API in which a deployment is asked for a call. */
  dialectFor(deployment: Deployment, call: ModelCall): DialectName {
    const turned = this.#stations.get(deployment.name)?.apis.of(call, steady(this.#parts.clock).nowMs());
    return turned ?? dialectFor(deployment, call);
  }

  /** The breakers by deployment. */
  breakers(): Readonly<Record<string, BreakerStats>> {
    return this.#breakers.stats();
  }

  /** Closes all breakers, or one; the names of those that were there. */
  resetBreakers(name?: string): readonly string[] {
    const names = name === undefined ? Object.keys(this.#breakers.stats()) : [name];
    return names.filter((each) => this.#breakers.reset(each));
  }

  /** The retries of a provider. */
  retries({ name }: Provider): RetryBudget {
    return madeOnce(this.#budgets, name, () => new RetryBudget(this.#parts.clock));
  }

  /** What the product knows of a deployment, to be used by a call. */
  station({ name, provider }: Deployment): DeploymentState {
    const known = this.#stations.get(name);
    if (known !== undefined) return known;
    if (this.#stations.size >= maxStations) this.#forgetIdle();
    const { clock, holder, keysOf } = this.#parts;
    const log = aboutHolder(this.#parts.log, holder);
    const ring = new KeyRotation({
      provider: provider.name,
      secrets: provider.keys,
      clock,
      log,
      holder,
      shared: keysOf(provider),
    });
    const station = new DeploymentState(this.#breakers.get(name), ring, clock);
    this.#stations.set(name, station);
    return station;
  }

  /** Models of open providers are named by callers, so their number is bounded: the oldest idle ones go. */
  #forgetIdle(): void {
    for (const [name, { inFlight }] of this.#stations) {
      if (this.#stations.size < maxStations) return;
      // A listed name has no slash, and its breaker must not be forgotten.
      if (inFlight > 0 || !name.includes("/")) continue;
      this.#stations.delete(name);
      this.#breakers.forget(name);
    }
  }
}

/** The value of a map, made at its first use. */
export function madeOnce<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

/** A log whose lines say for whom. */
function aboutHolder(log: Log, holder: string): Log {
  return {
    debug: (fields, message) => log.debug({ ...fields, holder }, message),
    info: (fields, message) => log.info({ ...fields, holder }, message),
    warn: (fields, message) => log.warn({ ...fields, holder }, message),
    error: (fields, message) => log.error({ ...fields, holder }, message),
  };
}
