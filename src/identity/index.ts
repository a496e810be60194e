// The entry point of src/identity: who calls, and the keys that say so.
export type { Authenticator } from "./authenticator.ts";
export { identityFault } from "./errors.ts";
export type { Identity } from "./identity.ts";
export { openIdentity } from "./identity.ts";
export type { KeyId, KeyRecord } from "./key.ts";
export { keyIdPattern, mintKey } from "./key.ts";
export type { NewKey } from "./keys.ts";
export { identityMigrations } from "./schema.ts";
export type { Counted, Counter, Limit, RateTerms, Taken } from "./rates/index.ts";
export { countedAddress, Rates } from "./rates/index.ts";
export { reachesNoFurther } from "./owner.ts";
export { defaultRoles, isNetworkWithin } from "./scope.ts";
export {
  Outbox,
  addressChangedLetter,
  changedLetter,
  knownAddressLetter,
  newAddressLetter,
  resetLetter,
  verificationLetter,
} from "./mail/index.ts";
export type { Mail, Mailer } from "./mail/index.ts";
export {
  emailKeyOf,
  hashOfToken,
  maxEmailLength,
  maxUsernameLength,
  mintToken,
  newUserId,
  normalPassword,
  readPasswordHash,
  tokenLifeMs,
  tokenPattern,
  userFault,
  userIdPattern,
  usernameOf,
} from "./users/index.ts";
export type {
  NewUser,
  PolicyName,
  SignedIn,
  SignIn,
  UserStatus,
  UserChange,
  UserDirectory,
  UserId,
  UserRecord,
  Users,
  UserWriter,
} from "./users/index.ts";
export type { AccessTokenClaims, AccessTokenVerifier } from "./access-token.ts";
export { CredentialLookup } from "./credential-lookup.ts";
export type { Lock } from "./credential-lookup.ts";
export type { SigningKeyRecord, SigningKeys, TokenAlgorithm } from "./signing-keys.ts";
export {
  accessTokenSeconds,
  authMethodOf,
  checkDraft,
  clientGrantTypes,
  clientIdPattern,
  clientResource,
  isPasswordLogin,
  newClientId,
  oauthFault,
  oauthRefusal,
  openOAuth,
  UnitOfWork,
} from "./oauth/index.ts";
export type {
  AuthorizationServer,
  ClientDraft,
  ClientGrantType,
  ClientId,
  ClientRecord,
  Clients,
  ClientWriter,
  OAuth,
  OAuthAnswer,
  OAuthRequest,
  Preview,
  TokenStore,
  Verdict,
} from "./oauth/index.ts";
