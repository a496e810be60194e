// The keys of one provider, used in turn. A key that the provider holds back rests and the next one is used.
//
// 1. A key never leaves through a log, a listing or `inspect`; it is named by its place and a hash of its last characters.
// 2. A rest only ever gets longer: an answer that is late does not wake a key up.
// 3. A 403 is about a key and a model, or about what was asked, and nobody can tell which. So it makes no key rest: the keys
//    that got one are asked last for that deployment for a while, and when all of them have, none of them is.
import type { Clock } from "../../kernel/clock.ts";
import type { Log } from "../../kernel/ctx.ts";
import { sha256Hex } from "../../kernel/hash.ts";
import { restMs } from "./retry-after.ts";

/** How long a key rests that the provider refused, milliseconds: long enough for an operator to replace it. */
const refusedRestMs = 300_000;

/** How long a key is asked last for a deployment that it was not let at, milliseconds. */
const deniedMs = 300_000;

/** How many characters at the end of a key are hashed into its name, and how much of the hash is shown. */
const namedCharacters = 4;
const nameLength = 8;

/** A key on loan for one call. */
export class HeldKey {
  /** Its place in the configured list, from 0. */
  readonly index: number;
  readonly #secret: string | undefined;

  constructor(index: number, secret: string | undefined) {
    this.index = index;
    this.#secret = secret;
  }

  /** The key itself; undefined for a provider that needs none. */
  get secret(): string | undefined {
    return this.#secret;
  }
}

/** How one key stands. */
export interface KeyStanding {
  readonly index: number;
  /** SHA-256 over the last four characters, first eight hex digits; null for a provider that needs no key. */
  readonly name: string | null;
  readonly state: "ready" | "limited" | "refused";
  /** When it is used again, milliseconds since the epoch; null when it is ready. */
  readonly restsUntilMs: number | null;
}

interface Entry {
  readonly key: HeldKey;
  readonly name: string | null;
  restsUntilMs: number;
  why: "limited" | "refused";
}

/** The keys that a provider did not let at one deployment of late. */
export class DeniedKeys {
  readonly #untilMs = new Map<number, number>();

  /** Whether a key was turned away. */
  has({ index }: HeldKey, nowMs: number): boolean {
    return (this.#untilMs.get(index) ?? Number.NEGATIVE_INFINITY) > nowMs;
  }

  /** A key was turned away. Returns whether that is news. */
  add(key: HeldKey, nowMs: number): boolean {
    const isNews = !this.has(key, nowMs);
    this.#untilMs.set(key.index, nowMs + deniedMs);
    return isNews;
  }

  /** A key was let in. */
  delete({ index }: HeldKey): void {
    this.#untilMs.delete(index);
  }
}

/** What a ring of keys is made of. */
export interface KeyRingOptions {
  readonly provider: string;
  /** Empty for a provider that needs no key: then there is one empty key, which rests like any other. */
  readonly secrets: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

/** The keys of one provider. */
export class KeyRing {
  readonly #provider: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #entries: readonly Entry[];
  #next = 0;

  constructor({ provider, secrets, clock, log }: KeyRingOptions) {
    this.#provider = provider;
    this.#clock = clock;
    this.#log = log;
    const all: readonly (string | undefined)[] = secrets.length === 0 ? [undefined] : secrets;
    this.#entries = all.map((secret, index) => ({
      key: new HeldKey(index, secret),
      name: secret === undefined ? null : sha256Hex(secret.slice(-namedCharacters)).slice(0, nameLength),
      restsUntilMs: Number.NEGATIVE_INFINITY,
      why: "limited",
    }));
  }

  /** How many keys there are. */
  get size(): number {
    return this.#entries.length;
  }

  /** The next key that does not rest, in turn, those that were denied last; undefined when all of them rest. */
  take(denied?: DeniedKeys): HeldKey | undefined {
    const nowMs = this.#clock.nowMs();
    const { length } = this.#entries;
    let chosen: HeldKey | undefined;
    for (let step = 0; step < length; step++) {
      const entry = this.#entries[(this.#next + step) % length];
      if (entry === undefined || entry.restsUntilMs > nowMs) continue;
      const isDenied = denied?.has(entry.key, nowMs) === true;
      chosen = isDenied ? (chosen ?? entry.key) : entry.key;
      if (!isDenied) break;
    }
    if (chosen !== undefined) this.#next = (chosen.index + 1) % length;
    return chosen;
  }

  /** When a key can be had, milliseconds since the epoch; now when one is ready. */
  get readyAtMs(): number {
    // Asked for every deployment of every call, so it builds nothing.
    let soonestMs = Number.POSITIVE_INFINITY;
    for (const { restsUntilMs } of this.#entries) if (restsUntilMs < soonestMs) soonestMs = restsUntilMs;
    return Math.max(this.#clock.nowMs(), soonestMs);
  }

  /**
   * Tells what the provider answered to a key: after 429 it rests as long as the provider says (1 to 300 s, 10 s when it
   * does not say), after 401 for five minutes. Returns whether another key may fare better with the same call.
   */
  answered(key: HeldKey, status: number, headers: Readonly<Record<string, string | undefined>>): boolean {
    const entry = this.#entries[key.index];
    if (entry === undefined || (status !== 429 && status !== 401)) return false;
    const nowMs = this.#clock.nowMs();
    const isRefused = status !== 429;
    const wasReady = entry.restsUntilMs <= nowMs;
    const restsUntilMs = nowMs + (isRefused ? refusedRestMs : restMs(headers, nowMs));
    if (restsUntilMs > entry.restsUntilMs) {
      entry.restsUntilMs = restsUntilMs;
      entry.why = isRefused ? "refused" : "limited";
    }
    const fields = { provider: this.#provider, key: key.index, keyName: entry.name, status };
    if (isRefused) this.#log.error(fields, "the provider refused a key; it rests for five minutes");
    else if (wasReady)
      this.#log.warn({ ...fields, restMs: restsUntilMs - nowMs }, "the provider limits a key; it rests");
    return this.#entries.some(({ restsUntilMs: untilMs }) => untilMs <= nowMs);
  }

  /** Tells that the provider answered 403 to a key. Returns whether there is a key that was not denied. */
  wasDenied(key: HeldKey, denied: DeniedKeys, deployment: string): boolean {
    const nowMs = this.#clock.nowMs();
    const entry = this.#entries[key.index];
    if (denied.add(key, nowMs) && this.size > 1) {
      const fields = { provider: this.#provider, deployment, key: key.index, keyName: entry?.name };
      this.#log.warn(fields, "the provider denied a key something; it is asked last there for five minutes");
    }
    return this.#entries.some((each) => each.restsUntilMs <= nowMs && !denied.has(each.key, nowMs));
  }

  /** How every key stands; no secrets. */
  standing(): readonly KeyStanding[] {
    const nowMs = this.#clock.nowMs();
    return this.#entries.map(({ key: { index }, name, restsUntilMs, why }) =>
      restsUntilMs > nowMs
        ? { index, name, state: why, restsUntilMs }
        : { index, name, state: "ready", restsUntilMs: null },
    );
  }
}
