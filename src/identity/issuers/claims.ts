// From the claims of a verified token to a principal. Pure.
//
// 1. Only words that are known count: those of the map where there is one, otherwise Charter's own. `admin`, as role or as
//    kind, is never taken from a token unless the map says so: other systems use that word too.
// 2. Of several known roles the strongest holds; several known kinds or products are refused, for no one can say which.
// 3. Where nothing known is said the default holds, and without one the token is refused.
import type { JWTPayload } from "jose";
import { principalKinds, roles } from "../../kernel/ctx.ts";
import type { Principal } from "../../kernel/ctx.ts";
import { sha256Hex } from "../../kernel/hash.ts";
import { productBoundKinds } from "../key.ts";
import type { Issuer, WordMap } from "./issuer.ts";

/** Most words of one claim that are looked at. */
const maxWords = 200;

/** The principal of a token, or undefined when its claims do not make one. */
export function principalOf(issuer: Issuer, claims: JWTPayload, products: readonly string[]): Principal | undefined {
  const { claims: names, defaults } = issuer;
  const { iss, sub } = claims;
  if (typeof iss !== "string" || typeof sub !== "string" || sub === "") return undefined;
  const known = <T extends string>(name: string | undefined, map: WordMap | undefined, words: readonly T[]): T[] =>
    name === undefined ? [] : knownWords(valueAt(claims, name), map, words);

  const granted = known(names.role, names.map?.role, roles);
  const role = roles.find((each) => granted.includes(each)) ?? defaults.role;
  const kind = only(known(names.kind, names.map?.kind, principalKinds), defaults.kind);
  const product = only(known(names.product, names.map?.product, products), defaults.product);
  if (role === undefined || role === "anonymous" || kind === undefined || kind === several) return undefined;
  if (product === several || (product === undefined && productBoundKinds.includes(kind))) return undefined;
  return { id: externalId(iss, sub), kind, role, product: product ?? null };
}

/** The id of someone at an issuer: it tells neither, and two issuers never share one. */
export function externalId(issuer: string, subject: string): string {
  return `ext_${sha256Hex(JSON.stringify([issuer, subject])).slice(0, 16)}`;
}

/** Stands for words that contradict each other. */
const several = Symbol("several");

function only<T extends string>(words: readonly T[], otherwise: T | undefined): T | undefined | typeof several {
  return words.length > 1 ? several : (words[0] ?? otherwise);
}

function knownWords<T extends string>(value: unknown, map: WordMap | undefined, words: readonly T[]): T[] {
  const texts = (Array.isArray(value) ? value.slice(0, maxWords) : [value]).filter((word) => typeof word === "string");
  const meant = texts.map((word) => (map === undefined ? (word === "admin" ? undefined : word) : own(map, word)));
  return [...new Set(words.filter((word) => meant.includes(word)))];
}

/** The value of a claim; a dot leads deeper, unless a claim has the whole name. */
function valueAt(claims: JWTPayload, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name.split(".").reduce<unknown>((value, part) => own(value, part), claims);
}

function own(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
