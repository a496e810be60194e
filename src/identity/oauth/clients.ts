// OAuth clients are made, listed and revoked here.
//
// 1. A secret leaves `create` once and is kept as SHA-256; 256 random bits need no slow hash.
// 2. A client is revoked once and never comes back; with it dies every token it got, in this process at once.
// 3. Reading and changing are two objects.
import type { Transaction } from "kysely";
import { aloneAt } from "../../db/index.ts";
import type { Database, Effect } from "../../db/index.ts";
import type { Clock } from "../../kernel/clock.ts";
import { instant } from "../../kernel/clock.ts";
import type { PrincipalKind, Role } from "../../kernel/ctx.ts";
import { TtlCache } from "../ttl-cache.ts";
import { olderThan } from "../pages.ts";
import { authMethodOf } from "./client-draft.ts";
import type { ClientDraft } from "./client-draft.ts";
import { builtInClient, builtInClientId, isClientId } from "./client.ts";
import type { ClientAuthMethod, ClientGrantType, ClientId, ClientRecord, OAuthClient } from "./client.ts";
import { oauthFault } from "./errors.ts";
import type { ClientRow, OAuthTables } from "./migrations.ts";

/** What may be read. */
export interface Clients {
  /** Clients, newest first, after the client `after`; revoked ones too. */
  list(page: { readonly after?: ClientId; readonly limit: number }): Promise<readonly ClientRecord[]>;
  /** A client in force as the authorization server sees it, straight from the database; undefined when there is none. */
  find(id: string): Promise<OAuthClient | undefined>;
  /** The same, up to 5 s old, and never older than a revocation made here. */
  active(id: string): Promise<OAuthClient | undefined>;
}

/** A new client, as it is to be stored; its draft has been checked. */
export interface NewClient {
  readonly id: ClientId;
  readonly draft: ClientDraft;
  /** SHA-256 of the secret as hex, for a client that has one. */
  readonly secretHash?: string;
  readonly createdBy: string;
}

/** An act that changes clients. */
type ClientAct = Pick<Effect, "transact">;

/** What may be changed, each by an act. */
export interface ClientWriter {
  create(client: NewClient, act: ClientAct): Promise<ClientRecord>;
  /** Rejects with `client.not_found`. */
  revoke(id: string, act: ClientAct): Promise<ClientRecord>;
}

/** Clients as they lie in the database, and the built-in one. */
export class StoredClients implements Clients, ClientWriter {
  readonly #db: Database<OAuthTables>;
  readonly #clock: Clock;
  readonly #builtIn: OAuthClient;
  readonly #known: TtlCache<OAuthClient>;
  readonly #changed: (id: string) => void;

  /** `changed` is called with the id of every client whose revocation has become durable. */
  constructor(db: Database, clock: Clock, passwordGrant: boolean, changed: (id: string) => void = () => {}) {
    this.#changed = changed;
    this.#db = db.tables<OAuthTables>();
    this.#clock = clock;
    this.#builtIn = builtInClient(passwordGrant);
    this.#known = new TtlCache(clock, (id) => this.find(id));
  }

  async list(page: { readonly after?: ClientId; readonly limit: number }): Promise<readonly ClientRecord[]> {
    let query = this.#db.read.selectFrom("oauth_clients").selectAll();
    if (page.after !== undefined) query = query.where(olderThan("oauth_clients", page.after));
    const rows = await query.orderBy("created_ms", "desc").orderBy("id", "desc").limit(page.limit).execute();
    return rows.map(recordOf);
  }

  async find(id: string): Promise<OAuthClient | undefined> {
    if (id === builtInClientId) return this.#builtIn;
    // Anybody may ask as anybody; PostgreSQL fails at a text with a NUL.
    if (!isClientId(id)) return undefined;
    const row = await this.#db.read
      .selectFrom("oauth_clients")
      .selectAll()
      .where("id", "=", id)
      .where("revoked_ms", "is", null)
      .executeTakeFirst();
    return row === undefined ? undefined : clientOf(row);
  }

  active(id: string): Promise<OAuthClient | undefined> {
    return this.#known.about(id);
  }

  async create(client: NewClient, act: ClientAct): Promise<ClientRecord> {
    const row = rowOf(client, this.#clock.nowMs());
    await act.transact((tx: Transaction<OAuthTables>) => tx.insertInto("oauth_clients").values(row).execute());
    return recordOf(row);
  }

  async revoke(id: string, act: ClientAct): Promise<ClientRecord> {
    const nowMs = this.#clock.nowMs();
    try {
      return await act.transact(async (tx: Transaction<OAuthTables>) => {
        await aloneAt(tx, this.#db.dialect, id);
        const revoked = await tx
          .updateTable("oauth_clients")
          .set({ revoked_ms: nowMs })
          .where("id", "=", id)
          .where("revoked_ms", "is", null)
          .executeTakeFirstOrThrow();
        if (revoked.numUpdatedRows > 0n) {
          const families = tx.updateTable("oauth_grants").set({ revoked_ms: nowMs });
          await families.where("client", "=", id).where("revoked_ms", "is", null).execute();
        }
        const row = await tx.selectFrom("oauth_clients").selectAll().where("id", "=", id).executeTakeFirst();
        if (row === undefined) throw oauthFault("client.not_found", "there is no such client");
        return recordOf(row);
      });
    } finally {
      // Also after an error: a lost connection does not tell whether the commit went through.
      this.#known.forget(id);
      this.#changed(id);
    }
  }
}

function rowOf({ id, draft, secretHash, createdBy }: NewClient, nowMs: number): ClientRow {
  return {
    id,
    name: draft.name,
    kind: draft.kind,
    role: draft.role,
    product: draft.product ?? null,
    auth_method: authMethodOf(draft),
    grant_types: JSON.stringify([...new Set(draft.grantTypes)]),
    redirect_uris: JSON.stringify(draft.redirectUris ?? []),
    secret_hash: secretHash ?? null,
    jwks: draft.jwks === undefined ? null : JSON.stringify(draft.jwks),
    created_ms: nowMs,
    created_by: createdBy,
    revoked_ms: null,
  };
}

function clientOf(row: ClientRow): OAuthClient {
  const { id, name, kind, role, product, authMethod, grantTypes, redirectUris } = recordOf(row);
  return {
    id,
    name,
    kind,
    role,
    product,
    authMethod,
    grantTypes,
    redirectUris,
    ...(row.secret_hash === null ? {} : { secretHash: row.secret_hash }),
    ...(row.jwks === null ? {} : { jwks: JSON.parse(row.jwks) as { keys: object[] } }),
    firstParty: false,
  };
}

function recordOf(row: ClientRow): ClientRecord {
  return {
    id: row.id as ClientId,
    name: row.name,
    kind: row.kind as PrincipalKind,
    role: row.role as Role,
    product: row.product,
    authMethod: row.auth_method as ClientAuthMethod,
    grantTypes: JSON.parse(row.grant_types) as ClientGrantType[],
    redirectUris: JSON.parse(row.redirect_uris) as string[],
    createdAt: instant(row.created_ms),
    createdBy: row.created_by,
    revokedAt: row.revoked_ms === null ? null : instant(row.revoked_ms),
  };
}
