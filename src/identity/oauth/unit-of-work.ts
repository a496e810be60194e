// What one protocol request wants to change, gathered while the library works and committed together afterwards.
//
// The library writes as it goes: it marks a refresh token as used, then stores the next one. Done one by one, a crash between
// the two would end a session that no one ended. So its writes go here, its reads look here first, and nothing reaches the
// database before the library has answered.
import type { Transaction } from "kysely";
import type { Recognised } from "./accounts.ts";

/** The library's own form of what it stores. */
export type Payload = Readonly<Record<string, unknown>>;

/** Something the library stored in this request. */
export interface Buffered {
  readonly model: string;
  readonly id: string;
  readonly payload: Payload;
  /** How long it is good, seconds. */
  readonly expiresIn: number;
}

/** A used token that was shown again: its sender is not the one it was given to, or not the only one. */
export interface Reuse {
  readonly model: "RefreshToken" | "AuthorizationCode";
  readonly grantId: string;
}

/** A used token that came again, as the store met it at the commit. */
export class AlreadyConsumed extends Error {
  override readonly name = "AlreadyConsumed";
  readonly reuse: Reuse;

  constructor(reuse: Reuse) {
    super("the token was used meanwhile");
    this.reuse = reuse;
  }
}

/** The changes of one protocol request. */
export class UnitOfWork {
  /** Network address of the caller, for counting failed sign-ins. */
  readonly address: string;
  readonly stored = new Map<string, Buffered>();
  /** Ids of tokens that this request uses up, with the family they belong to. */
  readonly consumed = new Map<string, Reuse>();
  /** Families that end with this request. */
  readonly revokedGrants = new Set<string>();
  /** Access tokens without a family that end with this request: when each would have expired, milliseconds by `jti`. */
  readonly revokedTokens = new Map<string, number>();
  /** Changes of others that belong into the same transaction. */
  readonly also: ((tx: Transaction<unknown>) => Promise<void>)[] = [];
  /** Epoch of the account that a new family belongs to, as it was when the password was checked. */
  epoch = 0;
  /** Who has shown a password in this request. */
  recognised: Recognised | undefined;
  /** A used token that was shown. */
  reuse: Reuse | undefined;
  /** A refusal that the library cannot carry through its own words. */
  fault: unknown;
  /** The client that authenticated, or that the request named where it need not. */
  client: string | undefined;
  /** The account that a token or code was made for. */
  account: string | undefined;

  constructor(address: string) {
    this.address = address;
  }

  /** What this request has stored under an id. */
  find(model: string, id: string): Buffered | undefined {
    return this.stored.get(keyOf(model, id));
  }

  store(entry: Buffered): void {
    this.stored.set(keyOf(entry.model, entry.id), entry);
  }

  forget(model: string, id: string): void {
    this.stored.delete(keyOf(model, id));
  }

  /** What was stored of some models. */
  of(...models: readonly string[]): readonly Buffered[] {
    return [...this.stored.values()].filter(({ model }) => models.includes(model));
  }
}

function keyOf(model: string, id: string): string {
  return `${model}:${id}`;
}
