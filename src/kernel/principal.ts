// Who calls: kinds, roles, and what is known of a caller.

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

/** What binds the calls of models that a credential makes; what is absent binds nothing. */
export interface CallBounds {
  /** Models by name, or by `provider/model`; `*` stands for any text. */
  readonly models?: readonly string[];
  /** The budget that the credential was made with. */
  readonly budget?: { readonly unit: string; readonly window: string; readonly limit: number };
  /** Most calls within a minute. */
  readonly rpm?: number;
  /** Most tokens within a minute. */
  readonly tpm?: number;
  /** Other names of models, before those of its product. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Models that answer where a named one cannot, in place of those of its product. */
  readonly fallbacks?: readonly string[];
}

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
  /** The networks that the credential may be used from, in CIDR notation, where it is bound to some. */
  readonly networks?: readonly string[];
  /** When what the caller holds ends, milliseconds since the epoch, where it ends by itself. */
  readonly expiresMs?: number;
  /** The user or client that the credential belongs to and ends with, where it belongs to one. */
  readonly owner?: string;
  /** What binds its calls of models, where something does. */
  readonly calls?: CallBounds;
  /** A person with their own session; absent for keys, clients and whatever acts for a person. */
  readonly human?: true;
  /** Who acts for this caller, where someone does: an application is lent what a person holds. */
  readonly actor?: Actor;
}

/** Who acts for a person, and who acts for that actor in turn (RFC 8693 section 4.1). */
export interface Actor {
  /** Id of a client or an agent. */
  readonly id: string;
  readonly actor?: Actor;
}

/** Most actors behind each other: a record stays readable, and a chain that is longer is a circle. */
export const maxActors = 4;

/** A caller with one more actor, which acts for the others; undefined when there would be too many. */
export function actedForBy(principal: Principal, id: string): Principal | undefined {
  let depth = 1;
  for (let { actor } = principal; actor !== undefined; actor = actor.actor) depth++;
  if (depth > maxActors) return undefined;
  const { human: _, actor, ...rest } = principal;
  return { ...rest, actor: actor === undefined ? { id } : { id, actor } };
}

/**
 * What a caller answers for by itself: its credential, and for an application that acts for a person the two together, so that
 * neither the person nor the application's other people pay for what it does.
 */
export function accountableFor({ id, actor }: Principal): string {
  return actor === undefined ? id : `${id}@${actor.id}`;
}

/**
 * Whether a caller may see what concerns all products: it belongs to none, and is of a kind that works for the whole server. A
 * user who has registered is of the kind `product` before an admin gives it one, and must see nothing.
 */
export function seesAll({ kind, product }: Principal): boolean {
  return product === null && kind !== "product" && kind !== "ai_agent" && kind !== "anonymous";
}

/** The caller that has shown no credential. */
export const anonymous: Principal = { id: "anonymous", kind: "anonymous", product: null, role: "anonymous" };
