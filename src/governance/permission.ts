// Whether a caller's role, and its credential, are good for the operation that was called.
import type { ConstitutionData } from "../constitution/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import type { Fault } from "../kernel/fault.ts";
import { governanceFault } from "./errors.ts";

/** The refusal of a caller that may not call the operation; undefined for one that may. */
export function permissionDenied(ctx: Ctx, roles: ConstitutionData["roles"]): Fault | undefined {
  const { operation, permission, principal } = ctx;
  if (principal.operations !== undefined && !principal.operations.includes(operation)) {
    return governanceFault("permission.denied", `this credential is not good for ${operation}`, {
      remedy: `use a credential whose operations include ${operation}`,
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
