// What an act passes on, compared with what its caller holds: a credential gives no more than it has.
//
// 1. An authority is everything by which one credential can do more than another: kind, role, product, operations,
//    networks, expiry, whom it ends with, and what binds its calls of models. Each field has one order; "less or equal" passes, anything else names the field.
// 2. Keys, accounts and clients are read as authorities here and nowhere else, so that no act decides for itself which of
//    its fields lead to power.
// 3. A change passes on what its result has and what was there before had not. An address that can recover an account is
//    power over the whole of it.
import type { ConstitutionData } from "../constitution/index.ts";
import { defaultRoles, isNetworkWithin } from "../identity/index.ts";
import type { ClientDraft, UserChange, UserRecord } from "../identity/index.ts";
import type { CallBounds, CallerKind, Principal, PrincipalKind, Role } from "../kernel/ctx.ts";
import { fitsPattern } from "../kernel/pattern.ts";
import { isRoleWithin } from "../kernel/roles.ts";

/** What a credential can do, where from, and until when; null stands for "not bound". */
export interface Authority {
  readonly kind: CallerKind;
  readonly role: Role;
  /** Null is every product for callers that belong to none. */
  readonly product: string | null;
  /** Names of operations. */
  readonly operations: readonly string[] | null;
  /** CIDR notation. */
  readonly networks: readonly string[] | null;
  /** Milliseconds since the epoch. */
  readonly expiresMs: number | null;
  /** The user or client that it ends with. */
  readonly owner: string | null;
  /** Models that it may call; `*` stands for any text. */
  readonly models: readonly string[] | null;
  readonly budget: NonNullable<CallBounds["budget"]> | null;
  /** Most calls, and most tokens, within a minute. */
  readonly rpm: number | null;
  readonly tpm: number | null;
}

/** A field in which one authority can exceed another. */
export type AuthorityField = keyof Authority;

const unboundCalls = { models: null, budget: null, rpm: null, tpm: null } as const;
const unbound = { operations: null, networks: null, expiresMs: null, owner: null, ...unboundCalls } as const;

/** What a caller holds. */
export function heldBy(principal: Principal): Authority {
  const { kind, role, product, operations, networks, expiresMs, owner, calls } = principal;
  return {
    kind,
    role,
    product,
    operations: operations ?? null,
    networks: networks ?? null,
    expiresMs: expiresMs ?? null,
    owner: owner ?? null,
    ...boundsOf(calls),
  };
}

function boundsOf({ models, budget, rpm, tpm }: CallBounds = {}) {
  return { models: models ?? null, budget: budget ?? null, rpm: rpm ?? null, tpm: tpm ?? null };
}

/** The fields in which a given authority exceeds a held one; empty when it may be passed on. */
export function fieldsBeyond(
  given: Authority,
  held: Authority,
  roles: ConstitutionData["roles"],
): readonly AuthorityField[] {
  const within: Record<AuthorityField, boolean> = {
    // An admin makes every kind; no other kind contains another one (an executor approves what an admin cannot).
    kind: given.kind === held.kind || held.kind === "admin",
    role: isRoleWithin(given.role, held.role, roles),
    product: held.product === null || given.product === held.product,
    operations: isWithinList(given.operations, held.operations, (operation, own) => own.includes(operation)),
    networks: isWithinList(given.networks, held.networks, isNetworkWithin),
    expiresMs: held.expiresMs === null || (given.expiresMs !== null && given.expiresMs <= held.expiresMs),
    owner: held.owner === null || given.owner === held.owner,
    models: isWithinList(given.models, held.models, (name, own) => own.some((each) => fitsPattern(each, name))),
    // What is counted for one credential is not given to a second one: each would use it up for itself.
    budget: held.budget === null,
    rpm: held.rpm === null,
    tpm: held.tpm === null,
  };
  return (Object.keys(within) as AuthorityField[]).filter((field) => !within[field]);
}

/** Whether a list is bound at least as tightly as another one. */
function isWithinList(
  given: readonly string[] | null,
  held: readonly string[] | null,
  has: (entry: string, own: readonly string[]) => boolean,
): boolean {
  return held === null || (given !== null && given.every((entry) => has(entry, held)));
}

/** What a key of this draft can do. */
export function authorityOfKey(draft: {
  readonly kind: PrincipalKind;
  readonly role?: Role;
  readonly product?: string;
  readonly operations?: readonly string[];
  readonly networks?: readonly string[];
  readonly expiresAt?: string;
  readonly owner?: string;
  readonly calls?: CallBounds;
}): Authority {
  const { kind, role, product, operations, networks, expiresAt, owner, calls } = draft;
  return {
    kind,
    role: role ?? defaultRoles[kind],
    product: product ?? null,
    operations: operations ?? null,
    networks: networks ?? null,
    expiresMs: expiresAt === undefined ? null : Date.parse(expiresAt),
    owner: owner ?? null,
    ...boundsOf(calls),
  };
}

/** What an account can do: it is bound by its kind, role and product alone, and so is every session of it. */
export function authorityOfAccount({
  kind,
  role,
  product,
}: {
  readonly kind: PrincipalKind;
  readonly role?: Role;
  readonly product?: string | null;
}): Authority {
  return { ...unbound, kind, role: role ?? defaultRoles[kind], product: product ?? null };
}

/**
 * What a client can do. One that people let act in their name can be any kind of person, with no more than its own role and
 * product; naming its redirect URIs or keys gives what people let it do.
 */
export function authorityOfClient({ kind, role, product, grantTypes }: ClientDraft): readonly Authority[] {
  const own = { ...unbound, kind, role, product: product ?? null };
  return grantTypes.includes("authorization_code") ? [own, { ...own, kind: "admin" }] : [own];
}

/** What a change of an account passes on: the whole account as soon as the address or anything that it may do changes upwards. */
export function authorityOfChange(
  before: UserRecord,
  change: UserChange,
  roles: ConstitutionData["roles"],
): readonly Authority[] {
  const was = authorityOfAccount(before);
  const is = authorityOfAccount({
    kind: change.kind ?? before.kind,
    role: change.role ?? before.role,
    product: change.product === undefined ? before.product : change.product,
  });
  const recovers = change.email !== undefined || change.verified !== undefined;
  const grows = is.kind !== was.kind || is.product !== was.product || fieldsBeyond(is, was, roles).length > 0;
  if (recovers) return [was, is];
  return grows ? [is] : [];
}
