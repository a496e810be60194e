// T7: one product reaches for another's data (RULE_05), or stores a type that its product may not hold.
//
// Another product's resource is answered as if it did not exist, so these findings are marked to be concealed, and
// nothing else about that product (its allowed types, say) is told either.
import { findingOf } from "./threat.ts";
import type { Detector, FindingDraft, Circumstances } from "./threat.ts";

const threat = "T7_CROSS_PRODUCT";

/** Finds reaches across products and types outside a product's list. */
export const crossProduct: Detector = {
  id: threat,
  summary: "A product's credential reaches for another product, or an artifact type is outside the product's list.",
  looksAt: "caller",
  detect(input) {
    const draft = reach(input) ?? foreignType(input);
    return draft ? [findingOf(draft)] : [];
  },
};

/** Credentials that belong to a product stay inside it; agents and products without one reach no one's. */
function reach({ principal, resource }: Circumstances): FindingDraft | undefined {
  const bound = principal.product !== null || principal.kind === "product" || principal.kind === "ai_agent";
  if (!bound || resource.product === null || resource.product === principal.product) return undefined;
  const detail = "The resource belongs to another product.";
  return { threat, severity: "HIGH", pattern: "wrong_product_id", action: "reject", conceal: true, detail };
}

function foreignType({ action, resource }: Circumstances): FindingDraft | undefined {
  const { artifactType, allowedTypes } = resource;
  if (action !== "CREATE" || artifactType === undefined || !allowedTypes) return undefined;
  if (allowedTypes.includes(artifactType)) return undefined;
  const detail = `The product may not store this type; it may store ${allowedTypes.join(", ") || "none"}.`;
  return { threat, severity: "HIGH", pattern: "namespace_collision", action: "reject", detail };
}
