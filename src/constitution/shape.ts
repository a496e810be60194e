// The finite shape of a request. Whatever a caller sends is brought down to a few known values before it is remembered
// or evaluated, so that no input can make the memory of decisions grow or meet a policy in a form no one foresaw.
//
// 1. A resource's product that is not registered counts as none.
// 2. A principal's product that is not registered counts as one that owns nothing; it never counts as none, which
//    would free the caller from isolation.
// 3. A circumstance that speaks for the request counts only when it is true, one that speaks against it always counts
//    unless it is false.
import { callerKinds } from "../kernel/ctx.ts";
import type { CallerKind } from "../kernel/ctx.ts";
import { actions, resourceKinds } from "./decision.ts";
import type { Action, DecisionRequest, ResourceKind } from "./decision.ts";
import type { ConstitutionData } from "./data.ts";

/** The circumstances of a request. */
export type Circumstances = DecisionRequest["context"];

/** A request in its finite shape. */
export interface Shape {
  readonly kind: CallerKind;
  /** A registered product, `unregistered`, or null for a caller that belongs to none. */
  readonly principalProduct: string | null;
  readonly action: Action;
  readonly resourceKind: ResourceKind;
  /** A registered product, or null. */
  readonly resourceProduct: string | null;
  /** Whether the constitution grants reading to the agents of the resource's product. */
  readonly agentsMayRead: boolean;
  readonly context: Circumstances;
}

/** Stands for every product that the constitution does not register; no registered name is in lower case. */
export const unregistered = "unregistered";

/** Flags that help a request, with the value that helps. */
export const helpfulValues = {
  complete: true,
  setsLockedField: false,
  hashed: true,
  halted: false,
  exception: false,
  ownRequest: false,
  ownerApproved: true,
} as const satisfies Record<keyof Circumstances, boolean>;

/** Brings requests into their finite shape under one constitution. */
export interface Shaper {
  /** A number that two requests share exactly when they have the same shape; undefined when a word is unknown. */
  keyOf(request: DecisionRequest): number | undefined;
  /** The shape of a request whose key is defined. */
  shapeOf(request: DecisionRequest): Shape;
}

/** A shaper for the products of a constitution. */
export function shaperOf(products: ConstitutionData["products"]): Shaper {
  const kindIndex = indexOf(callerKinds);
  const actionIndex = indexOf(actions);
  const resourceIndex = indexOf(resourceKinds);
  const names = Object.keys(products);
  const productIndex = indexOf(names);
  const unknown = names.length;
  const none = names.length + 1;
  const productCount = names.length + 2;

  return {
    keyOf({ principal, action, resource, context }) {
      const kind = kindIndex.get(principal.kind);
      const verb = actionIndex.get(action);
      const thing = resourceIndex.get(resource.kind);
      if (kind === undefined || verb === undefined || thing === undefined) return undefined;
      const owner = principal.product === null ? none : (productIndex.get(principal.product) ?? unknown);
      const target = resource.product === null ? none : (productIndex.get(resource.product) ?? none);
      let key = kind;
      key = key * actions.length + verb;
      key = key * resourceKinds.length + thing;
      key = key * productCount + owner;
      key = key * productCount + target;
      return key * 128 + bitsOf(context);
    },
    shapeOf({ principal, action, resource, context }) {
      const owner = principal.product;
      const target = resource.product;
      const known = target !== null && productIndex.has(target);
      return {
        kind: principal.kind,
        principalProduct: owner === null || productIndex.has(owner) ? owner : unregistered,
        action,
        resourceKind: resource.kind,
        resourceProduct: known ? target : null,
        agentsMayRead: known && products[target]?.agentsMayRead === true,
        context: circumstancesOf(context),
      };
    },
  };
}

function indexOf<T>(values: readonly T[]): ReadonlyMap<T, number> {
  return new Map(values.map((value, i) => [value, i]));
}

/** Circumstances as they may come from a caller that ignores types. */
type Given = Readonly<Record<keyof Circumstances, unknown>>;

/** The circumstances as seven bits, each read as invariant 3 says. */
function bitsOf(given: Given): number {
  return (
    (given.complete === true ? 1 : 0) +
    (given.setsLockedField === false ? 0 : 2) +
    (given.hashed === true ? 4 : 0) +
    (given.halted === false ? 0 : 8) +
    (given.exception === false ? 0 : 16) +
    (given.ownRequest === false ? 0 : 32) +
    (given.ownerApproved === true ? 64 : 0)
  );
}

function circumstancesOf(given: Given): Circumstances {
  return {
    complete: given.complete === true,
    setsLockedField: given.setsLockedField !== false,
    hashed: given.hashed === true,
    halted: given.halted !== false,
    exception: given.exception !== false,
    ownRequest: given.ownRequest !== false,
    ownerApproved: given.ownerApproved === true,
  };
}
