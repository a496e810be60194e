// What can be asked of Charter, whichever door it comes through. Each domain names its operations and says of each who may
// call it, how often it may be called and what it does to the world; a door adds where it is found.
import type { Permission } from "./permission.ts";

/** What an operation does to the world: nothing, or something that must go through the gate. */
export type OperationEffect = "read" | "mutation";

/**
 * Who may call an operation. `key`: a credential whose role has the operation's permission. `self`: any credential, and the
 * operation concerns the caller's own identity only. `public`: anyone.
 */
export type Access = "key" | "self" | "public";

/** What counts the calls of an operation; the numbers stand in the constitution. */
export type RateClass =
  | "control"
  | "data"
  | "deliberation"
  | "public"
  | "auth"
  | "token"
  | "register"
  | "reset"
  | "probe";

/** One operation. */
export interface Operation {
  readonly effect: OperationEffect;
  readonly access: Access;
  /** What the caller's role must have; null where `access` is not `key`. */
  readonly permission: Permission | null;
  readonly rate: RateClass;
  /** It is a read for those that may call models, whatever else their kind may read. */
  readonly forModelCallers?: true;
  /** The credential may also come where clients of model APIs put it, such as in `X-Api-Key`. */
  readonly takesApiKey?: true;
  /** What it does is done elsewhere, by a provider that is asked: after a crash no one here knows how far it was. */
  readonly reachesOut?: true;
  /** Why no permission is needed. */
  readonly why?: string;
}

/** The operations of one domain, by name. */
export type Operations = Readonly<Record<string, Operation>>;

/** Every operation's name as a key. Each domain's `operations.ts` adds its own, so that a name of none does not compile. */
// oxlint-disable-next-line typescript/no-empty-object-type -- what is added to it is all there is
export interface OperationTable {}

/** The name of an operation. */
export type OperationName = keyof OperationTable;

/** Reads with a permission. */
export const read = (permission: Permission, rate: RateClass = "control"): Operation => ({
  effect: "read",
  access: "key",
  permission,
  rate,
});

/** Changes with a permission. */
export const change = (permission: Permission, rate: RateClass = "control"): Operation => ({
  effect: "mutation",
  access: "key",
  permission,
  rate,
});

/** What anyone may do, and why. */
export const open = (why: string, rate: RateClass, effect: OperationEffect = "read"): Operation => ({
  effect,
  access: "public",
  permission: null,
  rate,
  why,
});

/** What any credential may do, because it concerns the caller only. */
export const self = (why: string, effect: OperationEffect = "read"): Operation => ({
  effect,
  access: "self",
  permission: null,
  rate: "control",
  why,
});

/** Reads that go with calling models. */
export const modelRead = (): Operation => ({ ...read("task.view", "data"), forModelCallers: true });

/** What is done by a provider. */
export const reachingOut = (operation: Operation): Operation => ({ ...operation, reachesOut: true });

/** What clients of model APIs call. */
export const client = (operation: Operation): Operation => ({ ...operation, takesApiKey: true });
