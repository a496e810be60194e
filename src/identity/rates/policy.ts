// Which limits count a request: by its class, by who calls, and from where. Pure but for the counter it asks.
//
// 1. A caller with a good credential is counted by it and never by its address, so that no one else at the same address
//    can use up its limit. Only what anyone may call, and logging in, counts by address.
// 2. Of several limits the narrowest is taken first, and none after one has refused: a caller beyond its own limit uses
//    up nothing of what it shares with others.
import { accountableFor } from "../../kernel/ctx.ts";
import type { Principal, Role } from "../../kernel/ctx.ts";
import type { RateClass } from "../../kernel/operation.ts";
import { silentMeter } from "../../kernel/meter.ts";
import type { Meter } from "../../kernel/meter.ts";
import { rateMetrics } from "../metrics.ts";
import { countedAddress } from "./address.ts";
import type { Counter, Limit, Taken } from "./counter.ts";

/** So many requests in so many seconds. */
export interface AddressTerms {
  readonly perAddress: number;
  readonly windowSeconds: number;
}

/** So many requests of one caller in so many seconds. */
export interface KeyTerms {
  readonly perKey: number;
  readonly windowSeconds: number;
}

/** The limits of the data plane. */
export interface DataTerms extends KeyTerms {
  readonly perProduct: number;
}

/** The limits as the constitution states them. */
export interface RateTerms {
  readonly roles: Readonly<Record<Role, { readonly requestsPerMinute: number }>>;
  readonly rateLimits: Readonly<Record<"auth" | "token" | "register" | "reset" | "public", AddressTerms>> & {
    readonly data: DataTerms;
    readonly deliberation: KeyTerms;
  };
}

/** One limit that applies to a request. */
export interface Applied {
  /** The limit's name as callers read it. */
  readonly policy: string;
  readonly limit: Limit;
  readonly key: string;
}

/** What became of a request's count, by the tightest of the limits that apply. */
export interface Counted extends Taken {
  readonly policy: string;
  readonly limit: Limit;
}

/** Counts requests. */
export class Rates {
  readonly #counter: Counter;
  readonly #terms: RateTerms;
  readonly #factor: number;
  readonly #metrics: ReturnType<typeof rateMetrics>;

  /** @param factor What every limit is multiplied with, an integer from 1 on. */
  constructor(counter: Counter, terms: RateTerms, factor: number, meter: Meter = silentMeter) {
    this.#metrics = rateMetrics(meter);
    this.#counter = counter;
    this.#terms = terms;
    this.#factor = factor;
  }

  /** Counts one request; undefined when its class has no limit. */
  async count(rate: RateClass, principal: Principal, address: string): Promise<Counted | undefined> {
    let tightest: Counted | undefined;
    const limits = this.limitsOn(rate, principal, address);
    for (const [i, { policy, limit, key }] of limits.entries()) {
      const answer = this.#counter.take(key, { ...limit, group: policy });
      const taken = answer instanceof Promise ? await answer : answer;
      const counted = { ...taken, policy, limit };
      this.#metrics.counted(policy, taken.allowed);
      if (!taken.allowed) {
        // What one limit refuses has used up none of the others.
        for (const before of limits.slice(0, i))
          await this.#counter.give(before.key, { ...before.limit, group: before.policy });
        return counted;
      }
      if (tightest === undefined || taken.remaining < tightest.remaining) tightest = counted;
    }
    return tightest;
  }

  /** The limits that apply to a request, the narrowest first. */
  limitsOn(rate: RateClass, principal: Principal, address: string): readonly Applied[] {
    if (rate === "probe") return [];
    if (rate !== "control" && rate !== "data" && rate !== "deliberation") {
      return [this.#onAddress(rate, this.#terms.rateLimits[rate], address)];
    }
    const { requestsPerMinute } = this.#terms.roles[principal.role];
    if (principal.kind === "anonymous") {
      return [this.#onAddress("anonymous", { perAddress: requestsPerMinute, windowSeconds: 60 }, address)];
    }
    if (rate === "data") return this.#onData(principal);
    if (rate === "deliberation") return [this.#onKey(rate, this.#terms.rateLimits.deliberation, principal)];
    return [
      { policy: "control", limit: this.#times(requestsPerMinute, 60), key: `control:${accountableFor(principal)}` },
    ];
  }

  #onAddress(policy: string, { perAddress, windowSeconds }: AddressTerms, address: string): Applied {
    return { policy, limit: this.#times(perAddress, windowSeconds), key: `${policy}:${countedAddress(address)}` };
  }

  #onKey(policy: string, { perKey, windowSeconds }: KeyTerms, principal: Principal): Applied {
    const key = `${policy}:${accountableFor(principal)}`;
    return { policy, limit: this.#times(perKey, windowSeconds), key };
  }

  #onData(principal: Principal): readonly Applied[] {
    const { perProduct, windowSeconds } = this.#terms.rateLimits.data;
    const { product } = principal;
    const own = this.#onKey("data", this.#terms.rateLimits.data, principal);
    if (product === null) return [own];
    const all = this.#times(perProduct, windowSeconds);
    return [own, { policy: "data-product", limit: all, key: `data-product:${product}` }];
  }

  #times(limit: number, windowSeconds: number): Limit {
    const windowMs = windowSeconds * 1000;
    // Beyond this the arithmetic would no longer be exact; no machine serves so many.
    const most = Math.floor(Number.MAX_SAFE_INTEGER / windowMs);
    return { limit: Math.min(limit * this.#factor, most), windowMs };
  }
}
