// The models that open providers say they have, as they last said it. Promises:
//
// 1. A provider is asked by one request at a time, for all callers together, and not again for a while after it has answered
//    or failed.
// 2. No one waits longer than a second for it; what comes later is kept for those who ask next.
// 3. A list that cannot be renewed is given until it is a day old. What is kept is bounded in models and in characters.
// 4. No key of the provider's stands in a list.
import { steady } from "../kernel/clock.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import { plainBounds } from "../kernel/json-bounds.ts";
import { readInTurns } from "../kernel/json-turns.ts";
import { within } from "../kernel/within.ts";
import { listRequestOf, readModelList } from "../models/index.ts";
import type { OfferedModel, Provider } from "../models/index.ts";
import { Fault } from "../kernel/fault.ts";
import type { Upstream } from "../outbound/index.ts";
import { lookUp } from "./looking-up.ts";
import { madeOnce } from "./share.ts";

/** How long a list counts as new, how long it may stand in for a newer one, and how long a provider that failed is left alone, milliseconds. */
const [freshMs, maxAgeMs, restMs] = [300_000, 86_400_000, 30_000];
/** Longest that a caller waits, milliseconds. */
const maxWaitMs = 1_000;
/** Most models of one provider: the largest have some five hundred. One page of every API holds so many. */
const maxModels = 1_000;
/** Largest list that is read, bytes: those with prices and descriptions have half a million. */
const maxListBytes = 4 * 1024 * 1024;

interface Kept {
  models: readonly OfferedModel[];
  /** When the models were given, and from when on the provider may be asked again; milliseconds of the steady clock. */
  takenMs: number;
  nextMs: number;
  isFailing: boolean;
  asking: { readonly beganMs: number; readonly done: Promise<void> } | undefined;
}

/** What the lists are made of. */
export interface ModelListsParts {
  readonly upstreamOf: (provider: Provider) => Upstream;
  readonly clock: Clock;
  readonly log: Log;
}

/** The lists of one server's providers. */
export class ModelLists implements Disposable {
  readonly #parts: ModelListsParts;
  /** By provider; there are as many as the catalogue has. */
  readonly #kept = new Map<string, Kept>();
  readonly #end = new AbortController();

  constructor(parts: ModelListsParts) {
    this.#parts = { ...parts, clock: steady(parts.clock) };
  }

  /** The models of a provider; none where it has not said. Never fails. */
  async of(provider: Provider): Promise<readonly OfferedModel[]> {
    const { clock } = this.#parts;
    const kept = madeOnce(this.#kept, provider.name, () => ({
      models: [],
      takenMs: Number.NEGATIVE_INFINITY,
      nextMs: Number.NEGATIVE_INFINITY,
      isFailing: false,
      asking: undefined,
    }));
    if (kept.asking === undefined && clock.nowMs() >= kept.nextMs) {
      kept.asking = { beganMs: performance.now(), done: this.#renew(provider, kept) };
    }
    if (kept.asking !== undefined) {
      const leftMs = kept.asking.beganMs + maxWaitMs - performance.now();
      if (leftMs > 0) await within(leftMs, kept.asking.done).catch(() => {});
    }
    return clock.nowMs() - kept.takenMs <= maxAgeMs ? kept.models : [];
  }

  [Symbol.dispose](): void {
    this.#end.abort();
  }

  async #renew(provider: Provider, kept: Kept): Promise<void> {
    const { clock, log } = this.#parts;
    try {
      kept.models = await this.#asked(provider);
      kept.takenMs = clock.nowMs();
      kept.nextMs = kept.takenMs + freshMs;
      kept.isFailing = false;
    } catch (error) {
      kept.nextMs = clock.nowMs() + restMs;
      if (!kept.isFailing && !this.#end.signal.aborted) {
        const reason = error instanceof Fault ? error.message : "what came is no list of models";
        log.warn({ provider: provider.name, reason }, "a provider did not give the list of its models");
      }
      kept.isFailing = true;
    } finally {
      kept.asking = undefined;
    }
  }

  /** What the provider says to the first key that it gives a list to. */
  async #asked(provider: Provider): Promise<readonly OfferedModel[]> {
    const { signal } = this.#end;
    const request = listRequestOf(provider, maxModels);
    let status = 0;
    for (const secret of provider.keys.length === 0 ? [undefined] : provider.keys) {
      const answer = await lookUp(provider, this.#parts.upstreamOf(provider), { ...request, secret, signal });
      ({ status } = answer);
      if (status < 200 || status >= 300) {
        answer.cancel();
        continue;
      }
      const body = await readInTurns(await answer.collect(maxListBytes), plainBounds, signal);
      const models = readModelList(body, maxModels);
      if (models === undefined) break;
      return models.filter(({ model }) => !provider.keys.some((key) => model.includes(key)));
    }
    throw new Fault("upstream.garbled", `it answered with status ${status} and no list`);
  }
}
