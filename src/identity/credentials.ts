// Every sort of credential behind one port: API keys, which say so in their first letters, and access tokens of ours and of
// the external issuers that an operator has named.
import { silentMeter } from "../kernel/meter.ts";
import type { Meter } from "../kernel/meter.ts";
import type { AccessTokenVerifier } from "./access-token.ts";
import type { Authenticator } from "./authenticator.ts";
import { credentialMetrics } from "./metrics.ts";
import type { ExternalIssuers } from "./issuers/index.ts";

/** How every API key begins. */
const keyStart = "charter_";

/** Authenticates API keys with one part, tokens that name an external issuer with another, and the rest with the third. */
export function eitherCredential(
  keys: Authenticator,
  tokens: Pick<AccessTokenVerifier, "identify">,
  external: Pick<ExternalIssuers, "claims" | "identify">,
  meter: Meter = silentMeter,
): Authenticator {
  const metrics = credentialMetrics(meter);
  return {
    async identify(presented) {
      if (presented.scheme !== "bearer") return undefined;
      const { text } = presented;
      if (text.startsWith(keyStart)) return metrics.check("key", () => keys.identify(presented));
      if (external.claims(text)) return metrics.check("external", () => external.identify(text));
      return metrics.check("token", () => tokens.identify(text));
    },
  };
}
