// Users as they are read from the database, and their status, which is remembered for a moment.
import type { Kysely, Selectable } from "kysely";
import type { Database } from "../../db/index.ts";
import type { Clock } from "../../kernel/clock.ts";
import { instant } from "../../kernel/clock.ts";
import type { PrincipalKind, Role } from "../../kernel/ctx.ts";
import { TtlCache } from "../ttl-cache.ts";
import { olderThan } from "../pages.ts";
import { userFault } from "./errors.ts";
import type { TokenPurpose } from "./one-time-token.ts";
import type { UserRow, UserTables } from "./tables.ts";
import { emailKeyOf, usernameOf } from "./user.ts";
import type { UserStatus, UserId, UserRecord } from "./user.ts";
import type { Users } from "./users.ts";

/** Reads users. */
export class UserReader implements Users {
  readonly #db: Kysely<UserTables>;
  readonly #clock: Clock;
  readonly #statuses: TtlCache<UserStatus>;
  readonly #changed: (id: string) => void;

  /** `changed` is called with every id whose status may have changed. */
  constructor(db: Database, clock: Clock, changed: (id: string) => void = () => {}) {
    this.#changed = changed;
    this.#db = db.tables<UserTables>().read;
    this.#clock = clock;
    this.#statuses = new TtlCache(clock, async (id) => {
      const row = await this.#db.selectFrom("identity_users").selectAll().where("id", "=", id).executeTakeFirst();
      if (row === undefined) return undefined;
      const { kind, role, product, disabled, epoch } = recordOf(row);
      return { kind, role, product, disabled, epoch };
    });
  }

  async byId(id: string): Promise<UserRecord> {
    const row = await this.#db.selectFrom("identity_users").selectAll().where("id", "=", id).executeTakeFirst();
    if (row === undefined) throw userFault("user.not_found", "there is no such user");
    return recordOf(row);
  }

  async byUsername(username: string): Promise<UserRecord | undefined> {
    return (await this.withHash(username))?.user;
  }

  async byEmail(email: string): Promise<UserRecord | undefined> {
    const row = await this.#db
      .selectFrom("identity_users")
      .innerJoin("identity_user_emails", "identity_user_emails.user_id", "identity_users.id")
      .selectAll("identity_users")
      .where("identity_user_emails.email_key", "=", emailKeyOf(email) ?? "")
      .executeTakeFirst();
    return row && recordOf(row);
  }

  async withHash(
    username: string,
  ): Promise<{ user: UserRecord; passwordHash: string; wasVerified: boolean } | undefined> {
    const row = await this.#db
      .selectFrom("identity_users")
      .selectAll()
      // A text that can be no username is looked for all the same, as one that no one has.
      .where("username", "=", usernameOf(username) ?? "")
      .executeTakeFirst();
    return row && { user: recordOf(row), passwordHash: row.password_hash, wasVerified: row.verified !== 0 };
  }

  async holderOf(purpose: TokenPurpose, tokenHash: string): Promise<UserRecord | undefined> {
    const row = await this.#db
      .selectFrom("identity_users")
      .innerJoin("identity_user_tokens", "identity_user_tokens.holder", "identity_users.id")
      .selectAll("identity_users")
      .where("identity_user_tokens.token_hash", "=", tokenHash)
      .where("identity_user_tokens.purpose", "=", purpose)
      .where("identity_user_tokens.expires_ms", ">", this.#clock.nowMs())
      .executeTakeFirst();
    return row && recordOf(row);
  }

  async list(page: { readonly after?: UserId; readonly limit: number }): Promise<readonly UserRecord[]> {
    let query = this.#db.selectFrom("identity_users").selectAll();
    if (page.after !== undefined) query = query.where(olderThan("identity_users", page.after));
    const rows = await query.orderBy("created_ms", "desc").orderBy("id", "desc").limit(page.limit).execute();
    return rows.map(recordOf);
  }

  async any(): Promise<boolean> {
    return (await this.#db.selectFrom("identity_users").select("id").limit(1).executeTakeFirst()) !== undefined;
  }

  status(id: string): Promise<UserStatus | undefined> {
    return this.#statuses.about(id);
  }

  forget(id: string): void {
    this.#statuses.forget(id);
    this.#changed(id);
  }
}

/** The record of a row. */
export function recordOf(row: Selectable<UserRow>): UserRecord {
  return {
    id: row.id as UserId,
    username: row.username,
    email: row.email,
    fullName: row.full_name,
    kind: row.kind as PrincipalKind,
    role: row.role as Role,
    product: row.product,
    disabled: row.disabled !== 0,
    verified: row.verified === 1,
    mustChangePassword: row.must_change !== 0,
    createdAt: instant(row.created_ms),
    updatedAt: instant(row.updated_ms),
    lastLoginAt: row.last_login_ms === null ? null : instant(row.last_login_ms),
    epoch: row.epoch,
  };
}
