// The request by which a provider shows whether it knows a key. It asks no model, so it costs nothing.
import type { Provider } from "./catalogue/catalogue.ts";
import { listRequestOf } from "./model-list.ts";
import type { ListRequest } from "./model-list.ts";

/** What is asked of a provider: one model of its list, or what it says of the key where anyone may read its list. */
export function keyProofOf(provider: Provider): ListRequest {
  return provider.priceProvider === "openrouter" ? { path: "/key", headers: {} } : listRequestOf(provider, 1);
}
