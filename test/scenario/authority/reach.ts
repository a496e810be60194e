// What something that acts can reach: operations, in products, as kinds, from addresses, at times, after the end of owners.
// Reckoned by trying points, and not by the comparison that the gate makes.
import { defaultConstitutionDir, loadConstitution } from "../../../src/constitution/index.ts";
import { operations } from "../../../src/http/index.ts";
import type { OperationName } from "../../../src/http/index.ts";
import { isWithin } from "../../../src/identity/scope.ts";
import { principalKinds } from "../../../src/kernel/ctx.ts";
import type { Principal, PrincipalKind } from "../../../src/kernel/ctx.ts";

const names = (Object.keys(operations) as OperationName[]).filter((name) => operations[name].access !== "public");
const { roles, products } = loadConstitution(defaultConstitutionDir()).data;

/** Where it is tried from; the networks of the tests tell them apart. */
const addresses = ["10.1.2.3", "10.200.0.1", "192.168.7.7", "2001:db8::7"] as const;

/** Something that acts. */
export interface Acting {
  readonly principal: Principal;
  /** The kinds that it can be; the one of its principal when absent. */
  readonly kinds?: readonly PrincipalKind[];
}

/** One set of points for each dimension; what is reached is their product. */
export type Reach = readonly ReadonlySet<string>[];

/** What a credential reaches. An admin makes every kind, so it counts as every kind. */
export function reachOf({ principal, kinds }: Acting, times: readonly number[], owners: readonly string[]): Reach {
  const { kind, role, product, operations: narrowed, networks, expiresMs, owner } = principal;
  const ofProducts = kind === "product" || kind === "ai_agent";
  const callable = names.filter((name) => {
    const { permission } = operations[name];
    if (narrowed !== undefined && !narrowed.includes(name)) return false;
    return permission === null || permission === undefined || roles[role].permissions.includes(permission);
  });
  return [
    new Set(callable),
    new Set(product !== null ? [product] : ofProducts ? ["none"] : ["none", ...Object.keys(products)]),
    new Set(kinds ?? (kind === "admin" ? principalKinds : [kind])),
    new Set(addresses.filter((address) => networks === undefined || isWithin(address, networks))),
    new Set(times.filter((time) => expiresMs === undefined || time < expiresMs).map(String)),
    new Set(["nobody", ...owners].filter((ended) => ended !== owner)),
  ];
}

/** Where a reach goes beyond all of the others; undefined when one of them covers it. */
export function beyond(reach: Reach, others: readonly Reach[]): string | undefined {
  if (reach.some((points) => points.size === 0)) return undefined;
  const excesses = others.map((other) => reach.map((points, i) => [...points].filter((each) => !other[i]?.has(each))));
  if (excesses.some((excess) => excess.every((points) => points.length === 0))) return undefined;
  return JSON.stringify(excesses[0]?.map((points) => points.slice(0, 4)));
}
