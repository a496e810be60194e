// The deployments at work: for each its breaker, its places and how it fares, for each provider its connections and keys.
// One attempt is made here; which deployment it goes to and what follows from its failure is the gateway's business.
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import type { FaultFacts } from "../kernel/fault.ts";
import type { Deployment, Provider } from "./catalogue/index.ts";
import type { UpstreamDialect, WireRequest } from "./conversation.ts";
import { gatewayFault } from "./errors.ts";
import { cleanWords } from "./provider-words.ts";
import type { Health } from "./router.ts";
import {
  Breakers,
  Concurrency,
  DeniedKeys,
  KeyRing,
  outcomeOf,
  RetryBudget,
  UpstreamFault,
} from "./upstreams/index.ts";
import type {
  Breaker,
  BreakerStats,
  Deadlines,
  KeyStanding,
  Permit,
  Place,
  Upstream,
  UpstreamAnswer,
} from "./upstreams/index.ts";

/** Most calls that wait for a place at one deployment, and how long; then another deployment is tried. */
const line = { maxWaiting: 1024, maxWaitMs: 10_000 };
/** Largest body of a refusal that is read for the provider's words, bytes. */
const maxErrorBytes = 64 * 1024;
/** Outcomes that the share of successes looks back on, as an exponential average. */
const successWeight = 0.1;

/** One attempt. */
export interface Attempt {
  readonly wire: Omit<WireRequest, "body">;
  /** The body, as it goes out. */
  readonly body: string;
  readonly dialect: Pick<UpstreamDialect, "readError">;
  /** Headers of the caller that the dialect passes on. */
  readonly passed: Readonly<Record<string, string>>;
  readonly deadlines: Deadlines;
  readonly signal: AbortSignal;
}

/** An answer whose head says that it went well; whoever reads the body tells how it ended, once. */
export interface Landing {
  readonly answer: UpstreamAnswer;
  /** The body came to a good end. */
  complete(): void;
  /** The body ended in a failure of the provider, or the caller left. */
  broke(error: unknown): void;
}

/** How a deployment stands, for people. */
export interface DeploymentStanding {
  readonly deployment: Deployment;
  readonly health: Health;
}

interface Station {
  readonly breaker: Breaker;
  readonly places: Concurrency;
  readonly denied: DeniedKeys;
  success: number;
}

/** What a fleet is made of. */
export interface FleetParts {
  /** Connections for a provider that is configured. */
  readonly connect: (provider: Provider) => Upstream;
  readonly clock: Clock;
  readonly log: Log;
}

/** The deployments of one server. */
export class Fleet implements AsyncDisposable {
  readonly #parts: FleetParts;
  readonly #breakers: Breakers;
  readonly #stations = new Map<string, Station>();
  readonly #upstreams = new Map<string, Upstream>();
  readonly #rings = new Map<string, KeyRing>();
  readonly #budgets = new Map<string, RetryBudget>();

  constructor(parts: FleetParts) {
    this.#parts = parts;
    this.#breakers = new Breakers(parts.clock);
  }

  /** How a deployment does. */
  healthOf(deployment: Deployment): Health {
    const { provider } = deployment;
    const station = this.#stations.get(deployment.name);
    if (provider.lacks !== undefined) return { state: "unconfigured", success: 0, load: 0, latencyMs: null };
    if (station === undefined) return fresh;
    const { inFlight, maxInFlight, latencyMs } = station.places.figures();
    const { breaker, success } = station;
    const ring = this.#rings.get(provider.name);
    const resting = ring !== undefined && ring.readyAtMs > this.#parts.clock.nowMs();
    const open = !breaker.admits;
    const degraded = breaker.state !== "closed" || resting || success < 0.5;
    const state = open ? "open" : degraded ? "degraded" : "configured";
    return { state, success, load: inFlight / maxInFlight, latencyMs };
  }

  /** A call begins at this provider; earns its retries. */
  earn({ name }: Provider): void {
    this.#retries(name).call();
  }

  /** Whether another attempt at this provider is within its budget of retries. */
  mayRetry({ name }: Provider): boolean {
    return this.#retries(name).tryRetry();
  }

  /**
   * Makes one attempt; a key that the provider refuses, limits or denies the model is replaced by the next one.
   * @throws UpstreamFault; `model.unavailable` when there is no place, no key or the breaker is open; `upstream.refused`
   * with the provider's words; the signal's reason.
   */
  async attempt(deployment: Deployment, attempt: Attempt): Promise<Landing> {
    const station = this.#station(deployment);
    const place = station.places.tryEnter() ?? (await station.places.enter(attempt.signal));
    if (place === undefined) throw unavailable(deployment, "too many calls wait for it", 1);
    const permit = station.breaker.ask();
    if (permit === undefined) {
      place[Symbol.dispose]();
      const waitMs = station.breaker.retryAtMs - this.#parts.clock.nowMs();
      throw unavailable(deployment, "its breaker is open", Math.ceil(waitMs / 1000));
    }
    try {
      const answer = await this.#send(deployment, station.denied, attempt);
      place.firstByte();
      return this.#landing(station, place, permit, answer);
    } catch (error) {
      this.#failed(station, place, permit, error);
      throw error;
    }
  }

  /** The breakers by deployment. */
  breakers(): Readonly<Record<string, BreakerStats>> {
    return this.#breakers.stats();
  }

  /** Closes all breakers, or one; says how many. */
  resetBreakers(name?: string): number {
    if (name === undefined) return this.#breakers.resetAll();
    return this.#breakers.reset(name) ? 1 : 0;
  }

  /** How the keys of a provider stand; no secrets. */
  keysOf({ name }: Provider): readonly KeyStanding[] {
    return this.#rings.get(name)?.standing() ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#upstreams.values()].map((upstream) => upstream[Symbol.asyncDispose]()));
  }

  async #send({ name, provider }: Deployment, denied: DeniedKeys, attempt: Attempt): Promise<UpstreamAnswer> {
    const ring = this.#ring(provider);
    const upstream = this.#upstream(provider);
    const { wire, body, passed, deadlines, signal } = attempt;
    for (;;) {
      const key = ring.take(denied);
      if (key === undefined) {
        const waitMs = ring.readyAtMs - this.#parts.clock.nowMs();
        throw gatewayFault("model.busy", `${provider.name} limits or refuses every key`, {
          retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
        });
      }
      const headers = { ...provider.headers, ...passed, ...wire.headers, ...credential(provider, key.secret) };
      const answer = await upstream.send({ path: wire.path, headers, body, deadlines, signal });
      if (answer.status >= 200 && answer.status < 300) {
        denied.delete(key);
        return answer;
      }
      const another =
        answer.status === 403 ? ring.wasDenied(key, denied, name) : ring.answered(key, answer.status, answer.headers);
      if (another) {
        answer.cancel();
        continue;
      }
      throw await refusalOf(provider, answer, attempt.dialect, this.#parts.clock.nowMs(), ring);
    }
  }

  #landing(station: Station, place: Place, permit: Permit, answer: UpstreamAnswer): Landing {
    let isOver = false;
    return {
      answer,
      complete: () => {
        if (isOver) return;
        isOver = true;
        permit.settle("success");
        place.complete();
        station.success += successWeight * (1 - station.success);
      },
      broke: (error) => {
        if (isOver) return;
        isOver = true;
        answer.cancel();
        this.#failed(station, place, permit, error);
      },
    };
  }

  #failed(station: Station, place: Place, permit: Permit, error: unknown): void {
    const outcome =
      error instanceof StatusFault ? outcomeOf(error.status) : isFailure(error) ? "failure" : outcomeOf(error);
    permit.settle(outcome);
    place[Symbol.dispose]();
    if (outcome === "failure") station.success -= successWeight * station.success;
  }

  #station({ name, concurrency }: Deployment): Station {
    let station = this.#stations.get(name);
    if (station === undefined) {
      if (this.#stations.size >= maxStations) this.#forgetIdle();
      const places = new Concurrency({ ...line, maxInFlight: concurrency }, this.#parts.clock);
      station = { breaker: this.#breakers.get(name), places, denied: new DeniedKeys(), success: 1 };
      this.#stations.set(name, station);
    }
    return station;
  }

  /** Models of open providers are named by callers, so their number is bounded: the oldest idle ones go. */
  #forgetIdle(): void {
    for (const [name, { places }] of this.#stations) {
      if (this.#stations.size < maxStations) return;
      // A listed name has no slash, and its breaker must not be forgotten.
      if (places.figures().inFlight > 0 || !name.includes("/")) continue;
      this.#stations.delete(name);
      this.#breakers.forget(name);
    }
  }

  #upstream(provider: Provider): Upstream {
    let upstream = this.#upstreams.get(provider.name);
    if (upstream === undefined) this.#upstreams.set(provider.name, (upstream = this.#parts.connect(provider)));
    return upstream;
  }

  #ring({ name, keys }: Provider): KeyRing {
    let ring = this.#rings.get(name);
    if (ring === undefined) {
      ring = new KeyRing({ provider: name, secrets: keys, clock: this.#parts.clock, log: this.#parts.log });
      this.#rings.set(name, ring);
    }
    return ring;
  }

  #retries(name: string): RetryBudget {
    let budget = this.#budgets.get(name);
    if (budget === undefined) this.#budgets.set(name, (budget = new RetryBudget(this.#parts.clock)));
    return budget;
  }
}

/** Most deployments that are remembered; listed ones are at most 512. */
const maxStations = 2048;

/** A deployment that nobody has called. */
const fresh: Health = { state: "configured", success: 1, load: 0, latencyMs: null };

/** How each kind of provider is shown a key. */
function credential({ kind }: Provider, secret: string | undefined): Record<string, string> {
  if (secret === undefined) return {};
  switch (kind) {
    case "anthropic":
      return { "x-api-key": secret };
    case "gemini":
      return { "x-goog-api-key": secret };
    default:
      return { authorization: `Bearer ${secret}` };
  }
}

/** An answer of a status that is no success, with the provider's words. */
export class StatusFault extends Fault {
  readonly status: number;

  constructor(code: string, detail: string, status: number, facts: FaultFacts, cause: unknown) {
    super(code, detail, facts, cause);
    this.status = status;
  }
}

async function refusalOf(
  provider: Provider,
  answer: UpstreamAnswer,
  dialect: Pick<UpstreamDialect, "readError">,
  nowMs: number,
  ring: KeyRing,
): Promise<Fault> {
  const { status } = answer;
  const words = await wordsOf(answer, dialect, provider.keys);
  // Whose key it was is nobody's business; the log has said it.
  if (status === 401 || status === 403) {
    return new StatusFault("upstream.failed", `${provider.name} refused the server's key`, status, {}, words);
  }
  const said = words?.message === undefined ? "" : `: ${words.message}`;
  if (status === 429) {
    const retryAfterSeconds = Math.max(1, Math.ceil((ring.readyAtMs - nowMs) / 1000));
    return new StatusFault(
      "model.busy",
      `${provider.name} limits this server${said}`,
      status,
      { retryAfterSeconds },
      words,
    );
  }
  if (status >= 400 && status < 500 && status !== 408 && status !== 425) {
    return new StatusFault("upstream.refused", `${provider.name} refused the request${said}`, status, {}, undefined);
  }
  return new StatusFault(
    "upstream.failed",
    `${provider.name} answered with status ${status}`,
    status,
    {},
    words ?? status,
  );
}

/** The provider's words, cut to what a person reads; undefined when there are none. */
async function wordsOf(
  answer: UpstreamAnswer,
  dialect: Pick<UpstreamDialect, "readError">,
  keys: readonly string[],
): Promise<{ readonly code?: string; readonly message?: string } | undefined> {
  try {
    const body = await answer.collect(maxErrorBytes);
    const words = dialect.readError(JSON.parse(body.toString("utf8")));
    if (words === undefined) return undefined;
    const { code, message } = words;
    return {
      ...(code === undefined ? {} : { code: cleanWords(code, keys) }),
      ...(message === undefined ? {} : { message: cleanWords(message, keys) }),
    };
  } catch {
    return undefined;
  }
}

function unavailable({ name }: Deployment, why: string, seconds: number): Fault {
  const detail = `${name} takes no call now: ${why}`;
  return new UpstreamBusy("model.unavailable", detail, { retryAfterSeconds: Math.max(1, seconds) });
}

/** There was no place at a deployment; another one may have one. */
export class UpstreamBusy extends Fault {}

/** Whether another attempt, here or elsewhere, may succeed. */
export function mayPass(error: unknown): "here" | "elsewhere" | "nowhere" {
  if (error instanceof UpstreamFault) {
    // A call that has had all its time has none left for another deployment.
    if (error.facts.limit === "totalMs") return "nowhere";
    return error.retryable ? "here" : "elsewhere";
  }
  if (error instanceof UpstreamBusy) return "elsewhere";
  if (error instanceof StatusFault) {
    if (error.code === "upstream.refused") return "nowhere";
    return error.status >= 500 || error.status === 408 || error.status === 425 ? "here" : "elsewhere";
  }
  if (!(error instanceof Fault)) return "nowhere";
  // The same model may say it better the next time.
  if (error.code === "reply.invalid") return "here";
  return isFailure(error) ? "here" : error.code === "model.busy" ? "elsewhere" : "nowhere";
}

/** Whether a provider may bill for an attempt that failed: it was at work, and took too long or said too much for us. */
export function mayBeBilled(error: unknown): boolean {
  if (!(error instanceof UpstreamFault) || !error.reachedUpstream) return false;
  return error.code === "upstream.timeout" || error.facts.limit === "maxBytes";
}

/** Whether what was read of an answer shows that the provider failed: it is no reply, or reports an error of its own. */
function isFailure(error: unknown): boolean {
  if (!(error instanceof Fault) || error.facts.limit === "maxBytes") return false;
  return error.code === "upstream.garbled" || error.code === "upstream.failed";
}
