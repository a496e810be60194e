// What a caller's rights rest on while its request is open: the credential it has shown, and what that is good for now.
//
// A request may last for an hour, and its credential may be revoked, expire or be changed meanwhile. The request holds on to
// one `CredentialState`, so that every part of it sees the end at the same moment.
import { Fault } from "./fault.ts";
import type { Principal } from "./principal.ts";

/** What a caller was authenticated by, as far as it takes to ask again whether it still stands. Never a secret. */
export type Credential =
  | {
      readonly kind: "key";
      readonly id: string;
      /** The user or client that the key belongs to and ends with. */
      readonly owner: string | null;
      /** From when on it is refused; infinity for one that never expires. */
      readonly expiresMs: number;
    }
  | {
      readonly kind: "token";
      /** The account that it acts for; the client itself for a token that a client got in its own name. */
      readonly account: string;
      readonly client: string;
      /** The account's epoch when the token was made. */
      readonly epoch?: number;
      /** The family that it belongs to. */
      readonly grant?: string;
      readonly tokenId: string;
      readonly expiresMs: number;
    }
  /** A token of another issuer: nothing here can revoke or change it. */
  | { readonly kind: "external"; readonly principal: Principal; readonly expiresMs: number };

/** A caller that was recognised, and by what. */
export interface Authenticated {
  readonly principal: Principal;
  readonly credential: Credential;
}

/** The credential of one open request, and what it is good for now. */
export class CredentialState {
  readonly credential: Credential;
  #principal: Principal;
  #hasEnded = false;

  constructor(credential: Credential, principal: Principal) {
    this.credential = credential;
    this.#principal = principal;
  }

  /** Who the caller is now; another than at the start when its key or account was changed meanwhile. */
  get principal(): Principal {
    return this.#principal;
  }

  /** Notes what the database says: who the caller is now, or undefined when the credential stands no more. That is final. */
  see(principal: Principal | undefined): void {
    if (principal === undefined) this.#hasEnded = true;
    else this.#principal = principal;
  }

  /** Whether the credential stood when it was last asked about and has not expired by now. */
  stands(nowMs: number): boolean {
    return !this.#hasEnded && nowMs < this.credential.expiresMs;
  }
}

/** Why a request was ended from here, as a fault; undefined while it goes on, and when its caller has left. */
export function endOf(signal: AbortSignal): Fault | undefined {
  return signal.aborted && signal.reason instanceof Fault ? signal.reason : undefined;
}

/** @throws Why the request was ended from here, if it was. */
export function throwIfEnded(signal: AbortSignal): void {
  const end = endOf(signal);
  if (end !== undefined) throw end;
}
