// The entry point of users, for that of identity.
export type { DirectoryParts, UserDirectory } from "./directory.ts";
export { openUserDirectory } from "./directory.ts";
export { userCodes, userFault } from "./errors.ts";
export { hashOfToken, mintToken, tokenLifeMs, tokenPattern } from "./one-time-token.ts";
export { normalPassword } from "./password-hasher.ts";
export { readPasswordHash } from "./password-hash.ts";
export type { PolicyName } from "./password-policy.ts";
export type { Credentials, SignedIn, SignIn } from "./sign-in.ts";
export { userMigrations } from "./tables.ts";
export type { UserStatus, UserId, UserRecord } from "./user.ts";
export { emailKeyOf, maxEmailLength, maxUsernameLength, newUserId, userIdPattern, usernameOf } from "./user.ts";
export type { NewUser, UserChange, Users, UserWriter } from "./users.ts";
