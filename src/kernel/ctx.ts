// What every verb of every domain is given: who asks, under which request, until when. Never an HTTP request.
import type { Clock } from "./clock.ts";
import type { RequestId } from "./ids.ts";

/** What the constitution lets a caller do. */
export const principalKinds = ["ai_agent", "executor", "product", "auditor", "admin"] as const;
/** What the constitution lets a caller do; it comes from the credential, never from a name. */
export type PrincipalKind = (typeof principalKinds)[number];

/** Who calls. */
export interface Principal {
  /** Stable public identifier of the credential, e.g. `key_3k9x...`; never a secret, never a person's name. */
  readonly id: string;
  readonly kind: PrincipalKind;
  /** The product the credential belongs to; null for principals that belong to none. */
  readonly product: string | null;
}

/** A structured log; fields come first, as in pino. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The circumstances of one call. */
export interface Ctx {
  readonly principal: Principal;
  readonly requestId: RequestId;
  /** Aborts when the caller has gone or the deadline has passed. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
}

/** A log that keeps nothing, for tools and tests that have nowhere to write. */
export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
