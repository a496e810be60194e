// What a call is held to: the terms of its product, and within them what its key is bound by. Pure.
import type { Constitution, ModelTerms } from "../constitution/index.ts";
import type { Principal } from "../kernel/ctx.ts";

/** Terms of one caller. */
export interface CallTerms extends ModelTerms {
  /** The models that its key is good for, listed as the terms list theirs; absent for a key that is bound to none. */
  readonly keyModels?: readonly string[];
}

/** What a caller's calls on account of a product are held to. */
export function callTermsOf(
  constitution: Constitution,
  product: string | null,
  { calls }: Pick<Principal, "calls">,
): CallTerms {
  const terms = termsOf(constitution, product);
  if (calls === undefined) return terms;
  const { models, rpm, tpm } = calls;
  return {
    ...terms,
    keyRequestsPerMinute: lesser(terms.keyRequestsPerMinute, rpm),
    keyTokensPerMinute: lesser(terms.keyTokensPerMinute, tpm),
    // A parameter by which a provider chooses another model would lead out of them.
    ...(models === undefined ? {} : { keyModels: models, parameters: { ...terms.parameters, model: "refuse" } }),
  };
}

/** What a product's calls are held to; `null` stands for callers of no product. */
export function termsOf({ data: { products, gateway } }: Constitution, product: string | null): ModelTerms {
  const own = product === null || !Object.hasOwn(products, product) ? undefined : products[product]?.models;
  if (own === undefined) return gateway.terms;
  return { ...gateway.terms, ...own, parameters: { ...gateway.terms.parameters, ...own.parameters } };
}

function lesser(one: number | null, other: number | undefined): number | null {
  return one === null ? (other ?? null) : Math.min(one, other ?? one);
}
