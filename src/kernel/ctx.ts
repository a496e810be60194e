// What every verb of every domain is given: who asks, under which request, until when. Never an HTTP request.
import type { Clock } from "./clock.ts";
import type { Fault } from "./fault.ts";
import type { RequestId } from "./ids.ts";
import type { OperationName } from "./operation.ts";
import type { Permission } from "./permission.ts";
import type { Principal } from "./principal.ts";
import type { CredentialState } from "./credential.ts";

export { accountableFor, anonymous, callerKinds, principalKinds, roles, seesAll } from "./principal.ts";
export type { CallBounds, CallerKind, Principal, PrincipalKind, Role } from "./principal.ts";

export { permissions } from "./permission.ts";
export type { Permission } from "./permission.ts";

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
  /** Name of the operation that was called, from the list of operations. */
  readonly operation: OperationName;
  /** What the operation needs the caller's role to have; undefined for one that anyone may call. */
  readonly permission: Permission | undefined;
  /** Network address of the caller, as text; for counting only, never recorded. Empty when there is none. */
  readonly address: string;
  readonly requestId: RequestId;
  /** Aborts when the caller has gone or the deadline has passed, and with a fault as its reason when the call is ended from here. */
  readonly signal: AbortSignal;
  /** What the caller's rights rest on; absent for a caller without a credential and for the server itself. */
  readonly credentialState?: CredentialState;
  /** Ends the call: its signal aborts with this reason. Absent where nothing can end it. */
  readonly stop?: (reason: Fault) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** A log that keeps nothing, for tools and tests that have nowhere to write. */
export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
