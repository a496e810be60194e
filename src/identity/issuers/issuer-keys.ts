// The public keys of one issuer, over HTTP. Promises:
//
// 1. Only https is asked (http on loopback, for issuers on this machine), no redirect is followed, an answer has a time
//    and a size limit, and only an issuer that is inside itself may say that its keys are inside.
// 2. Keys are kept for ten minutes. A token that names an unknown one has them fetched again, at most every 30 s.
// 3. An issuer that cannot be asked is left alone for ten seconds, so that tokens in its name cost nothing meanwhile.
import { createRemoteJWKSet, customFetch } from "jose";
import type { JWTVerifyGetKey } from "jose";
import { steady } from "../../kernel/clock.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Log } from "../../kernel/ctx.ts";
import type { Issuer } from "./issuer.ts";
import { isInside, isSafeUrl } from "./issuer.ts";

/** Longest wait for an answer, milliseconds. */
const answerMs = 3000;
/** Largest answer, bytes; a key set of a large issuer has a few tens of thousands. */
const maxAnswerBytes = 512 * 1024;
/** How long an issuer that failed is left alone, milliseconds. */
const pauseMs = 10_000;
/** How long keys are kept, and how often an unknown one has them fetched again, milliseconds. */
const keepMs = 600_000;
const cooldownMs = 30_000;

type Answer = Readonly<Record<string, unknown>>;

/** The keys of an issuer. */
export class IssuerKeys {
  readonly #issuer: Issuer;
  readonly #clock: Clock;
  readonly #log: Log;
  #keys: Promise<JWTVerifyGetKey> | undefined;
  #failedMs = Number.NEGATIVE_INFINITY;

  constructor(issuer: Issuer, clock: Clock, log: Log) {
    this.#issuer = issuer;
    this.#clock = steady(clock);
    this.#log = log;
  }

  /** Finds the key of a token. Rejects when there is none or the issuer cannot be asked. */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const keys = (this.#keys ??= this.#discovered());
    const found = await keys.catch((error: unknown) => {
      if (this.#keys === keys) this.#keys = undefined;
      throw error;
    });
    return found(header, token);
  };

  async #discovered(): Promise<JWTVerifyGetKey> {
    const uri = this.#issuer.jwksUri ?? (await this.#jwksUri());
    return createRemoteJWKSet(new URL(uri), {
      timeoutDuration: answerMs,
      cooldownDuration: cooldownMs,
      cacheMaxAge: keepMs,
      [customFetch]: async (url, { signal }) => Response.json(await this.#fetched(url, signal, isKeySet)),
    });
  }

  /** Asks the issuer where its keys are (OpenID Connect Discovery 1.0, section 4). */
  async #jwksUri(): Promise<string> {
    const { issuer } = this.#issuer;
    const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
    const isOwn = (said: Answer): boolean =>
      said["issuer"] === issuer && typeof said["jwks_uri"] === "string" && this.#mayAsk(said["jwks_uri"]);
    const { jwks_uri: uri } = await this.#fetched(url, AbortSignal.timeout(answerMs), isOwn);
    return String(uri);
  }

  #mayAsk(uri: string): boolean {
    return isSafeUrl(uri) && (isInside(new URL(this.#issuer.issuer)) || !isInside(new URL(uri)));
  }

  async #fetched(url: string, signal: AbortSignal, isSound: (answer: Answer) => boolean): Promise<Answer> {
    const sinceMs = this.#clock.nowMs() - this.#failedMs;
    if (sinceMs < pauseMs) throw new Error("the issuer failed a moment ago");
    try {
      const response = await fetch(url, { signal, redirect: "error", headers: { accept: "application/json" } });
      if (response.status !== 200) {
        await response.body?.cancel();
        throw new Error(`the issuer answered ${response.status}`);
      }
      const answer = JSON.parse(await boundedText(response)) as Answer | null;
      if (answer === null || !isSound(answer)) throw new Error(`the answer of ${url} cannot be used`);
      return answer;
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  #failed(error: unknown): void {
    this.#failedMs = this.#clock.nowMs();
    this.#log.warn({ err: error, issuer: this.#issuer.issuer }, "the keys of an external issuer cannot be had");
  }
}

function isKeySet({ keys }: Answer): boolean {
  return Array.isArray(keys) && keys.every((key) => typeof key === "object" && key !== null);
}

/** The text of an answer, up to the limit. The signal of the request ends the reading as well. */
async function boundedText({ body }: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body ?? []) {
    size += piece.byteLength;
    if (size > maxAnswerBytes) throw new Error("the issuer's answer is too large");
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}
