// Tokens that other issuers made. Promises:
//
// 1. A token counts only when its issuer is configured, its signature is of one of that issuer's keys and algorithms, it
//    is meant for the configured audience, and it has not expired (RFC 8725). Otherwise the answer is undefined.
// 2. A token that is bound to a key of its holder (RFC 9449, RFC 8705) is refused: as a bearer token it was stolen.
// 3. An issuer that cannot be reached refuses its own tokens and holds up no one else's.
import { decodeJwt, jwtVerify } from "jose";
import type { Clock } from "../../kernel/clock.ts";
import type { Log, Principal } from "../../kernel/ctx.ts";
import type { Authenticated } from "../../kernel/credential.ts";
import { principalOf } from "./claims.ts";
import { IssuerKeys } from "./issuer-keys.ts";
import type { Issuer } from "./issuer.ts";

/** How far an issuer's clock may be off, seconds. */
const skewSeconds = 60;
/** Types of tokens that are for calling APIs: RFC 9068's, and the plain one that most issuers write. */
const accessTypes: readonly unknown[] = [undefined, "JWT", "jwt", "at+jwt", "application/at+jwt"];

/** What the issuers are opened with. */
export interface ExternalIssuerParts {
  readonly issuers: readonly Issuer[];
  /** Products that a token may name. */
  readonly products: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

interface Trusted {
  readonly issuer: Issuer;
  readonly keys: IssuerKeys;
}

/** Verifies tokens of the configured issuers. */
export class ExternalIssuers {
  readonly #trusted: ReadonlyMap<string, Trusted>;
  readonly #products: readonly string[];
  readonly #clock: Clock;

  constructor({ issuers, products, clock, log }: ExternalIssuerParts) {
    const trusted = issuers.map(
      (issuer) => [issuer.issuer, { issuer, keys: new IssuerKeys(issuer, clock, log) }] as const,
    );
    this.#trusted = new Map(trusted);
    this.#products = products;
    this.#clock = clock;
  }

  /** Whether a credential claims to come from one of the issuers. Costs nothing where none is configured; verifies nothing. */
  claims(text: string): boolean {
    return this.#claimed(text) !== undefined;
  }

  /** The principal of a token, or undefined. Never rejects. */
  async verify(text: string): Promise<Principal | undefined> {
    return (await this.identify(text))?.principal;
  }

  /** The same with what the caller was recognised by. Never rejects. */
  async identify(text: string): Promise<Authenticated | undefined> {
    const trusted = this.#claimed(text);
    if (trusted === undefined) return undefined;
    const { issuer, keys } = trusted;
    try {
      const { payload, protectedHeader } = await jwtVerify(text, keys.find, {
        issuer: issuer.issuer,
        audience: issuer.audience,
        algorithms: [...issuer.algorithms],
        requiredClaims: ["iss", "aud", "sub", "exp"],
        clockTolerance: skewSeconds,
        currentDate: new Date(this.#clock.nowMs()),
      });
      if (!accessTypes.includes(protectedHeader.typ) || payload["cnf"] !== undefined) return undefined;
      const principal = principalOf(issuer, payload, this.#products);
      const expiresMs = ((payload.exp ?? 0) + skewSeconds) * 1000;
      return principal && { principal, credential: { kind: "external", principal, expiresMs } };
    } catch {
      return undefined;
    }
  }

  #claimed(text: string): Trusted | undefined {
    if (this.#trusted.size === 0) return undefined;
    try {
      return this.#trusted.get(decodeJwt(text).iss ?? "");
    } catch {
      return undefined;
    }
  }
}
