// What a key with an owner is good for: no more than its owner is, at any moment. Pure.
import type { Principal, Role } from "../kernel/ctx.ts";
import type { LesserRole } from "../kernel/roles.ts";

/** A user or client in good standing, as far as it bounds the keys that belong to it. */
export interface Owner {
  readonly role: Role;
  readonly product: string | null;
}

/**
 * Who shows the key of an owner: with the lesser role of the two. Undefined when the key reaches beyond the owner's product, or
 * when each of the roles has a permission that the other lacks.
 */
export function boundByOwner(principal: Principal, owner: Owner, lesser: LesserRole): Principal | undefined {
  if (!reachesNoFurther(principal.product, owner)) return undefined;
  const role = lesser(principal.role, owner.role);
  if (role === undefined) return undefined;
  return role === principal.role ? principal : { ...principal, role };
}

/** Whether a key for a product, or for all when that is null, stays within the product of its owner. */
export function reachesNoFurther(product: string | null, owner: Pick<Owner, "product">): boolean {
  return owner.product === null || owner.product === product;
}
