// Users as they are changed in the database. Every check that another transaction could spoil is made by the statement that
// writes, or after a statement that makes the others wait. Units that look at several rows take turns (`db/turns.ts`).
import { sql } from "kysely";
import type { Transaction } from "kysely";
import { aloneAt, takeTurn } from "../../db/index.ts";
import type { Database } from "../../db/index.ts";
import type { Clock } from "../../kernel/clock.ts";
import { userFault } from "./errors.ts";
import type { TokenPurpose } from "./one-time-token.ts";
import type { UserTables } from "./tables.ts";
import { emailKeyOf } from "./user.ts";
import type { UserId, UserRecord } from "./user.ts";
import { recordOf } from "./user-reader.ts";
import type {
  Judge,
  NewPassword,
  NewReset,
  NewToken,
  NewUser,
  RecordedLogin,
  UserChange,
  UserWriter,
} from "./users.ts";

/** How long a registration that no one verifies keeps its username, milliseconds: longer than its token lives. */
const unverifiedLifeMs = 7 * 24 * 3_600_000;

/** How holders that do not exist begin. */
const noUser = "nobody-";

type Tx = Transaction<UserTables>;

/** The caller's transaction, seen through the tables of this part. */
const seen = <T>(tx: Transaction<T>): Tx => tx as unknown as Tx;

/** Changes users. */
export class StoredUserWriter implements UserWriter {
  readonly #db: Database<UserTables>;
  readonly #clock: Clock;

  constructor(db: Database, clock: Clock) {
    this.#db = db.tables<UserTables>();
    this.#clock = clock;
  }

  async create<T>(transaction: Transaction<T>, user: NewUser): Promise<UserRecord> {
    const tx = seen(transaction);
    const nowMs = this.#clock.nowMs();
    const row = {
      id: user.id,
      username: user.username,
      email: user.email,
      full_name: user.fullName,
      kind: user.kind,
      role: user.role,
      product: user.product,
      password_hash: user.passwordHash,
      disabled: 0,
      verified: user.verified ? 1 : 0,
      must_change: user.mustChangePassword ? 1 : 0,
      epoch: 0,
      created_ms: nowMs,
      updated_ms: nowMs,
      last_login_ms: null,
    };
    const inserted = await tx
      .insertInto("identity_users")
      .values(row)
      .onConflict((conflict) => conflict.column("username").doNothing())
      .executeTakeFirstOrThrow();
    if (inserted.numInsertedOrUpdatedRows !== 1n) {
      throw userFault("user.exists", "the username is taken", { at: "username", remedy: "choose another username" });
    }
    if (user.verified && !(await this.#claimEmail(tx, user.email, user.id))) throw emailTaken();
    return recordOf(row);
  }

  async update<T>(
    transaction: Transaction<T>,
    id: string,
    changeOf: (before: UserRecord) => UserChange,
  ): Promise<UserRecord> {
    const tx = seen(transaction);
    const before = await this.#lock(tx, id);
    const change = changeOf(before);
    const moves = change.email !== undefined && emailKeyOf(change.email) !== emailKeyOf(before.email);
    const verified = change.verified ?? (moves ? false : before.verified);
    if (moves) {
      await tx.deleteFrom("identity_user_emails").where("user_id", "=", id).execute();
      await tx.deleteFrom("identity_user_tokens").where("holder", "=", id).execute();
    }
    if (verified && !(await this.#claimEmail(tx, change.email ?? before.email, before.id))) throw emailTaken();
    await tx
      .updateTable("identity_users")
      .set({
        updated_ms: this.#clock.nowMs(),
        // What has been verified once stays told apart from what never was.
        verified: verified ? 1 : sql<number>`case verified when 0 then 0 else 2 end`,
        ...(change.email === undefined ? {} : { email: change.email }),
        ...(change.fullName === undefined ? {} : { full_name: change.fullName }),
        ...(change.kind === undefined ? {} : { kind: change.kind }),
        ...(change.role === undefined ? {} : { role: change.role }),
        ...(change.product === undefined ? {} : { product: change.product }),
      })
      .where("id", "=", id)
      .execute();
    await this.#keepAnAdmin(tx, before);
    return this.#get(tx, id);
  }

  async setDisabled<T>(transaction: Transaction<T>, id: string, disabled: boolean, judge?: Judge): Promise<UserRecord> {
    const tx = seen(transaction);
    const before = await this.#lock(tx, id);
    judge?.(before);
    await tx
      .updateTable("identity_users")
      .set({
        disabled: disabled ? 1 : 0,
        updated_ms: this.#clock.nowMs(),
        ...(disabled ? { epoch: sql<number>`epoch + 1` } : {}),
      })
      .where("id", "=", id)
      .where("disabled", "=", disabled ? 0 : 1)
      .execute();
    // A reader of the user's mail must not find a way back in there when the user is enabled again.
    if (disabled) await this.#voidResets(tx, id);
    await this.#keepAnAdmin(tx, before);
    return this.#get(tx, id);
  }

  async setPassword<T>(
    transaction: Transaction<T>,
    id: string,
    password: NewPassword,
    judge?: Judge,
  ): Promise<UserRecord> {
    const tx = seen(transaction);
    if (judge !== undefined) judge(await this.#lock(tx, id));
    const { passwordHash, mustChangePassword, expectedEpoch } = password;
    await takeTurn(tx, this.#db.dialect);
    await aloneAt(tx, this.#db.dialect, id);
    const changed = await tx
      .updateTable("identity_users")
      .set({
        password_hash: passwordHash,
        must_change: mustChangePassword ? 1 : 0,
        epoch: sql<number>`epoch + 1`,
        updated_ms: this.#clock.nowMs(),
      })
      .where("id", "=", id)
      .$if(expectedEpoch !== undefined, (query) => query.where("epoch", "=", expectedEpoch ?? 0))
      .executeTakeFirstOrThrow();
    if (changed.numUpdatedRows !== 1n) {
      throw expectedEpoch === undefined
        ? userFault("user.not_found", "there is no such user")
        : userFault("auth.invalid", "the password was changed meanwhile");
    }
    // A reset that someone asked for before must not undo this one.
    await this.#voidResets(tx, id);
    return this.#get(tx, id);
  }

  async recordLogin<T>(transaction: Transaction<T>, id: string, { epoch, rehash }: RecordedLogin): Promise<void> {
    const noted = await seen(transaction)
      .updateTable("identity_users")
      .set({
        last_login_ms: this.#clock.nowMs(),
        ...(rehash === undefined ? {} : { password_hash: rehash }),
      })
      .where("id", "=", id)
      // A password that was changed while it was being checked opens nothing, and its hash must not come back.
      .where("epoch", "=", epoch)
      .executeTakeFirstOrThrow();
    if (noted.numUpdatedRows !== 1n) throw userFault("auth.invalid", "the username or the password is wrong");
  }

  async issueToken<T>(transaction: Transaction<T>, token: NewToken): Promise<void> {
    const { purpose, tokenHash, expiresMs } = token;
    // A token without a user replaces another such token, so that it costs what a user's token costs.
    const holder = token.holder ?? `${noUser}${tokenHash.slice(0, 2)}`;
    const row = { holder, purpose, token_hash: tokenHash, expires_ms: expiresMs };
    await seen(transaction)
      .insertInto("identity_user_tokens")
      .values(row)
      .onConflict((conflict) => conflict.columns(["holder", "purpose"]).doUpdateSet(row))
      .execute();
  }

  async issueReset<T>(
    transaction: Transaction<T>,
    { email, tokenHash, expiresMs }: NewReset,
  ): Promise<UserId | undefined> {
    const tx = seen(transaction);
    const emailKey = (email === undefined ? undefined : emailKeyOf(email)) ?? "";
    const owner = await tx
      .selectFrom("identity_user_emails")
      .select("user_id")
      .where("email_key", "=", emailKey)
      .executeTakeFirst();
    // The user is locked before the address is looked at again: an admin may be replacing it, or disabling the user.
    const locked = await tx
      .updateTable("identity_users")
      .set({ epoch: sql<number>`epoch` })
      .where("id", "=", owner?.user_id ?? "")
      .where("disabled", "=", 0)
      .executeTakeFirstOrThrow();
    const still = await tx
      .selectFrom("identity_user_emails")
      .select("user_id")
      .where("email_key", "=", emailKey)
      .where("user_id", "=", locked.numUpdatedRows === 1n ? (owner?.user_id ?? "") : "")
      .executeTakeFirst();
    const holder = still?.user_id as UserId | undefined;
    await this.issueToken(transaction, { purpose: "reset", tokenHash, holder, expiresMs });
    return holder;
  }

  async redeemToken<T>(transaction: Transaction<T>, purpose: TokenPurpose, tokenHash: string): Promise<UserId> {
    await takeTurn(transaction, this.#db.dialect);
    const row = await seen(transaction)
      .deleteFrom("identity_user_tokens")
      .where("token_hash", "=", tokenHash)
      .where("purpose", "=", purpose)
      .where("expires_ms", ">", this.#clock.nowMs())
      .where("holder", "not like", `${noUser}%`)
      .returning("holder")
      .executeTakeFirst();
    if (!row) throw tokenInvalid();
    return row.holder as UserId;
  }

  async verify<T>(transaction: Transaction<T>, id: string): Promise<UserRecord> {
    const tx = seen(transaction);
    const user = await this.#get(tx, id);
    if (!(await this.#claimEmail(tx, user.email, user.id))) throw tokenInvalid();
    await tx
      .updateTable("identity_users")
      .set({ verified: 1, updated_ms: this.#clock.nowMs() })
      .where("id", "=", id)
      .execute();
    return this.#get(tx, id);
  }

  async sweep(): Promise<number> {
    const nowMs = this.#clock.nowMs();
    const swept = await this.#db.transact(async (tx) => {
      await takeTurn(tx, this.#db.dialect);
      await tx.deleteFrom("identity_user_tokens").where("expires_ms", "<=", nowMs).execute();
      return (
        tx
          .deleteFrom("identity_users")
          .where("verified", "=", 0)
          .where("last_login_ms", "is", null)
          .where("created_ms", "<", nowMs - unverifiedLifeMs)
          // What an admin has touched since is no longer a mere registration.
          .whereRef("updated_ms", "=", "created_ms")
          .executeTakeFirst()
      );
    });
    return Number(swept.numDeletedRows);
  }

  async #voidResets(tx: Tx, id: string): Promise<void> {
    await tx.deleteFrom("identity_user_tokens").where("holder", "=", id).where("purpose", "=", "reset").execute();
  }

  async #get(tx: Tx, id: string): Promise<UserRecord> {
    const row = await tx.selectFrom("identity_users").selectAll().where("id", "=", id).executeTakeFirst();
    if (row === undefined) throw userFault("user.not_found", "there is no such user");
    return recordOf(row);
  }

  /** Makes an address one user's own; whether it is now. */
  async #claimEmail(tx: Tx, email: string, id: UserId): Promise<boolean> {
    const emailKey = emailKeyOf(email) ?? email;
    await tx
      .insertInto("identity_user_emails")
      .values({ email_key: emailKey, user_id: id })
      .onConflict((conflict) => conflict.column("email_key").doNothing())
      .execute();
    const owner = await tx
      .selectFrom("identity_user_emails")
      .select("user_id")
      .where("email_key", "=", emailKey)
      .executeTakeFirst();
    return owner?.user_id === id;
  }

  /** Makes other changes of users wait until this transaction ends: two admins must not disable each other. */
  async #lock(tx: Tx, id: string): Promise<UserRecord> {
    await takeTurn(tx, this.#db.dialect);
    await aloneAt(tx, this.#db.dialect, id);
    const row = tx.updateTable("identity_users").set({ epoch: sql<number>`epoch` });
    await row.where("id", "=", id).execute();
    return this.#get(tx, id);
  }

  async #keepAnAdmin(tx: Tx, before: UserRecord): Promise<void> {
    if (!isAdmin(before)) return;
    const left = await tx
      .selectFrom("identity_users")
      .select("id")
      .where("role", "=", "admin")
      .where("kind", "=", "admin")
      .where("product", "is", null)
      .where("disabled", "=", 0)
      .limit(1)
      .executeTakeFirst();
    if (left !== undefined) return;
    throw userFault("user.last_admin", "this is the last enabled admin", {
      remedy: "make another user an admin first",
    });
  }
}

/** Whether a user can manage the server; an admin that belongs to a product cannot (RULE_05). */
const isAdmin = ({ role, kind, product, disabled }: UserRecord): boolean =>
  role === "admin" && kind === "admin" && product === null && !disabled;

function emailTaken(): Error {
  return userFault("user.email_taken", "the e-mail address belongs to another user", { at: "email" });
}

function tokenInvalid(): Error {
  return userFault("auth.token_invalid", "the token is unknown, used up, replaced by a newer one, or too old", {
    at: "token",
    remedy: "ask for a new one",
  });
}
