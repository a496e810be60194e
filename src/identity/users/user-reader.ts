// Users as they are read from the database, and their standing, which is remembered for a moment.
import { sql } from "kysely";
import type { Kysely, Selectable } from "kysely";
import type { Database } from "../../db/index.ts";
import type { Clock } from "../../kernel/clock.ts";
import { instant } from "../../kernel/clock.ts";
import type { PrincipalKind, Role } from "../../kernel/ctx.ts";
import { userFault } from "./errors.ts";
import type { TokenPurpose } from "./one-time-token.ts";
import type { UserRow, UserTables } from "./tables.ts";
import { emailKeyOf, usernameOf } from "./user.ts";
import type { Standing, UserId, UserRecord } from "./user.ts";
import type { Users } from "./users.ts";

/** How long a standing is believed without asking the database, milliseconds; another process may change it meanwhile. */
const cacheTtlMs = 5_000;

/** Most standings remembered; a few megabytes at most. */
const maxRemembered = 10_000;

/** Reads users. */
export class UserReader implements Users {
  readonly #db: Kysely<UserTables>;
  readonly #clock: Clock;
  readonly #standings = new Map<string, { readonly standing: Standing; readonly readMs: number }>();
  #forgotten = 0;

  constructor(db: Database, clock: Clock) {
    this.#db = db.tables<UserTables>().read;
    this.#clock = clock;
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

  async withHash(username: string): Promise<{ user: UserRecord; passwordHash: string } | undefined> {
    const row = await this.#db
      .selectFrom("identity_users")
      .selectAll()
      // A text that can be no username is looked for all the same, as one that nobody has.
      .where("username", "=", usernameOf(username) ?? "")
      .executeTakeFirst();
    return row && { user: recordOf(row), passwordHash: row.password_hash };
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
    if (page.after !== undefined) {
      const { after } = page;
      query = query.where(
        sql<boolean>`(created_ms, id) < (select created_ms, id from identity_users where id = ${after})`,
      );
    }
    const rows = await query.orderBy("created_ms", "desc").orderBy("id", "desc").limit(page.limit).execute();
    return rows.map(recordOf);
  }

  async any(): Promise<boolean> {
    return (await this.#db.selectFrom("identity_users").select("id").limit(1).executeTakeFirst()) !== undefined;
  }

  async standing(id: string): Promise<Standing | undefined> {
    const readMs = this.#clock.nowMs();
    const known = this.#standings.get(id);
    const ageMs = known === undefined ? -1 : readMs - known.readMs;
    // A clock that was set back must not prolong the belief, hence the lower bound.
    if (known !== undefined && ageMs >= 0 && ageMs < cacheTtlMs) return known.standing;
    const forgotten = this.#forgotten;
    const row = await this.#db.selectFrom("identity_users").selectAll().where("id", "=", id).executeTakeFirst();
    if (row === undefined) return undefined;
    const { kind, role, product, disabled, epoch } = recordOf(row);
    const standing = { kind, role, product, disabled, epoch };
    // What was read before a change must not be remembered after it.
    if (forgotten === this.#forgotten) this.#remember(id, { standing, readMs });
    return standing;
  }

  forget(id: string): void {
    this.#forgotten++;
    this.#standings.delete(id);
  }

  #remember(id: string, known: { readonly standing: Standing; readonly readMs: number }): void {
    this.#standings.delete(id);
    if (this.#standings.size >= maxRemembered) {
      const oldest = this.#standings.keys().next();
      if (!oldest.done) this.#standings.delete(oldest.value);
    }
    this.#standings.set(id, known);
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
    verified: row.verified !== 0,
    mustChangePassword: row.must_change !== 0,
    createdAt: instant(row.created_ms),
    updatedAt: instant(row.updated_ms),
    lastLoginAt: row.last_login_ms === null ? null : instant(row.last_login_ms),
    epoch: row.epoch,
  };
}
