// Who keeps the server busy. While the event loop lags, new requests are refused; those of a product that asks for little are let
// in all the same, so that one product's flood is refused and not everyone.
//
// 1. A product's load is the number and size of its requests of the last seconds, refused ones too: a flood that is refused
//    stays a flood.
// 2. At the door no one has been authenticated yet. A credential that was good a moment ago stands for its product; who shows
//    another one, or none, is refused like the flood. So an invented credential gains nothing.
// 3. Of credentials a digest is remembered.
import { hash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import type { Ctx } from "../../kernel/ctx.ts";
import { shownCredential } from "../credentials.ts";
import { holderOf } from "../../kernel/fair-share.ts";

/** Bytes of a body that weigh as much as a request. */
const bytesPerRequest = 16 * 1024;
/** What is left of a load from one sample of the pressure to the next; a flood is forgotten within five seconds. */
const decay = 0.75;
/** Below this a load is forgotten. */
const leastLoad = 0.05;
/** A product is let in while its load is at most this share of the mean of all that were at work of late. */
const lightShare = 0.5;
/** Most credentials that are remembered; beyond it all are forgotten, and known again by their next request. */
const maxCredentials = 4096;

/** The loads of the products. */
export class CallerLoad {
  readonly #loads = new Map<string, number>();
  readonly #holders = new Map<string, string>();
  /** Principals whose credential is remembered, so that it is not digested with every request. */
  readonly #principals = new Set<string>();

  /** A caller was let in and its credential is good. */
  saw(request: FastifyRequest, { principal }: Ctx): void {
    if (principal.kind === "anonymous") return;
    const holder = holderOf(principal.product);
    this.#add(holder, weightOf(request));
    if (this.#principals.has(principal.id)) return;
    const credential = digestOf(request);
    if (credential === undefined) return;
    if (this.#holders.size >= maxCredentials) this.#forgetCredentials();
    this.#holders.set(credential, holder);
    this.#principals.add(principal.id);
  }

  /** Whether a request is of a product that asks for little compared with others; counts it, whatever the answer. */
  isLight(request: FastifyRequest): boolean {
    const credential = digestOf(request);
    const holder = credential === undefined ? undefined : this.#holders.get(credential);
    if (holder === undefined) {
      this.#add("unknown", weightOf(request));
      return false;
    }
    // Let in, it is counted again when its credential has been looked at; that hardly matters in a flood.
    this.#add(holder, weightOf(request));
    let total = 0;
    for (const load of this.#loads.values()) total += load;
    return (this.#loads.get(holder) ?? 0) <= (lightShare * total) / this.#loads.size;
  }

  /** Time has passed. */
  age(): void {
    for (const [holder, load] of this.#loads) {
      if (load * decay < leastLoad) this.#loads.delete(holder);
      else this.#loads.set(holder, load * decay);
    }
  }

  #add(holder: string, weight: number): void {
    this.#loads.set(holder, (this.#loads.get(holder) ?? 0) + weight);
  }

  /** Starts over: a good credential is learned again with its next request. */
  #forgetCredentials(): void {
    this.#holders.clear();
    this.#principals.clear();
  }
}

function weightOf({ headers }: FastifyRequest): number {
  const bytes = Number(headers["content-length"] ?? 0);
  return 1 + (Number.isFinite(bytes) ? Math.max(0, bytes) / bytesPerRequest : 0);
}

function digestOf({ headers }: FastifyRequest): string | undefined {
  const credential = shownCredential(headers, true);
  return credential === undefined ? undefined : hash("sha256", credential);
}
