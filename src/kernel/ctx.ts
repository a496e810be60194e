// What every verb of every domain is given: who asks, under which request, until when. Never an HTTP request.
import type { Clock } from "./clock.ts";
import type { RequestId } from "./ids.ts";

/** What the constitution lets a caller do. */
export const principalKinds = ["ai_agent", "executor", "product", "auditor", "admin"] as const;
/** What the constitution lets a caller do; it comes from the credential, never from a name. */
export type PrincipalKind = (typeof principalKinds)[number];

/** Every kind of caller: the five kinds of credential, and a caller that has shown none. */
export const callerKinds = [...principalKinds, "anonymous"] as const;
/** A kind of caller. */
export type CallerKind = (typeof callerKinds)[number];

/** What the API lets a caller call, from most to least. */
export const roles = ["admin", "operator", "developer", "observer", "anonymous"] as const;
/** What the API lets a caller call; which permissions a role has stands in the constitution. */
export type Role = (typeof roles)[number];

/** Every permission that a role can have. */
export const permissions = [
  "escalation.view",
  "escalation.resolve",
  "escalation.create",
  "task.create",
  "task.update",
  "task.delete",
  "task.view",
  "agent.configure",
  "agent.view",
  "budget.view",
  "budget.configure",
  "learning.approve",
  "learning.view",
  "dlq.read",
  "dlq.resolve",
  "system.admin",
  "metrics.view",
] as const;
/** A permission. */
export type Permission = (typeof permissions)[number];

/** Who calls. */
export interface Principal {
  /** Stable public identifier of the credential, e.g. `key_3k9x...`; never a secret, never a person's name. */
  readonly id: string;
  readonly kind: CallerKind;
  /** The product the credential belongs to; null for principals that belong to none. */
  readonly product: string | null;
  readonly role: Role;
  /** The operations that the credential is good for, where it is good for some only. */
  readonly operations?: readonly string[];
}

/**
 * Whether a caller may see what concerns all products: it belongs to none, and is of a kind that works for the whole server. A
 * user who has registered is of the kind `product` before an admin gives it one, and is to learn of nobody's things.
 */
export function seesAll({ kind, product }: Principal): boolean {
  return product === null && kind !== "product" && kind !== "ai_agent" && kind !== "anonymous";
}

/** The caller that has shown no credential. */
export const anonymous: Principal = { id: "anonymous", kind: "anonymous", product: null, role: "anonymous" };

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
  readonly operation: string;
  /** What the operation needs the caller's role to have; undefined for one that anyone may call. */
  readonly permission: Permission | undefined;
  /** Network address of the caller, as text; for counting only, never recorded. Empty when there is none. */
  readonly address: string;
  readonly requestId: RequestId;
  /** Aborts when the caller has gone or the deadline has passed. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
}

/** A log that keeps nothing, for tools and tests that have nowhere to write. */
export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
