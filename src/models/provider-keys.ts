// The keys of one provider, used in turn. A key that the provider holds back rests and the next one is used. How long and for
// whom it rests follows from what was refused:
//
// - 401 is about the key itself, but a provider may say so of one model that a caller has named: the key rests for the product
//   that met it, at all models, and for everyone as soon as a second product has met it (`ProviderKeys`).
// - 429 may be about one call that was too large, one model, or one product's pace: it rests in the ring that met it, and a
//   ring belongs to one product and one deployment.
// - no money or quota left (402, `insufficient_quota`) may be about the account, one model, or a call that asked for more than
//   is left: the key rests in the ring that met it. Each other model and product asks once itself.
//
// 1. A key never leaves through a log, a listing or `inspect`; it is named by its place and a hash of its last characters.
// 2. A rest only ever gets longer: an answer that is late does not wake a key up.
// 3. A 403 is about a key and a model, or about what was asked, and no one can tell which. So it makes no key rest: the keys
//    that got one are asked last for that deployment for a while, and when all of them have, none of them is.
import { steady } from "../kernel/clock.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import { sha256Hex } from "../kernel/hash.ts";
import { restMs } from "./retry-after.ts";
import type { Verdict } from "./verdict.ts";

/** How long a key rests that the provider refused, milliseconds: long enough for an operator to replace it. */
export const refusedRestMs = 300_000;

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
export interface KeyStatus {
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
  limitedUntilMs: number;
  spentUntilMs: number;
}

/** Why a key rests. */
export type RestReason = "limited" | "refused" | "spent";

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

/** What all rings of one provider share: whose turn it is, and which keys the provider does not know. */
export class ProviderKeys {
  /** The place of the key that is used next. */
  next = 0;
  /** By key: who has been told that the provider does not know it, and until when it rests for them. */
  readonly #refused = new Map<number, Map<string, number>>();

  /** Until when a key rests for a holder, milliseconds since the epoch. */
  refusedUntilMs(index: number, holder: string): number {
    const untilMs = this.#refused.get(index);
    if (untilMs === undefined) return Number.NEGATIVE_INFINITY;
    let [longest, second] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const each of untilMs.values()) {
      if (each > longest) [longest, second] = [each, longest];
      else if (each > second) second = each;
    }
    // Until then two holders have met it: that is the key and not what one of them asked for.
    return Math.max(second, untilMs.get(holder) ?? Number.NEGATIVE_INFINITY);
  }

  /** The provider does not know the key that a holder's call was made with. */
  refuse(index: number, holder: string, untilMs: number): void {
    const known = this.#refused.get(index) ?? new Map<string, number>();
    this.#refused.set(index, known.set(holder, Math.max(untilMs, known.get(holder) ?? untilMs)));
  }
}

/** What a ring of keys is made of. */
export interface KeyRotationOptions {
  readonly provider: string;
  /** Empty for a provider that needs no key: then there is one empty key, which rests like any other. */
  readonly secrets: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  /** Whose ring it is; absent where there is only one. */
  readonly holder?: string;
  /** Shared by the rings of a provider; a ring's own when absent. */
  readonly shared?: ProviderKeys;
}

/** The keys of one provider as one product uses them at one deployment. */
export class KeyRotation {
  readonly #provider: string;
  readonly #clock: Clock;
  readonly #steady: Clock;
  readonly #log: Log;
  readonly #entries: readonly Entry[];
  readonly #holder: string;
  readonly #shared: ProviderKeys;

  constructor({ provider, secrets, clock, log, holder = "", shared }: KeyRotationOptions) {
    this.#provider = provider;
    this.#holder = holder;
    this.#shared = shared ?? new ProviderKeys();
    this.#clock = clock;
    this.#steady = steady(clock);
    this.#log = log;
    const all: readonly (string | undefined)[] = secrets.length === 0 ? [undefined] : secrets;
    this.#entries = all.map((secret, index) => ({
      key: new HeldKey(index, secret),
      name: secret === undefined ? null : sha256Hex(secret.slice(-namedCharacters)).slice(0, nameLength),
      limitedUntilMs: Number.NEGATIVE_INFINITY,
      spentUntilMs: Number.NEGATIVE_INFINITY,
    }));
  }

  /** How many keys there are. */
  get size(): number {
    return this.#entries.length;
  }

  /** The next key that does not rest, in turn, those that were denied last; undefined when all of them rest. */
  take(denied?: DeniedKeys): HeldKey | undefined {
    const nowMs = this.#steady.nowMs();
    const { length } = this.#entries;
    let chosen: HeldKey | undefined;
    for (let step = 0; step < length; step++) {
      const entry = this.#entries[(this.#shared.next + step) % length];
      if (entry === undefined || this.#restsUntilMs(entry) > nowMs) continue;
      const isDenied = denied?.has(entry.key, nowMs) === true;
      chosen = isDenied ? (chosen ?? entry.key) : entry.key;
      if (!isDenied) break;
    }
    if (chosen !== undefined) this.#shared.next = (chosen.index + 1) % length;
    return chosen;
  }

  /** In how many milliseconds a key can be had; 0 when one is ready. */
  get readyInMs(): number {
    // Asked for every deployment of every call, so it builds nothing.
    let soonestMs = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries) soonestMs = Math.min(soonestMs, this.#restsUntilMs(entry));
    return Math.max(0, soonestMs - this.#steady.nowMs());
  }

  /**
   * Tells what the provider refused to a key: limited, it rests as long as the provider says (1 to 300 s, 10 s when it does not
   * say); not known, or without money or quota, for five minutes. Returns whether another key may succeed with the same
   * call.
   */
  answered(
    key: HeldKey,
    verdict: Verdict,
    headers: Readonly<Record<string, string | undefined>>,
    status?: number,
  ): boolean {
    const entry = this.#entries[key.index];
    if (entry === undefined || (verdict !== "rate" && verdict !== "key" && verdict !== "quota")) return false;
    const nowMs = this.#steady.nowMs();
    const wasReady = this.#restsUntilMs(entry) <= nowMs;
    const fields = { provider: this.#provider, key: key.index, keyName: entry.name, status };
    if (verdict === "key") {
      this.#shared.refuse(key.index, this.#holder, nowMs + refusedRestMs);
      this.#log.error(fields, "the provider refused a key; it rests for five minutes");
    } else if (verdict === "quota") {
      entry.spentUntilMs = Math.max(entry.spentUntilMs, nowMs + refusedRestMs);
      if (wasReady) this.#log.error(fields, "the provider has no money left for a key; it rests for five minutes");
    } else {
      const restsForMs = restMs(headers, this.#clock.nowMs());
      entry.limitedUntilMs = Math.max(entry.limitedUntilMs, nowMs + restsForMs);
      if (wasReady) this.#log.warn({ ...fields, restMs: restsForMs }, "the provider limits a key; it rests");
    }
    return this.#entries.some((each) => this.#restsUntilMs(each) <= nowMs);
  }

  #restsUntilMs({ key: { index }, limitedUntilMs, spentUntilMs }: Entry): number {
    return Math.max(limitedUntilMs, this.#shared.refusedUntilMs(index, this.#holder), spentUntilMs);
  }

  /** Why the key rests that can be had first. */
  get restReason(): RestReason {
    const [first] = this.#entries.toSorted((a, b) => this.#restsUntilMs(a) - this.#restsUntilMs(b));
    const untilMs = first === undefined ? 0 : this.#restsUntilMs(first);
    if (untilMs === first?.limitedUntilMs) return "limited";
    return untilMs === first?.spentUntilMs ? "spent" : "refused";
  }

  /** Tells that the provider answered 403 to a key. Returns whether there is a key that was not denied. */
  wasDenied(key: HeldKey, denied: DeniedKeys, deployment: string): boolean {
    const nowMs = this.#steady.nowMs();
    const entry = this.#entries[key.index];
    if (denied.add(key, nowMs) && this.size > 1) {
      const fields = { provider: this.#provider, deployment, key: key.index, keyName: entry?.name };
      this.#log.warn(fields, "the provider denied a key something; it is asked last there for five minutes");
    }
    return this.#entries.some((each) => this.#restsUntilMs(each) <= nowMs && !denied.has(each.key, nowMs));
  }

  /** How every key stands; no secrets. */
  statuses(): readonly KeyStatus[] {
    const nowMs = this.#steady.nowMs();
    return this.#entries.map((entry) => {
      const { key, name } = entry;
      const restsUntilMs = this.#restsUntilMs(entry);
      if (restsUntilMs <= nowMs) return { index: key.index, name, state: "ready", restsUntilMs: null };
      const isLimited = restsUntilMs === entry.limitedUntilMs;
      return { index: key.index, name, state: isLimited ? "limited" : "refused", restsUntilMs };
    });
  }
}
