// The deployments at work. Every product has a share of them of its own (fleet-share.ts): breakers, keys at rest, retries. What
// products do share, they share fairly: the places at a deployment and the connections to a provider. One attempt is made here;
// which deployment it goes to and what follows from its failure is the gateway's business.
import { steady } from "../kernel/clock.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import { holderOf } from "../kernel/fair-share.ts";
import type {
  Deployment,
  DialectName,
  ModelCall,
  OfferedModel,
  Provider,
  UpstreamDialect,
  Verdict,
  WireRequest,
} from "../models/index.ts";
import { isFailure, refusalOf, restingFault, StatusFault, unavailable, wordsOf } from "./faults.ts";
import type { Words } from "./faults.ts";
import { checkKeys } from "./key-check.ts";
import type { KeyCheck } from "./key-check.ts";
import { ModelLists } from "./model-lists.ts";
import { FleetShare, madeOnce } from "./share.ts";
import type { DeploymentState, ForgoneFields } from "./share.ts";
import { overviewOf, worstOf } from "./overview.ts";
import type { BreakerOverview } from "./overview.ts";
import type { Health } from "./health.ts";
import { Concurrency, outcomeOf } from "../outbound/index.ts";
import {
  dialectAfter,
  keyHeaderOf,
  ProviderKeys,
  refusedRestMs,
  restMs,
  saidRestMs,
  verdictOf,
} from "../models/index.ts";
import type { BreakerStats, Deadlines, Permit, Place, Upstream, UpstreamAnswer } from "../outbound/index.ts";

/** Most calls that wait for a place at one deployment, and how long; then another deployment is tried. */
const line = { maxWaiting: 1024, maxWaitMs: 10_000 };
/** Most deployments whose places are kept; listed ones are at most 512. */
const maxKeptPlaces = 2048;

/** One attempt. */
export interface Attempt {
  /** For whom; null for callers of no product. */
  readonly product: string | null;
  readonly wire: Omit<WireRequest, "body">;
  /** The body, as it goes out. */
  readonly body: string | Buffer;
  readonly dialect: Pick<UpstreamDialect, "readError">;
  /** Told when the request is about to leave: from here on the provider may bill for it. */
  readonly leaving: () => void;
  /** Headers of the caller that the dialect passes on. */
  readonly passed: Readonly<Record<string, string>>;
  readonly deadlines: Deadlines;
  readonly signal: AbortSignal;
}

/** Something that is asked of a provider and is no call of a model. */
export interface Inquiry extends Omit<Attempt, "leaving"> {
  /** Largest answer that is read. */
  readonly maxBytes: number;
}

/** A call that failed, and the API in which it was made. */
interface Refused {
  readonly call: ModelCall;
  readonly asked: DialectName;
  readonly error: unknown;
}

/** An answer whose head says that it went well. The reader of its body must report how it ended, once. */
export interface UpstreamResponse {
  readonly answer: UpstreamAnswer;
  /** The body came to a good end. */
  complete(): void;
  /** The body ended in a failure of the provider, or the caller left. */
  broke(error: unknown): void;
}

/** What a fleet is made of. */
export interface FleetParts {
  /** Connections for a provider that is configured. */
  readonly connect: (provider: Provider) => Upstream;
  readonly clock: Clock;
  readonly log: Log;
}

/** What one attempt holds until it is over. */
interface AttemptHold {
  readonly station: DeploymentState;
  /** At the deployment and at its provider. */
  readonly places: readonly Place[];
  readonly permit: Permit;
  readonly beganMs: number;
}

/** The deployments of one server. */
export class DeploymentPool implements AsyncDisposable {
  readonly #parts: FleetParts;
  readonly #shares = new Map<string, FleetShare>();
  readonly #upstreams = new Map<string, Upstream>();
  readonly #keys = new Map<string, ProviderKeys>();
  readonly #places = new Map<string, Concurrency>();
  readonly #connections = new Map<string, Concurrency>();
  readonly #lists: ModelLists;

  constructor(parts: FleetParts) {
    this.#parts = parts;
    this.#lists = new ModelLists({ ...parts, upstreamOf: (provider) => this.#upstream(provider) });
  }

  /** How a deployment does for a product, by what that product has met there; null for callers of no product. */
  healthOf(deployment: Deployment, product: string | null): Health {
    return lacking(deployment) ?? this.#share(product).healthOf(deployment);
  }

  /** How a deployment does for everyone together; for those who see all. */
  overallHealthOf(deployment: Deployment): Health {
    const health = worstOf([...this.#shares.values()].map((share) => share.healthOf(deployment)));
    const figures = this.#places.get(deployment.name)?.figures();
    return (
      lacking(deployment) ?? {
        ...health,
        load: figures === undefined ? 0 : figures.inFlight / figures.maxInFlight,
        latencyMs: figures?.latencyMs ?? null,
      }
    );
  }

  /** A call of a product begins at this provider; earns its retries. */
  earn(provider: Provider, product: string | null): void {
    this.#share(product).retries(provider).call();
  }

  /** Whether another attempt at this provider is within the product's budget of retries. */
  mayRetry(provider: Provider, product: string | null): boolean {
    return this.#share(product).retries(provider).tryRetry();
  }

  /** Fields that a deployment has been found not to know by a product's calls, to be left out for a while. */
  forgoneBy(deployment: Deployment, product: string | null): ForgoneFields {
    return this.#share(product).station(deployment).forgone;
  }

  /** The API in which a deployment is asked for a product's call. */
  dialectFor(deployment: Deployment, product: string | null, call: ModelCall): DialectName {
    return this.#share(product).dialectFor(deployment, call);
  }

  /** Whether a failure says that the call must be made in another API of the deployment; it is remembered. */
  turns(deployment: Deployment, product: string | null, { call, asked, error }: Refused): boolean {
    if (!(error instanceof StatusFault)) return false;
    const share = this.#share(product);
    const dialect = dialectAfter(deployment, asked, { status: error.status, message: error.words?.message ?? "" });
    if (dialect === undefined) return false;
    share.station(deployment).apis.turn(call, dialect, steady(this.#parts.clock).nowMs());
    return true;
  }

  /**
   * Makes one attempt; a key that the provider refuses, limits or denies the model is replaced by the next one.
   * @throws UpstreamFault; `model.unavailable` when there is no place, no key or the breaker is open; `upstream.refused`
   * with the provider's words; the signal's reason.
   */
  async attempt(deployment: Deployment, attempt: Attempt): Promise<UpstreamResponse> {
    const station = this.#share(attempt.product).station(deployment);
    const places = await this.#enter(deployment, attempt);
    const permit = station.breaker.ask();
    if (permit === undefined) {
      for (const place of places) place[Symbol.dispose]();
      throw unavailable(deployment, "its breaker is open", Math.ceil(station.breaker.retryInMs / 1000));
    }
    const held: AttemptHold = { station, places, permit, beganMs: steady(this.#parts.clock).nowMs() };
    station.inFlight++;
    try {
      const answer = await this.#send(deployment, station, attempt);
      for (const place of places) place.firstByte();
      return this.#landing(held, answer);
    } catch (error) {
      failed(held, error);
      throw error;
    }
  }

  /**
   * Asks a provider something that is no call of a model; neither breakers nor keys change by how that goes.
   * @throws As `attempt`.
   */
  async inquire(deployment: Deployment, inquiry: Inquiry): Promise<Buffer> {
    const { provider } = deployment;
    const { wire, body, passed, deadlines, signal } = inquiry;
    const { ring, denied, breaker } = this.#share(inquiry.product).station(deployment);
    const key = breaker.state === "open" ? undefined : ring.take(denied);
    if (key === undefined) throw unavailable(deployment, "its breaker is open, or no key is ready", 1);
    const places = await this.#enter(deployment, inquiry);
    try {
      const keyHeader = key.secret === undefined ? {} : keyHeaderOf(provider, key.secret);
      const headers = { ...provider.headers, ...passed, ...wire.headers, ...keyHeader };
      const answer = await this.#upstream(provider).send({ path: wire.path, headers, body, deadlines, signal });
      const { status } = answer;
      if (status >= 200 && status < 300) return await answer.collect(inquiry.maxBytes);
      const words = await wordsOf(answer, inquiry.dialect, provider.keys);
      throw refusalOf(provider, status, words);
    } finally {
      for (const place of places) place[Symbol.dispose]();
    }
  }

  /** Asks a provider whether it knows its keys. @throws The signal's reason. */
  checkKeys(provider: Provider, signal: AbortSignal): Promise<readonly KeyCheck[]> {
    return checkKeys(provider, (each) => this.#upstream(each), signal);
  }

  /** The models that a configured provider says it has, as it last said it; a slow one is waited for a second. Never fails. */
  modelsOf(provider: Provider): Promise<readonly OfferedModel[]> {
    return this.#lists.of(provider);
  }

  /** The breakers that a product's calls have met, by deployment. */
  breakersOf(product: string | null): Readonly<Record<string, BreakerStats>> {
    return this.#share(product).breakers();
  }

  /** The breakers of all products together, by deployment. */
  breakers(): Readonly<Record<string, BreakerOverview>> {
    return overviewOf([...this.#shares].map(([holder, share]) => [holder, share.breakers()] as const));
  }

  /** Closes all breakers, or those of one deployment; says of how many deployments. */
  resetBreakers(name?: string): number {
    return new Set([...this.#shares.values()].flatMap((share) => share.resetBreakers(name))).size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lists[Symbol.dispose]();
    await Promise.all([...this.#upstreams.values()].map((upstream) => upstream[Symbol.asyncDispose]()));
  }

  /** A place at the deployment and one at its provider. */
  async #enter(
    deployment: Deployment,
    { product, signal }: Pick<Attempt, "product" | "signal">,
  ): Promise<readonly Place[]> {
    const holder = holderOf(product);
    const entered: Place[] = [];
    try {
      for (const gate of [this.#placesOf(deployment), this.#connectionsOf(deployment.provider)]) {
        const place = gate.tryEnter(holder) ?? (await gate.enter(signal, holder));
        if (place === undefined) throw unavailable(deployment, "too many calls wait for it", 1);
        entered.push(place);
      }
      return entered;
    } catch (error) {
      for (const place of entered) place[Symbol.dispose]();
      throw error;
    }
  }

  async #send({ name, provider }: Deployment, station: DeploymentState, attempt: Attempt): Promise<UpstreamAnswer> {
    const { ring, denied } = station;
    const upstream = this.#upstream(provider);
    const { wire, body, passed, deadlines, signal } = attempt;
    for (;;) {
      const key = ring.take(denied);
      if (key === undefined) {
        throw restingFault(provider, ring.restReason, ring.readyInMs);
      }
      const keyHeader = key.secret === undefined ? {} : keyHeaderOf(provider, key.secret);
      const headers = { ...provider.headers, ...passed, ...wire.headers, ...keyHeader };
      attempt.leaving();
      const answer = await upstream.send({ path: wire.path, headers, body, deadlines, signal });
      const { status } = answer;
      if (status >= 200 && status < 300) {
        denied.delete(key);
        return answer;
      }
      // Of 401 and 403 the words say nothing that decides; the body of one that another key may pass is not waited for.
      const isEarly = status === 401 || status === 403;
      const words = isEarly ? undefined : await wordsOf(answer, attempt.dialect, provider.keys);
      const verdict = verdictOf(status, words);
      const told = saidHeaders(answer, words);
      const another = status === 403 ? ring.wasDenied(key, denied, name) : ring.answered(key, verdict, told, status);
      if (another) {
        answer.cancel();
        continue;
      }
      const nowMs = this.#parts.clock.nowMs();
      const said = isEarly ? await wordsOf(answer, attempt.dialect, provider.keys) : words;
      const waits: Partial<Record<Verdict, number>> = {
        rate: ring.readyInMs,
        key: refusedRestMs,
        overloaded: waitOf(told, nowMs),
      };
      throw refusalOf(provider, status, said, waits[verdictOf(status, said)]);
    }
  }

  #landing(held: AttemptHold, answer: UpstreamAnswer): UpstreamResponse {
    let isOver = false;
    return {
      answer,
      complete: () => {
        if (isOver) return;
        isOver = true;
        held.permit.settle("success");
        held.station.inFlight--;
        for (const place of held.places) place.complete();
        held.station.succeeded(steady(this.#parts.clock).nowMs() - held.beganMs);
      },
      broke: (error) => {
        if (isOver) return;
        isOver = true;
        answer.cancel();
        failed(held, error);
      },
    };
  }

  #share(product: string | null): FleetShare {
    const holder = holderOf(product);
    return this.#shares.get(holder) ?? this.#newShare(holder);
  }

  #newShare(holder: string): FleetShare {
    const { clock, log } = this.#parts;
    const keysOf = ({ name }: Provider): ProviderKeys => madeOnce(this.#keys, name, () => new ProviderKeys());
    return madeOnce(this.#shares, holder, () => new FleetShare({ clock, log, holder, keysOf }));
  }

  #placesOf({ name, concurrency }: Deployment): Concurrency {
    if (this.#places.size >= maxKeptPlaces && !this.#places.has(name)) this.#forgetIdle();
    return madeOnce(
      this.#places,
      name,
      () => new Concurrency({ ...line, maxInFlight: concurrency }, this.#parts.clock),
    );
  }

  /** Models of open providers are named by callers; the places of those that no one calls any more go. */
  #forgetIdle(): void {
    for (const [name, places] of this.#places) {
      const { inFlight, waiting } = places.figures();
      if (inFlight + waiting === 0 && name.includes("/")) this.#places.delete(name);
    }
  }

  #connectionsOf({ name, connections }: Provider): Concurrency {
    const terms = { ...line, maxInFlight: connections };
    return madeOnce(this.#connections, name, () => new Concurrency(terms, this.#parts.clock));
  }

  #upstream(provider: Provider): Upstream {
    return madeOnce(this.#upstreams, provider.name, () => this.#parts.connect(provider));
  }
}

/** The headers of a refusal, with the wait that only its body names. */
function saidHeaders({ headers }: UpstreamAnswer, words: Words | undefined): UpstreamAnswer["headers"] {
  const { retryAfter } = words ?? {};
  return retryAfter === undefined || "retry-after" in headers ? headers : { ...headers, "retry-after": retryAfter };
}

/** How long a provider asks to be left alone, milliseconds; 0 where it does not say. */
function waitOf(headers: UpstreamAnswer["headers"], nowMs: number): number {
  return saidRestMs(headers, nowMs) === undefined ? 0 : restMs(headers, nowMs);
}

/** How a deployment stands whose provider is not configured. */
function lacking({ provider }: Deployment): Health | undefined {
  if (provider.lacks === undefined) return undefined;
  return { state: "unconfigured", success: 0, load: 0, latencyMs: null };
}

function failed({ station, places, permit }: AttemptHold, error: unknown): void {
  const outcome =
    error instanceof StatusFault ? outcomeOf(error.status) : isFailure(error) ? "failure" : outcomeOf(error);
  permit.settle(outcome);
  station.inFlight--;
  for (const place of places) place[Symbol.dispose]();
  if (outcome === "failure") station.failed();
}
