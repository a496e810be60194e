// Every code that the content store may refuse or fail with.
import { faultsOf } from "../../kernel/fault.ts";

/** Public codes of the content store, each with the sentence that documents it. */
export const contentCodes = {
  "content.too_large": [413, "The content is longer than the limit that applies to it; nothing was kept."],
  "content.digest_mismatch": [422, "The bytes received do not hash to the digest that was declared; nothing was kept."],
  "content.aborted": [400, "The content stopped arriving before it was complete; nothing was kept."],
  "content.missing": [500, "The content is not in the store."],
  "content.corrupt": [500, "The stored content no longer matches its digest or length and is not served."],
  "content.storage_full": [503, "The medium has no room for the content; nothing was kept."],
  "content.storage_failed": [503, "The medium failed or the store is closing; nothing was acknowledged."],
  "content.product_name": [404, "The product's name cannot be used by the content store."],
} as const;

/** Makes a fault of the content store. */
export const contentFault = faultsOf(contentCodes);
