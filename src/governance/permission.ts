// Whether a caller's role, and its credential, are good for the operation that was called.
import type { ConstitutionData } from "../constitution/index.ts";
import type { Ctx, PrincipalKind, Role } from "../kernel/ctx.ts";
import type { Fault } from "../kernel/fault.ts";
import type { Attempt } from "./attempt.ts";
import { governanceFault } from "./errors.ts";

/** The refusal of a caller that may not call the operation, or pass on what it grants; undefined for one that may. */
export function permissionDenied(
  ctx: Ctx,
  roles: ConstitutionData["roles"],
  grants?: Attempt["grants"],
): Fault | undefined {
  const { operation, permission, principal } = ctx;
  if (principal.operations !== undefined && !principal.operations.includes(operation)) {
    return governanceFault("permission.denied", `this credential is not good for ${operation}`, {
      remedy: `use a credential whose operations include ${operation}`,
    });
  }
  if (grants !== undefined && exceeds(grants, principal.operations)) {
    return governanceFault("permission.denied", "a credential passes on no more operations than it is good for", {
      remedy: "name operations that this credential has, or use one that is not narrowed",
    });
  }
  if (permission === undefined || roles[principal.role].permissions.includes(permission)) return undefined;
  const able = Object.entries(roles).flatMap(([role, terms]) => (terms.permissions.includes(permission) ? [role] : []));
  return governanceFault(
    "permission.denied",
    `${operation} needs the permission ${permission}, which the role ${principal.role} lacks`,
    {
      permission,
      remedy: `use a credential with one of these roles: ${able.join(", ")}`,
    },
  );
}

/** What making these accounts or clients passes on: an admin may do everything, whatever made it. */
export function grantsOf(
  ...drafts: readonly { readonly kind?: PrincipalKind; readonly role?: Role }[]
): Pick<Attempt, "grants"> {
  return drafts.some(({ kind, role }) => kind === "admin" || role === "admin") ? { grants: "everything" } : {};
}

function exceeds(grants: readonly string[] | "everything", own: readonly string[] | undefined): boolean {
  return own !== undefined && (grants === "everything" || grants.some((operation) => !own.includes(operation)));
}
