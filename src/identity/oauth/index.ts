// The entry point of the authorization server, for that of identity.
export type { Accounts as TokenAccounts, AccountStatus, Recognised } from "./accounts.ts";
export type {
  AuthorizationServer,
  OAuthAnswer,
  OAuthCircumstances,
  OAuthRequest,
  Preview,
  Verdict,
} from "./authorization-server.ts";
export { authMethodOf, checkDraft } from "./client-draft.ts";
export type { ClientDraft } from "./client-draft.ts";
export { clientGrantTypes, clientIdPattern, clientResource, newClientId } from "./client.ts";
export type { ClientGrantType, ClientId, ClientRecord } from "./client.ts";
export type { Clients, ClientWriter } from "./clients.ts";
export { oauthCodes, oauthFault } from "./errors.ts";
export { oauthRefusal } from "./refusal.ts";
export { oauthMigrations } from "./migrations.ts";
export { openOAuth } from "./oauth.ts";
export type { OAuth, OAuthParts } from "./oauth.ts";
export type { TokenStore } from "./token-store.ts";
export { UnitOfWork } from "./unit-of-work.ts";
export { accessTokenSeconds } from "./lifetimes.ts";
export { isPasswordLogin } from "./request-defaults.ts";
