// Whether a caller's role, and its credential, are good for the operation that was called and for what it would pass on.
import type { ConstitutionData } from "../constitution/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import type { Fault } from "../kernel/fault.ts";
import { fieldsBeyond, heldBy } from "./attenuation.ts";
import type { Authority, AuthorityField } from "./attenuation.ts";
import { governanceFault } from "./errors.ts";

/** The refusal of a caller that may not call the operation, or pass on what it grants; undefined for one that may. */
export function permissionDenied(
  ctx: Ctx,
  roles: ConstitutionData["roles"],
  grants: readonly Authority[] = [],
): Fault | undefined {
  const { operation, permission, principal } = ctx;
  if (principal.operations !== undefined && !principal.operations.includes(operation)) {
    return governanceFault("permission.denied", `this credential is not good for ${operation}`, {
      remedy: `use a credential whose operations include ${operation}`,
    });
  }
  if (permission !== undefined && !roles[principal.role].permissions.includes(permission)) {
    const able = Object.entries(roles).flatMap(([role, terms]) =>
      terms.permissions.includes(permission) ? [role] : [],
    );
    return governanceFault(
      "permission.denied",
      `${operation} needs the permission ${permission}, which the role ${principal.role} lacks`,
      {
        permission,
        remedy: `use a credential with one of these roles: ${able.join(", ")}`,
      },
    );
  }
  return passingOnDenied(ctx, roles, grants);
}

/** How each field of an authority is called where a request names it. */
const fieldNames: Readonly<Record<AuthorityField, string>> = {
  kind: "kind",
  role: "role",
  product: "product",
  operations: "operations",
  networks: "networks",
  expiresMs: "expires_at",
  owner: "owner",
  models: "models",
  budget: "budget",
  rpm: "rpm",
  tpm: "tpm",
};

/** The refusal of a caller that would pass on more than it holds; undefined for one that does not. */
export function passingOnDenied(
  { principal }: Ctx,
  roles: ConstitutionData["roles"],
  grants: readonly Authority[],
): Fault | undefined {
  if (grants.length === 0) return undefined;
  if (principal.actor !== undefined) {
    return governanceFault("permission.denied", "an application passes on nothing of what a person lends it", {
      remedy: "let the person do it in a session or with a key of their own",
    });
  }
  const held = heldBy(principal);
  const beyond = new Set(grants.flatMap((given) => fieldsBeyond(given, held, roles)));
  if (beyond.size === 0) return undefined;
  const names = [...beyond].map((field) => fieldNames[field]).join(", ");
  return governanceFault(
    "permission.denied",
    `a credential passes on no more than it holds; this would exceed it in: ${names}`,
    {
      remedy: `ask for no more than this credential has (accounts and clients are never narrowed), or use one that is not bound in: ${names}`,
    },
  );
}
