// How the library is set up: what it offers, what it leaves out, and which of its questions are answered by us.
import { randomBytes } from "node:crypto";
import { errors } from "oidc-provider";
import type { Adapter, AdapterPayload, Client, Configuration, KoaContextWithOIDC } from "oidc-provider";
import type { Clock } from "../../kernel/clock.ts";
import { apiScope, tokenAudience } from "../access-token.ts";
import type { Signer, SigningKey } from "../signing-keys.ts";
import { actingAs } from "./accounts.ts";
import type { Accounts } from "./accounts.ts";
import type { OAuthClient } from "./client.ts";
import type { Clients } from "./clients.ts";
import {
  accessTokenSeconds,
  assertionSeconds,
  codeSeconds,
  familySeconds,
  refreshTokenSeconds,
  skewSeconds,
} from "./lifetimes.ts";

/** Where the endpoints are. */
export const oauthPaths = {
  authorization: "/api/v1/auth/authorize",
  token: "/api/v1/auth/token",
  revocation: "/api/v1/auth/revoke",
  introspection: "/api/v1/auth/introspect",
  jwks: "/.well-known/jwks.json",
} as const;

/** Where the library sends the browser when someone has to sign in; it never gets there. */
export const interactionPath = "/interaction/";

/** How a client may sign what it authenticates with. */
const assertionAlgorithms = ["Ed25519", "EdDSA", "ES256", "RS256", "PS256"] as const;

/** What the configuration is made from. */
export interface ConfigurationParts {
  readonly adapter: (model: string) => Adapter;
  readonly clock: Clock;
  readonly accounts: Accounts;
  readonly clients: Clients;
  readonly signing: Signer;
}

/** The library's configuration for one signing key. */
export function configurationOf(parts: ConfigurationParts): Configuration {
  const { accounts, signing } = parts;
  const { alg } = signing;
  const stands = async (id: string) => (await accounts.status(id))?.disabled === false;
  return {
    adapter: parts.adapter,
    jwks: { keys: [signing.privateJwk] },
    cookies: { keys: [randomBytes(32).toString("base64url")] },
    routes: oauthPaths,
    scopes: ["openid"],
    responseTypes: ["code"],
    clientAuthMethods: ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
    clientDefaults: { id_token_signed_response_alg: alg },
    clockTolerance: skewSeconds,
    pkce: { required: () => true },
    clientBasedCORS: () => false,
    allowOmittingSingleRegisteredRedirectUri: false,
    rotateRefreshToken: true,
    expiresWithSession: () => Promise.resolve(false),
    issueRefreshToken: (_ctx, client) => Promise.resolve(client.grantTypeAllowed("refresh_token")),
    interactions: { url: (_ctx, { uid }) => `${interactionPath}${uid}` },
    renderError: (ctx, out) => {
      ctx.type = "json";
      ctx.body = out;
    },
    findAccount: async (_ctx, sub) =>
      (await stands(sub)) ? { accountId: sub, claims: () => Promise.resolve({ sub }) } : undefined,
    extraTokenClaims: (ctx, token) => claimsOf(parts, ctx, token as IssuedToken),
    formats: { customizers: { jwt: (_ctx, _token, { payload }) => dateBy(parts.clock, payload) } },
    assertJwtClientAuthClaimsAndHeader: (_ctx, claims) => {
      const lifetime = Number(claims["exp"]) - Math.floor(Date.now() / 1000);
      if (lifetime > assertionSeconds + skewSeconds) {
        throw new errors.InvalidClientAuth(`a client assertion lives at most ${assertionSeconds} seconds`);
      }
      return Promise.resolve();
    },
    enabledJWA: {
      clientAuthSigningAlgValues: [...assertionAlgorithms],
      idTokenSigningAlgValues: [alg],
    },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      clientCredentials: { enabled: true },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => mayRevoke(client, token.clientId) },
      introspection: {
        enabled: true,
        allowedPolicy: async (_ctx, client, token) => {
          // What the library asks about is refresh tokens, which are no one's business but of the client that has them.
          if (token.clientId !== client.clientId) return false;
          return !("accountId" in token) || stands(token.accountId);
        },
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => Promise.resolve(tokenAudience),
        useGrantedResource: () => Promise.resolve(true),
        getResourceServerInfo: (_ctx, resource) => {
          if (resource !== tokenAudience) throw new errors.InvalidTarget();
          return resourceServer(signing);
        },
      },
    },
    ttl: {
      AccessToken: accessTokenSeconds,
      ClientCredentials: accessTokenSeconds,
      IdToken: accessTokenSeconds,
      AuthorizationCode: codeSeconds,
      Grant: familySeconds,
      Interaction: codeSeconds,
      Session: codeSeconds,
      // However often it is rotated, a refresh token does not outlive its family.
      RefreshToken: (ctx) => {
        const left = ctx.oidc.entities.Grant?.remainingTTL ?? familySeconds;
        return Math.max(1, Math.min(refreshTokenSeconds, left));
      },
    },
  };
}

/** What the API is, to the library: a resource server that takes JWTs signed with the current key. */
export function resourceServer({ kid, alg }: Pick<SigningKey, "kid" | "alg">) {
  return {
    scope: apiScope,
    audience: tokenAudience,
    accessTokenTTL: accessTokenSeconds,
    accessTokenFormat: "jwt" as const,
    jwt: { sign: { alg, kid } },
  };
}

/** A client in the words of RFC 7591. In place of the secret stands its SHA-256, which is what it is compared by. */
export function describeClient(client: OAuthClient): AdapterPayload {
  return {
    client_id: client.id,
    client_name: client.name,
    application_type: "web",
    token_endpoint_auth_method: client.authMethod,
    grant_types: [...client.grantTypes],
    response_types: client.grantTypes.includes("authorization_code") ? ["code"] : [],
    redirect_uris: [...client.redirectUris],
    ...(client.secretHash === undefined ? {} : { client_secret: client.secretHash }),
    ...(client.jwks === undefined ? {} : { jwks: client.jwks }),
  };
}

interface IssuedToken {
  readonly kind: string;
  readonly clientId?: string;
  readonly accountId?: string;
  readonly grantId?: string;
}

/** What a token says of its owner, for its readers; we ourselves ask the live record. */
async function claimsOf(
  { accounts, clients, adapter }: ConfigurationParts,
  _ctx: KoaContextWithOIDC,
  token: IssuedToken,
): Promise<Record<string, unknown>> {
  const client = await clients.find(token.clientId ?? "");
  if (client === undefined) throw new errors.InvalidGrant("the client has been revoked");
  if (token.accountId === undefined) {
    const { role, kind, product } = client;
    return { role, kind, ...(product === null ? {} : { product }) };
  }
  const status = await accounts.status(token.accountId);
  const acting = status && actingAs(token.accountId, status, client, accounts.lesserRole);
  if (status === undefined || acting === undefined) {
    throw new errors.InvalidGrant(
      "the account and the client belong to different products or have roles that do not compare",
    );
  }
  const { role, kind, product } = acting;
  // The epoch in which the password was checked and not the one of now: what changed meanwhile ends this token too.
  const grant = await adapter("Grant").find(token.grantId ?? "");
  const epoch = grant?.["epoch"];
  if (epoch !== status.epoch) throw new errors.InvalidGrant("the session was ended meanwhile");
  return { role, kind, ...(product === null ? {} : { product }), epoch, gid: token.grantId };
}

/** Dates a token by our clock; the library goes by the machine's. */
function dateBy(clock: Clock, payload: object): void {
  const iat = Math.floor(clock.nowMs() / 1000);
  Object.assign(payload, { iat, exp: iat + accessTokenSeconds });
}

/** RFC 7009 section 2.1: a token of another client is refused. */
function mayRevoke(client: Client, clientId: string | undefined): boolean {
  if (client.clientId !== clientId) throw new errors.InvalidRequest("the token was given to another client");
  return true;
}
