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

/** Models that calls may name. */
const callables = ["gpt-5", "gpt-5-mini", "gpt-4", "own/gpt-5", "claude"] as const;
const perMinute = [1, 10, 100, 1000, 10_000] as const;
/** So much of a unit, used within one window. */
const spendings = ["tokens", "microdollars"].flatMap((unit) =>
  ["day", "month"].flatMap((window) => [10, 1000, 10_000].map((amount) => [unit, window, amount] as const)),
);

/** Whether a budget that is all that binds lets so much be spent: another unit is not bound, another window begins anew. */
function isSpent(
  [unit, window, amount]: (typeof spendings)[number],
  budget: { readonly unit: string; readonly window: string; readonly limit: number },
): boolean {
  return unit !== budget.unit || window !== budget.window || amount <= budget.limit;
}

function stands(pattern: string, name: string): boolean {
  return new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(name);
}

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
  const { kind, role, product, operations: narrowed, networks, expiresMs, owner, calls = {} } = principal;
  const { models, budget, rpm, tpm } = calls;
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
    new Set(callables.filter((name) => models === undefined || models.some((each) => stands(each, name)))),
    // What is spent at one moment of one unit; a window that is not the held one may begin anew at any time.
    new Set(spendings.filter((each) => budget === undefined || isSpent(each, budget)).map((each) => each.join())),
    new Set(perMinute.filter((count) => rpm === undefined || count <= rpm).map(String)),
    new Set(perMinute.filter((count) => tpm === undefined || count <= tpm).map(String)),
  ];
}

/** Where a reach goes beyond all of the others; undefined when one of them covers it. */
export function beyond(reach: Reach, others: readonly Reach[]): string | undefined {
  if (reach.some((points) => points.size === 0)) return undefined;
  const excesses = others.map((other) => reach.map((points, i) => [...points].filter((each) => !other[i]?.has(each))));
  if (excesses.some((excess) => excess.every((points) => points.length === 0))) return undefined;
  return JSON.stringify(excesses[0]?.map((points) => points.slice(0, 4)));
}
