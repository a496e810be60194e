// The door of the gate.
export { openGate } from "./act.ts";
export type { Gate } from "./act.ts";
export type { Attempt, Deed, Done, Receipt } from "./attempt.ts";
export { everyProduct, openHalts } from "./halts.ts";
export type { Halt, Halts } from "./halts.ts";
export { governanceCodes, governanceFault } from "./errors.ts";
export { governanceMigrations } from "./store/migrations.ts";
export type { Finding, ThreatInput } from "./threats/index.ts";
export { openKeyring } from "./keyring.ts";
export type { KeyDraft, Keyring } from "./keyring.ts";
export { openAccounts } from "./accounts.ts";
export type { Accounts } from "./accounts.ts";
export type { AccountParts, Imported, WithOneTimePassword } from "./account.ts";
export type { AccountDraft, AccountNames, ImportedAccount } from "./account-draft.ts";
export { openSessions } from "./sessions.ts";
export type { OAuthForm, Sessions } from "./sessions.ts";
export { openClientRegistry } from "./clients.ts";
export type { ClientRegistry } from "./clients.ts";
