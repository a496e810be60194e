// The password grant (RFC 6749 section 4.3), for our own client only, as a grant type of the library.
import type { AsyncLocalStorage } from "node:async_hooks";
import { errors } from "oidc-provider";
import type { Provider, TokenEndpointGrantContext } from "oidc-provider";
import { apiScope, tokenAudience } from "../access-token.ts";
import type { SigningKey } from "../signing-keys.ts";
import type { Accounts, Recognised } from "./accounts.ts";
import { accessTokenSeconds } from "./lifetimes.ts";
import { resourceServer } from "./oidc-provider-configuration.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

/** What the grant is made of. */
export interface PasswordGrantParts {
  readonly units: AsyncLocalStorage<UnitOfWork>;
  readonly accounts: Accounts;
  readonly signing: Pick<SigningKey, "kid" | "alg">;
}

/** Registers the grant. */
export function registerPasswordGrant(provider: Provider, parts: PasswordGrantParts): void {
  provider.registerGrantType("password", (ctx) => issue(provider, parts, ctx), ["username", "password", "scope"]);
}

async function issue(provider: Provider, parts: PasswordGrantParts, ctx: TokenEndpointGrantContext): Promise<void> {
  const { username, password, scope } = ctx.oidc.params as Readonly<Record<string, unknown>>;
  if (typeof username !== "string" || typeof password !== "string") {
    throw new errors.InvalidRequest("missing required parameter(s) 'username' or 'password'");
  }
  if (typeof scope === "string" && scope !== "" && scope !== apiScope) {
    throw new errors.InvalidScope("requested scope is not allowed", scope);
  }
  const unit = parts.units.getStore();
  if (unit === undefined) throw new Error("the library was called outside of a request");
  const who = await recognise(parts.accounts, unit, { username, password });
  const { client } = ctx.oidc;
  const grant = await openFamily(provider, parts.accounts, unit, who, client.clientId, [apiScope]);
  const grantId = grant.jti;
  ctx.oidc.entity("Grant", grant);
  ctx.oidc.entity("Account", { accountId: who.id, claims: () => Promise.resolve({ sub: who.id }) });

  const access = new provider.AccessToken({ accountId: who.id, client, grantId, gty: "password" });
  access.resourceServer = new provider.ResourceServer(tokenAudience, resourceServer(parts.signing));
  access.scope = apiScope;
  const refresh = new provider.RefreshToken({
    accountId: who.id,
    client,
    grantId,
    gty: "password",
    resource: tokenAudience,
    scope: apiScope,
    rotations: 0,
  });
  ctx.body = {
    access_token: await access.save(),
    token_type: "Bearer",
    expires_in: accessTokenSeconds,
    refresh_token: await refresh.save(),
    scope: apiScope,
  };
}

/** Who a password belongs to. What refuses it is kept, because the library would not carry it through. */
export async function recognise(
  accounts: Accounts,
  unit: UnitOfWork,
  shown: { readonly username: string; readonly password: string },
): Promise<Recognised> {
  try {
    unit.recognised = await accounts.check({ ...shown, address: unit.address });
    return unit.recognised;
  } catch (error) {
    unit.fault = error;
    throw new errors.InvalidGrant("the password was refused");
  }
}

/** Opens a family of tokens for someone who has just been recognised. */
export async function openFamily(
  provider: Provider,
  accounts: Accounts,
  unit: UnitOfWork,
  who: Recognised,
  clientId: string,
  scopes: readonly string[],
): Promise<{ readonly jti: string }> {
  unit.epoch = who.epoch;
  const { id, ...login } = who;
  unit.also.push((tx) => accounts.recordLogin(tx, id, login));
  const grant = new provider.Grant({ accountId: who.id, clientId });
  grant.addResourceScope(tokenAudience, apiScope);
  if (scopes.includes("openid")) grant.addOIDCScope("openid");
  await grant.save();
  return grant;
}
