// The entry point of accounts.
export type { AccountDraft, AccountNames, ImportedAccount } from "./account-draft.ts";
export type { AccountParts, Imported, WithOneTimePassword } from "./account.ts";
export { openAccounts } from "./accounts.ts";
export type { Accounts } from "./accounts.ts";
export { openClientRegistry } from "./clients.ts";
export type { ClientRegistry } from "./clients.ts";
export { openKeyAdministration } from "./key-administration.ts";
export type { KeyDraft, KeyAdministration } from "./key-administration.ts";
export type { OAuthForm, Sessions } from "./sessions.ts";
