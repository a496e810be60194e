// The door of src/identity: who calls, and the keys that say so.
export type { Authenticator } from "./authenticator.ts";
export { identityCodes, identityFault } from "./errors.ts";
export type { Identity } from "./identity.ts";
export { openIdentity } from "./identity.ts";
export type { KeyId, KeyRecord } from "./key.ts";
export { keyIdPattern, mintKey } from "./key.ts";
export { identityMigrations } from "./schema.ts";
export { recordEffect } from "./effects.ts";
export { defaultRoles } from "./scope.ts";
