// Users are kept, found and changed behind these two ports.
//
// 1. A username belongs to one user for ever. An e-mail address belongs to the one user that verified it; others can
//    register with it but never verify it, so a registration reveals no known address.
// 2. What changes anything takes the transaction of an act; `Users` alone can change nothing.
// 3. Of a password its hash is kept, of a one-time token its SHA-256; neither is part of a record.
import type { Transaction } from "kysely";
import type { PrincipalKind, Role } from "../../kernel/ctx.ts";
import type { TokenPurpose } from "./one-time-token.ts";
import type { UserStatus, UserId, UserRecord } from "./user.ts";

/** What may be read. */
export interface Users {
  /** One user. Rejects with `user.not_found`. */
  byId(id: string): Promise<UserRecord>;
  /** The user of a name, whatever its case; undefined when there is none. */
  byUsername(username: string): Promise<UserRecord | undefined>;
  /** The user that has proved an e-mail address, whatever its case. */
  byEmail(email: string): Promise<UserRecord | undefined>;
  /** What a user may do now; undefined when there is none. Remembered for up to 5 s; a change made here is seen at once. */
  status(id: string): Promise<UserStatus | undefined>;
  /** Users, newest first, after the user `after`. */
  list(page: { readonly after?: UserId; readonly limit: number }): Promise<readonly UserRecord[]>;
  /** Whether there is any user; false at the very first start. */
  any(): Promise<boolean>;
  /** A user together with the hash of its password, for the one place that compares it. */
  withHash(username: string): Promise<
    | {
        readonly user: UserRecord;
        readonly passwordHash: string;
        /** Whether this user has ever shown an address to be its own. */
        readonly wasVerified: boolean;
      }
    | undefined
  >;
  /** Whose a one-time token is, while it is still good. */
  holderOf(purpose: TokenPurpose, tokenHash: string): Promise<UserRecord | undefined>;
  /** Asks the database again for a user's status; called when a change to it has become durable. */
  forget(id: string): void;
}

/** A new user, as it is to be stored. */
export interface NewUser {
  /** From `newUserId`, so that the intent can name the user before it exists. */
  readonly id: UserId;
  /** From `usernameOf`. */
  readonly username: string;
  readonly email: string;
  readonly fullName: string | null;
  readonly kind: PrincipalKind;
  readonly role: Role;
  readonly product: string | null;
  readonly verified: boolean;
  readonly mustChangePassword: boolean;
  readonly passwordHash: string;
}

/** What an admin may change of a user. */
export interface UserChange {
  /** Another address; it is not the user's own until it is verified. Tokens mailed to the old one are void. */
  readonly email?: string;
  /** The admin vouches for the address. */
  readonly verified?: true;
  readonly fullName?: string | null;
  readonly kind?: PrincipalKind;
  readonly role?: Role;
  readonly product?: string | null;
}

/** Looks at a record that is locked, before it is changed, and throws when it may not be. */
export type Judge = (before: UserRecord) => void;

/** A reset of the password of the user of an address. */
export interface NewReset {
  /** Undefined for a reset without a user. */
  readonly email: string | undefined;
  readonly tokenHash: string;
  readonly expiresMs: number;
}

/** A new password. */
export interface NewPassword {
  readonly passwordHash: string;
  readonly mustChangePassword: boolean;
  /** The epoch that the user had when the old password was checked; undefined when none was. */
  readonly expectedEpoch?: number;
}

/** A login, as it is to be stored. */
export interface RecordedLogin {
  /** The epoch that the user had when the password was checked. */
  readonly epoch: number;
  readonly rehash?: string;
}

/** A one-time token, as it is to be stored. */
export interface NewToken {
  readonly purpose: TokenPurpose;
  readonly tokenHash: string;
  /** Whose it is; a token without a user costs the same and is good for nothing. */
  readonly holder: UserId | undefined;
  readonly expiresMs: number;
}

/** What may be changed; used inside an act, in its transaction. Afterwards call `Users.forget`. */
export interface UserWriter {
  /** Stores a user. Rejects with `user.exists`; a verified one also with `user.email_taken`. */
  create<T>(tx: Transaction<T>, user: NewUser): Promise<UserRecord>;
  /**
   * Changes a user as `changeOf` says of the record that is locked. Rejects with what it throws, `user.not_found`,
   * `user.email_taken`, and `user.last_admin` when no enabled admin would be left.
   */
  update<T>(tx: Transaction<T>, id: string, changeOf: (before: UserRecord) => UserChange): Promise<UserRecord>;
  /**
   * Disables, which ends every session, or enables. Rejects with what `judge` throws at the record that is locked,
   * `user.not_found` or `user.last_admin`.
   */
  setDisabled<T>(tx: Transaction<T>, id: string, disabled: boolean, judge?: Judge): Promise<UserRecord>;
  /**
   * Ends every session and every token of the user. Rejects with what `judge` throws at the record that is locked, and with
   * `auth.invalid` when the epoch is not the expected one.
   */
  setPassword<T>(tx: Transaction<T>, id: string, password: NewPassword, judge?: Judge): Promise<UserRecord>;
  /**
   * Notes a login, and in the same breath a password hash of today's form where the old one was of another. Rejects with
   * `auth.invalid` when `epoch`, which the user had when the password was checked, has passed.
   */
  recordLogin<T>(tx: Transaction<T>, id: string, login: RecordedLogin): Promise<void>;
  /** Stores a token; older ones of its holder and purpose are void. */
  issueToken<T>(tx: Transaction<T>, token: NewToken): Promise<void>;
  /**
   * Stores a token with which the user that has proved an address at this moment, and is not disabled, may set a new password;
   * who that is. Where there is none the token has no user.
   */
  issueReset<T>(tx: Transaction<T>, reset: NewReset): Promise<UserId | undefined>;
  /** Uses a token up. Rejects with `auth.token_invalid` when it is unknown, used, void or too old. */
  redeemToken<T>(tx: Transaction<T>, purpose: TokenPurpose, tokenHash: string): Promise<UserId>;
  /** The address is the user's own. Rejects with `auth.token_invalid` when another user has proved it meanwhile. */
  verify<T>(tx: Transaction<T>, id: string): Promise<UserRecord>;
  /** Forgets registrations that were never verified and tokens that are past their time. */
  sweep(): Promise<number>;
}
