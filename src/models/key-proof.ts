// The request by which a provider shows whether it knows a key. It asks no model, so it costs nothing.
import { messagesVersion } from "./anthropic-messages/request.ts";
import { dialectOf } from "./catalogue/catalogue.ts";
import type { Provider } from "./catalogue/catalogue.ts";

/** A request without a body; its path is below the provider's base URL. */
export interface KeyProof {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What is asked of a provider: one model of its list, or what it says of the key where anyone may read its list. */
export function keyProofOf(provider: Provider): KeyProof {
  if (provider.priceProvider === "openrouter") return { path: "/key", headers: {} };
  switch (dialectOf({ provider, serves: "chat" })) {
    case "anthropic-messages":
      return { path: "/models?limit=1", headers: messagesVersion };
    case "gemini":
      return { path: "/models?pageSize=1", headers: {} };
    default:
      return { path: "/models", headers: {} };
  }
}
