// Access tokens: JWTs of RFC 9068, verified without asking anybody, and then asked about.
//
// 1. Only our own keys and their own algorithm are accepted; `typ`, issuer, audience and times are checked (RFC 8725).
// 2. What someone may do comes from their live record and not from the token: a token of an account that is disabled,
//    changed its password, or of a client or session that was revoked is dead, here at once and elsewhere within 5 s.
// 3. A token that was verified is remembered by its SHA-256 until it expires, so that the next call costs a hash.
import { importJWK, jwtVerify } from "jose";
import type { JWTPayload } from "jose";
import { BoundedMap } from "../kernel/bounded-map.ts";
import { steady } from "../kernel/clock.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Principal } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import { sha256Hex } from "../kernel/hash.ts";
import type { Authenticated } from "../kernel/credential.ts";
import { isRecent, maxRemembered } from "./ttl-cache.ts";
import { actingAs, lentTo } from "./oauth/accounts.ts";
import type { Accounts } from "./oauth/accounts.ts";
import type { Clients } from "./oauth/clients.ts";
import { skewSeconds } from "./oauth/lifetimes.ts";
import type { TokenStore } from "./oauth/token-store.ts";
import { tokenAlgorithms } from "./signing-keys.ts";
import type { SigningKey, SigningKeys } from "./signing-keys.ts";

/** The one scope: what the account, or the client in its own name, may do with this API. */
export const apiScope = "api";

/** Whom tokens are for (RFC 9068 section 2.2): this API, wherever it is served. */
export const tokenAudience = "urn:charter:api";

/** What a verified token says. */
export interface AccessTokenClaims extends JWTPayload {
  readonly sub: string;
  readonly client_id: string;
  readonly jti: string;
  readonly exp: number;
  readonly iat: number;
  readonly role: string;
  readonly kind: string;
  readonly product?: string;
  readonly scope?: string;
  /** Of the account when the token was made; absent in a token that a client got in its own name. */
  readonly epoch?: number;
  /** The family that it belongs to; absent likewise. */
  readonly gid?: string;
}

/** What the verifier needs. */
export interface VerifierParts {
  readonly clock: Clock;
  readonly keys: SigningKeys;
  readonly store: TokenStore;
  readonly clients: Clients;
  readonly accounts: Accounts;
  /** The issuer that tokens must name. */
  readonly issuer: () => string;
}

/** Shortest pause between two look-ups of keys because of a token that names an unknown one, milliseconds. */
const refreshPauseMs = 1_000;

interface Remembered {
  readonly claims: AccessTokenClaims;
  /** When the database last said that it is not revoked. */
  readonly checkedMs: number;
  readonly revocations: number;
}

/** Verifies access tokens of our own. */
export class AccessTokenVerifier {
  readonly #parts: VerifierParts;
  readonly #remembered = new BoundedMap<string, Remembered>(maxRemembered);
  readonly #imported = new Map<string, ReturnType<typeof importJWK>>();
  #refreshedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: VerifierParts) {
    this.#parts = parts;
  }

  /**
   * Who presents this token; undefined when it is not ours, not alive, not for calling the API, or its owner may do nothing
   * any more.
   */
  async verify(text: string): Promise<Principal | undefined> {
    return (await this.identify(text))?.principal;
  }

  /** The same with what the caller was recognised by. */
  async identify(text: string): Promise<Authenticated | undefined> {
    const found = await this.inspect(text);
    if (found?.claims.scope?.split(" ").includes(apiScope) !== true) return undefined;
    const { principal, claims } = found;
    const { sub: account, client_id: client, epoch, gid: grant, jti: tokenId, exp } = claims;
    const expiresMs = (exp + skewSeconds) * 1000;
    const optional = { ...(epoch === undefined ? {} : { epoch }), ...(grant === undefined ? {} : { grant }) };
    return { principal, credential: { kind: "token", account, client, ...optional, tokenId, expiresMs } };
  }

  /** The same with what the token says, whatever it is for. */
  async inspect(
    text: string,
  ): Promise<{ readonly principal: Principal; readonly claims: AccessTokenClaims } | undefined> {
    const hash = sha256Hex(text);
    const remembered = this.#recall(hash);
    const claims = remembered?.claims ?? (await this.claimsOf(text));
    if (claims === undefined || !(await this.#stands(hash, claims, remembered))) return undefined;
    const principal = await this.#principalOf(claims);
    return principal && { principal, claims };
  }

  /** What a token says that one of our keys signed and that has not expired, even if it was revoked. */
  async claimsOf(text: string): Promise<AccessTokenClaims | undefined> {
    const { clock, issuer } = this.#parts;
    try {
      const { payload } = await jwtVerify<AccessTokenClaims>(text, (header) => this.#keyOf(header), {
        algorithms: [...tokenAlgorithms],
        typ: "at+jwt",
        issuer: issuer(),
        audience: tokenAudience,
        clockTolerance: skewSeconds,
        currentDate: new Date(clock.nowMs()),
        requiredClaims: ["sub", "client_id", "jti", "exp", "iat", "role", "kind"],
      });
      return payload;
    } catch (error) {
      // A database that cannot be asked does not make a token bad.
      if (error instanceof Fault) throw error;
      return undefined;
    }
  }

  #recall(hash: string): Remembered | undefined {
    const remembered = this.#remembered.get(hash);
    if (remembered === undefined) return undefined;
    if (this.#parts.clock.nowMs() < (remembered.claims.exp + skewSeconds) * 1000) return remembered;
    this.#remembered.delete(hash);
    return undefined;
  }

  /** Whether neither the token nor its family has been revoked. */
  async #stands(hash: string, claims: AccessTokenClaims, remembered: Remembered | undefined): Promise<boolean> {
    const { clock, store } = this.#parts;
    const checkedMs = steady(clock).nowMs();
    const { revocations } = store;
    if (remembered?.revocations === revocations && isRecent(checkedMs - remembered.checkedMs)) return true;
    this.#remembered.delete(hash);
    if (await store.isRevoked(claims)) return false;
    this.#remembered.set(hash, { claims, checkedMs, revocations });
    return true;
  }

  async #principalOf({ sub, client_id, epoch }: AccessTokenClaims): Promise<Principal | undefined> {
    const client = await this.#parts.clients.active(client_id);
    if (client === undefined) return undefined;
    const { kind, product, role } = client;
    if (sub === client_id) return client.firstParty ? undefined : { id: sub, kind, product, role };
    const status = await this.#parts.accounts.status(sub);
    if (status === undefined || status.disabled || status.epoch !== epoch) return undefined;
    return lentTo(client_id, actingAs(sub, status, client, this.#parts.accounts.lesserRole), client);
  }

  /** The key that a token names; one of another process that this one has not met yet is looked up. */
  async #keyOf(header: { readonly kid?: string; readonly alg?: string }): ReturnType<typeof importJWK> {
    const named = (keys: readonly SigningKey[]) => keys.find(({ kid }) => kid === header.kid);
    let key = named(await this.#parts.keys.believed());
    const nowMs = steady(this.#parts.clock).nowMs();
    if (key === undefined && header.kid !== undefined && nowMs - this.#refreshedMs >= refreshPauseMs) {
      this.#refreshedMs = nowMs;
      key = named(await this.#parts.keys.believed(true));
    }
    if (key === undefined || key.alg !== header.alg) throw new Error("no key of ours signed this");
    let imported = this.#imported.get(key.kid);
    if (imported === undefined) {
      imported = importJWK(key.publicJwk, key.alg);
      this.#imported.set(key.kid, imported);
    }
    return imported;
  }
}
