// Introspection (RFC 7662) and revocation (RFC 7009) of access tokens that are JWTs. The library refuses both, because it
// keeps no record of them; it authenticates the client, and the answer is made here.
import type { AccessTokenVerifier } from "../access-token.ts";
import { tokenAudience } from "../access-token.ts";
import type { OAuthClient } from "./client.ts";
import { oauthFault } from "./errors.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

/**
 * What a token is to the client that asks. A public client learns of its own tokens only, and one that belongs to a product
 * of that product's: a token that is good elsewhere is none here.
 */
export async function introspect(
  verifier: AccessTokenVerifier,
  token: string,
  asker: Pick<OAuthClient, "id" | "authMethod" | "product"> | undefined,
): Promise<Readonly<Record<string, unknown>>> {
  const found = await verifier.inspect(token);
  if (found === undefined || asker === undefined) return { active: false };
  const { claims, principal } = found;
  if (asker.authMethod === "none" && claims.client_id !== asker.id) return { active: false };
  if (asker.product !== null && asker.product !== principal.product) return { active: false };
  return {
    active: true,
    token_type: "Bearer",
    sub: claims.sub,
    client_id: claims.client_id,
    iss: claims.iss,
    aud: tokenAudience,
    iat: claims.iat,
    exp: claims.exp,
    jti: claims.jti,
    ...(claims.scope === undefined ? {} : { scope: claims.scope }),
    role: principal.role,
    kind: principal.kind,
    ...(principal.product === null ? {} : { product: principal.product }),
  };
}

/**
 * Ends a token, with the family it belongs to. A token that is not alive needs no ending; one of another client is refused.
 * Rejects with `oauth.invalid_request`.
 */
export async function revokeStructured(
  verifier: AccessTokenVerifier,
  token: string,
  client: string,
  unit: UnitOfWork,
): Promise<void> {
  const claims = await verifier.claimsOf(token);
  if (claims === undefined) return;
  if (claims.client_id !== client) {
    throw oauthFault("oauth.invalid_request", "the token was given to another client");
  }
  if (claims.gid === undefined) unit.revokedTokens.set(claims.jti, claims.exp * 1000);
  else unit.revokedGrants.add(claims.gid);
}
