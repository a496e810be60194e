// Families of tokens, as they lie in the database.
//
// 1. `commit` makes all changes of one protocol request, and the effect of its intent, in one transaction.
// 2. A token is used once: the statement that marks it as used is the check, so that of any number of requests that race
//    with the same token, in any number of processes, one commits.
// 3. A family that was revoked takes no further token, whatever was read before.
// 4. Of refresh tokens and codes the SHA-256 is kept. The payload holds no token.
import type { Kysely, Transaction } from "kysely";
import { aloneAt } from "../../db/index.ts";
import type { Database, Effect } from "../../db/index.ts";
import type { Clock } from "../../kernel/clock.ts";
import { sha256Hex } from "../../kernel/hash.ts";
import { builtInClientId } from "./client.ts";
import { oauthFault } from "./errors.ts";
import { skewSeconds } from "./lifetimes.ts";
import type { OAuthTables, TokenRow } from "./migrations.ts";
import { AlreadyConsumed } from "./unit-of-work.ts";
import type { Buffered, Payload, Reuse, UnitOfWork } from "./unit-of-work.ts";

/** What the store gives back of something that was stored. */
export interface Found {
  readonly payload: Payload;
  /** How long it is still good, seconds; negative once it has expired. */
  readonly expiresIn: number;
  readonly consumed: boolean;
}

/** How long something is kept after it has expired, milliseconds: an access token may outlive its family by half an hour. */
const keptMs = 3_600_000;

type Tx = Transaction<OAuthTables>;

/** The store of the authorization server. */
export class TokenStore {
  readonly #db: Database<OAuthTables>;
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #changed: (id: string) => void;
  #revocations = 0;

  /** `changed` is called with the id of every family and every token whose end has become durable. */
  /** @param graceMs How long a used refresh token is still good: an answer can get lost, and two tabs can ask at once. */
  constructor(db: Database, clock: Clock, graceMs: number, changed: (id: string) => void = () => {}) {
    this.#db = db.tables<OAuthTables>();
    this.#clock = clock;
    this.#graceMs = graceMs;
    this.#changed = changed;
  }

  /** Grows whenever this process revokes something; what was cached of tokens must then be read again. */
  get revocations(): number {
    return this.#revocations;
  }

  /** A refresh token, an authorization code or the id of an assertion. */
  async token(model: string, id: string): Promise<Found | undefined> {
    const row = await this.#db.read
      .selectFrom("oauth_tokens")
      .selectAll()
      .where("id_hash", "=", sha256Hex(id))
      .where("model", "=", model)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    const isUsed = row.consumed_ms !== null && !this.#forgives(row, this.#clock.nowMs());
    return this.#found(row.payload, row.expires_ms, isUsed);
  }

  /** A family that stands; undefined when there is none or it was revoked. */
  async grant(id: string): Promise<Found | undefined> {
    const row = await this.#db.read
      .selectFrom("oauth_grants")
      .select(["payload", "expires_ms"])
      .where("id", "=", id)
      .where("revoked_ms", "is", null)
      .executeTakeFirst();
    return row === undefined ? undefined : this.#found(row.payload, row.expires_ms, false);
  }

  /** Whether an access token has been revoked before its time, by its family or by itself. */
  async isRevoked(token: { readonly gid?: string; readonly jti: string }): Promise<boolean> {
    if (token.gid !== undefined) return (await this.grant(token.gid)) === undefined;
    const revoked = this.#db.read.selectFrom("oauth_revoked_tokens").select("jti").where("jti", "=", token.jti);
    return (await revoked.executeTakeFirst()) !== undefined;
  }

  /**
   * Makes what a request gathered durable. `act` is left out for a request that is not an act, which may store assertions only.
   * Rejects with `AlreadyConsumed`, with `oauth.invalid_client` for an assertion that came before or a client that was revoked
   * meanwhile, and with what the act is refused with.
   */
  async commit(unit: UnitOfWork, act: Effect | undefined): Promise<void> {
    if (act === undefined && changes(unit)) throw new Error("a request that is not an act wants to change something");
    if (!changes(unit) && unit.of("ReplayDetection").length === 0) {
      // What is answered then is a token that lies nowhere.
      await act?.confirm();
      return this.#holdClient(this.#db.read, unit.client);
    }
    const work = (tx: Tx): Promise<void> => this.#write(tx, unit);
    await this.#ending(unit, act === undefined ? this.#db.transact(work) : act.transact(work));
  }

  /** The same for what a refusal leaves behind, whether the act may go on or not: the end of families, used assertions. */
  async commitRefusal(unit: UnitOfWork, act: Effect | undefined): Promise<void> {
    if (!changes(unit) && unit.of("ReplayDetection").length === 0) return;
    const work = async (tx: Tx): Promise<void> => {
      await this.#write(tx, unit);
      if (changes(unit)) await act?.note(tx);
    };
    await this.#ending(unit, this.#db.transact(work));
  }

  /** Forgets what expired long enough ago that nothing alive depends on it. */
  async sweep(): Promise<void> {
    const beforeMs = this.#clock.nowMs() - keptMs;
    await this.#db.transact(async (tx) => {
      await tx.deleteFrom("oauth_tokens").where("expires_ms", "<", beforeMs).execute();
      await tx.deleteFrom("oauth_grants").where("expires_ms", "<", beforeMs).execute();
      await tx.deleteFrom("oauth_revoked_tokens").where("expires_ms", "<", beforeMs).execute();
    });
  }

  async #write(tx: Tx, unit: UnitOfWork): Promise<void> {
    const nowMs = this.#clock.nowMs();
    await this.#holdClient(tx, unit.client);
    for (const grant of unit.of("Grant")) await this.#insertGrant(tx, grant, nowMs);
    await this.#holdGrants(tx, unit, nowMs);
    for (const [id, use] of unit.consumed) await this.#consume(tx, id, use, nowMs);
    for (const token of unit.of("RefreshToken", "AuthorizationCode")) await insertToken(tx, token, nowMs);
    for (const assertion of unit.of("ReplayDetection")) await insertAssertion(tx, assertion, nowMs);
    for (const id of [...unit.revokedGrants].toSorted()) await aloneAt(tx, this.#db.dialect, id);
    await revoke(tx, unit, nowMs);
    for (const work of unit.also) await work(tx as unknown as Transaction<unknown>);
  }

  /** Tells of what ended when a commit is over, also after an error: a lost connection does not tell whether it went through. */
  async #ending({ revokedGrants, revokedTokens }: UnitOfWork, commit: Promise<void>): Promise<void> {
    try {
      await commit;
    } finally {
      if (revokedGrants.size + revokedTokens.size > 0) this.#revocations++;
      for (const id of [...revokedGrants, ...revokedTokens.keys()]) this.#changed(id);
    }
  }

  #found(payload: string, expiresMs: number, consumed: boolean): Found {
    const expiresIn = Math.floor((expiresMs - this.#clock.nowMs()) / 1000);
    return { payload: JSON.parse(payload) as Payload, expiresIn, consumed };
  }

  /** Marks a token as used, once. @throws AlreadyConsumed for one that is, unless that was just now. */
  async #consume(tx: Tx, id: string, use: Reuse, nowMs: number): Promise<void> {
    const token = sha256Hex(id);
    const used = await tx
      .updateTable("oauth_tokens")
      .set({ consumed_ms: nowMs })
      .where("id_hash", "=", token)
      .where("consumed_ms", "is", null)
      .executeTakeFirstOrThrow();
    if (used.numUpdatedRows === 1n) return;
    const row = await tx
      .selectFrom("oauth_tokens")
      .select(["model", "consumed_ms"])
      .where("id_hash", "=", token)
      .executeTakeFirst();
    if (row === undefined || !this.#forgives(row, nowMs)) throw new AlreadyConsumed(use);
  }

  /** Whether a used token is a refresh token that was used just now. */
  #forgives({ model, consumed_ms: usedMs }: Pick<TokenRow, "model" | "consumed_ms">, nowMs: number): boolean {
    if (model !== "RefreshToken" || usedMs === null) return false;
    const ageMs = nowMs - usedMs;
    // The clocks of processes that share a database may be a little apart.
    return ageMs > -1000 * skewSeconds && ageMs < this.#graceMs;
  }

  async #insertGrant(tx: Tx, { id, payload, expiresIn }: Buffered, nowMs: number): Promise<void> {
    await tx
      .insertInto("oauth_grants")
      .values({
        id,
        account: String(payload["accountId"]),
        client: String(payload["clientId"]),
        payload: JSON.stringify(payload),
        created_ms: nowMs,
        expires_ms: nowMs + expiresIn * 1000,
        used_ms: nowMs,
        revoked_ms: null,
      })
      .execute();
  }

  /** Makes sure that the client that authenticated stands, and in a transaction keeps others from revoking it. */
  async #holdClient(db: Kysely<OAuthTables>, id: string | undefined): Promise<void> {
    if (id === undefined || id === builtInClientId) return;
    const client = db.selectFrom("oauth_clients").select("id").where("id", "=", id).where("revoked_ms", "is", null);
    const locks = db.isTransaction && this.#db.dialect === "postgres";
    const held = await (locks ? client.forShare() : client).executeTakeFirst();
    if (held === undefined) throw oauthFault("oauth.invalid_client", "the client was revoked meanwhile");
  }

  /** Locks the families that get a token and makes sure that they stand. */
  async #holdGrants(tx: Tx, unit: UnitOfWork, nowMs: number): Promise<void> {
    const ids = [...unit.consumed.values()].map(({ grantId }) => grantId);
    for (const id of new Set(ids)) {
      if (unit.revokedGrants.has(id)) continue;
      const held = await tx
        .updateTable("oauth_grants")
        .set({ used_ms: nowMs })
        .where("id", "=", id)
        .where("revoked_ms", "is", null)
        .executeTakeFirstOrThrow();
      if (held.numUpdatedRows !== 1n) throw oauthFault("oauth.invalid_grant", "the session was ended meanwhile");
    }
  }
}

async function insertToken(tx: Tx, token: Buffered, nowMs: number): Promise<void> {
  await tx.insertInto("oauth_tokens").values(rowOf(token, nowMs)).execute();
}

async function insertAssertion(tx: Tx, assertion: Buffered, nowMs: number): Promise<void> {
  const inserted = await tx
    .insertInto("oauth_tokens")
    .values(rowOf(assertion, nowMs))
    .onConflict((conflict) => conflict.column("id_hash").doNothing())
    .executeTakeFirstOrThrow();
  if (inserted.numInsertedOrUpdatedRows !== 1n) {
    throw oauthFault("oauth.invalid_client", "a client assertion is good once");
  }
}

/** Whether anything is changed but assertions noted. */
function changes(unit: UnitOfWork): boolean {
  const { consumed, revokedGrants, revokedTokens, also } = unit;
  const made = unit.of("Grant", "RefreshToken", "AuthorizationCode").length;
  return made + consumed.size + revokedGrants.size + revokedTokens.size + also.length > 0;
}

function rowOf({ model, id, payload, expiresIn }: Buffered, nowMs: number): OAuthTables["oauth_tokens"] {
  const { grantId } = payload;
  return {
    id_hash: sha256Hex(id),
    model,
    grant_id: typeof grantId === "string" ? grantId : null,
    payload: JSON.stringify(payload),
    expires_ms: nowMs + expiresIn * 1000,
    consumed_ms: null,
  };
}

async function revoke(tx: Tx, unit: UnitOfWork, nowMs: number): Promise<void> {
  for (const id of unit.revokedGrants) {
    const family = tx.updateTable("oauth_grants").set({ revoked_ms: nowMs });
    await family.where("id", "=", id).where("revoked_ms", "is", null).execute();
  }
  for (const [jti, expires_ms] of unit.revokedTokens) {
    const listed = tx.insertInto("oauth_revoked_tokens").values({ jti, expires_ms });
    await listed.onConflict((conflict) => conflict.column("jti").doNothing()).execute();
  }
}
