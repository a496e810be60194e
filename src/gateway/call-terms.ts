// What a call is held to: the terms of its product, and within them what its key is bound by. Pure.
//
// 1. A key only narrows: what it may call is what the terms of its product allow and its own models name.
// 2. A name is looked up among the key's aliases and then among the product's, in each once, so that no names lead in a circle.
//    An alias of a key leads to nothing that the key may not call by its own name.
import type { Constitution, ModelTerms } from "../constitution/index.ts";
import type { Principal } from "../kernel/ctx.ts";
import type { Deployment, Lookup } from "../models/index.ts";

type Aliases = Readonly<Record<string, string>>;

/** Terms of one caller. */
export interface CallTerms extends ModelTerms {
  /** The models that its key is good for, listed as the terms list theirs; absent for a key that is bound to none. */
  readonly keyModels?: readonly string[];
  readonly keyAliases?: Aliases;
}

/** What a caller's calls on account of a product are held to. */
export function callTermsOf(
  constitution: Constitution,
  product: string | null,
  { calls }: Pick<Principal, "calls">,
): CallTerms {
  const terms = termsOf(constitution, product);
  if (calls === undefined) return terms;
  const { models, rpm, tpm, aliases, fallbacks } = calls;
  return {
    ...terms,
    keyRequestsPerMinute: lesser(terms.keyRequestsPerMinute, rpm),
    keyTokensPerMinute: lesser(terms.keyTokensPerMinute, tpm),
    ...(aliases === undefined ? {} : { keyAliases: aliases }),
    ...(fallbacks === undefined ? {} : { fallbacks }),
    ...(models === undefined
      ? {}
      : {
          // A key may name an alias of its product, which is the product's to give; its own lead no further than these.
          keyModels: [...new Set(models.flatMap((name) => [name, meantBy(terms.aliases, name)]))],
          // A parameter by which a provider chooses another model would lead out of them.
          parameters: { ...terms.parameters, model: "refuse" },
        }),
  };
}

/** What a product's calls are held to; `null` stands for callers of no product. */
export function termsOf({ data: { products, gateway } }: Constitution, product: string | null): ModelTerms {
  const own = product === null || !Object.hasOwn(products, product) ? undefined : products[product]?.models;
  if (own === undefined) return gateway.terms;
  return { ...gateway.terms, ...own, parameters: { ...gateway.terms.parameters, ...own.parameters } };
}

/** The model that a name stands for: itself where it is no alias. */
export function modelOf({ keyAliases, aliases }: CallTerms, name: string): string {
  return meantBy(aliases, meantBy(keyAliases, name));
}

/** The deployments that stand behind each alias of a caller, by the alias. */
export function aliased(terms: CallTerms, lookup: Lookup): ReadonlyMap<string, readonly Deployment[]> {
  const names = Object.keys({ ...terms.aliases, ...terms.keyAliases });
  return new Map(names.map((name) => [name, namedBy(terms, lookup, name)]));
}

/** The deployments of each fallback of a chat, in the order in which they are tried; a choice of the router is none. */
export function fallbacksOf(terms: CallTerms, lookup: Lookup): readonly (readonly Deployment[])[] {
  return (terms.fallbacks ?? []).map((name) => namedBy(terms, lookup, name, ["chat"]));
}

function namedBy(
  terms: CallTerms,
  lookup: Lookup,
  name: string,
  services: readonly Deployment["serves"][] = ["chat", "embeddings"],
): readonly Deployment[] {
  const model = modelOf(terms, name);
  return services.flatMap((serves) => {
    const wanted = lookup.find(model, serves);
    return wanted?.kind === "named" ? wanted.deployments : [];
  });
}

function meantBy(aliases: Aliases | undefined, name: string): string {
  return aliases !== undefined && Object.hasOwn(aliases, name) ? (aliases[name] ?? name) : name;
}

function lesser(one: number | null, other: number | undefined): number | null {
  return one === null ? (other ?? null) : Math.min(one, other ?? one);
}
