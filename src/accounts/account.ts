// The verbs of accounts, and what they need of the application.
import type { Constitution } from "../constitution/index.ts";
import type { Database } from "../db/index.ts";
import type { Counter, Outbox, UserChange, UserDirectory, UserId, UserRecord } from "../identity/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Ctx } from "../kernel/ctx.ts";
import type { AccountDraft, AccountNames, ImportedAccount } from "./account-draft.ts";
import type { Gate, Receipted } from "../governance/index.ts";

/** A user and the password that is shown once. */
export interface WithOneTimePassword {
  readonly user: UserRecord;
  readonly oneTimePassword: string;
}

/** What became of an import. */
export interface Imported {
  readonly imported: number;
  /** Usernames that existed already and were left as they are. */
  readonly skipped: readonly string[];
}

/** What people do with their own accounts; the caller needs no credential. */
export interface SelfService {
  /** Rejects with `user.registration_closed`, `user.invalid`, `user.exists`, `auth.password_refused` or `auth.busy`. */
  register(ctx: Ctx, draft: AccountNames & { readonly password: string }): Promise<Receipted<undefined>>;
  /** Rejects with `auth.token_invalid`. */
  verify(ctx: Ctx, token: string): Promise<Receipted<UserRecord>>;
  /** Rejects as `SignIn.check` does, and with `auth.password_refused`. */
  changePassword(
    ctx: Ctx,
    change: { readonly username: string; readonly currentPassword: string; readonly newPassword: string },
  ): Promise<Receipted<UserRecord>>;
  requestReset(ctx: Ctx, email: string): Promise<Receipted<undefined>>;
  /** Rejects with `auth.token_invalid` or `auth.password_refused`. */
  confirmReset(
    ctx: Ctx,
    reset: { readonly token: string; readonly newPassword: string },
  ): Promise<Receipted<UserRecord>>;
}

/** What an admin does with the accounts of others. */
export interface Administration {
  create(ctx: Ctx, draft: AccountDraft): Promise<Receipted<WithOneTimePassword>>;
  update(ctx: Ctx, id: string, change: UserChange): Promise<Receipted<UserRecord>>;
  disable(ctx: Ctx, id: string): Promise<Receipted<UserRecord>>;
  enable(ctx: Ctx, id: string): Promise<Receipted<UserRecord>>;
  /** Replaces the password by a one-time one and ends every session. */
  resetPassword(ctx: Ctx, id: string): Promise<Receipted<WithOneTimePassword>>;
  /** All of them or, when one cannot be taken, none. */
  importAll(ctx: Ctx, accounts: readonly ImportedAccount[]): Promise<Receipted<Imported>>;
  list(ctx: Ctx, page: { readonly after?: UserId; readonly limit: number }): Promise<readonly UserRecord[]>;
  get(ctx: Ctx, id: string): Promise<UserRecord>;
  /**
   * The user `admin` with a one-time password, when there is no user at all; for the very first start.
   * @param isUnseen Whether no one has seen the password that an earlier start gave it, so that it gets another.
   */
  ensureFirstAdmin(
    ctx: Ctx,
    isUnseen: boolean,
  ): Promise<{ readonly username: string; readonly oneTimePassword: string } | undefined>;
}

/** What accounts need of the application. */
export interface AccountParts {
  readonly gate: Gate;
  readonly constitution: Constitution;
  readonly database: Database;
  readonly clock: Clock;
  readonly directory: UserDirectory;
  readonly outbox: Outbox;
  /** Counts mails to one address. */
  readonly counter: Counter;
  /** The installation's salt for digests of what is personal, at least 32 bytes. */
  readonly salt: Uint8Array;
  /** The server's URL as links in mails name it; asked each time, since a port may be chosen late. */
  readonly serverUrl: () => string;
  /** Whether anyone may register. */
  readonly registrationOpen: boolean;
}
