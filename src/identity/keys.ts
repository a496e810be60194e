// Keys are made, listed and revoked here.
//
// 1. A key's text leaves `create` once and is kept nowhere; the table holds its SHA-256.
// 2. A key is revoked at most once and never comes back; revoking it again changes nothing.
// 3. Reading and changing are two objects; `Keys` alone can change nothing.
import { aloneAt, takeTurn } from "../db/index.ts";
import type { Database, Effect } from "../db/index.ts";
import type { Transaction } from "kysely";
import type { Clock } from "../kernel/clock.ts";
import { instant } from "../kernel/clock.ts";
import type { CallBounds, PrincipalKind, Role } from "../kernel/ctx.ts";
import { identityFault } from "./errors.ts";
import type { KeyId, KeyRecord, MintedKey } from "./key.ts";
import { productBoundKinds } from "./key.ts";
import type { IdentityTables, KeyRow } from "./migrations.ts";
import { olderThan } from "./pages.ts";
import { defaultRoles, maxScopeEntries, networkOf } from "./scope.ts";

/** Keys whose last use is noted in one unit; others that change keys wait for no longer than that. */
const notedAtOnce = 100;

/** What may be read. */
export interface Keys {
  /** Keys, newest first, after the key `after`; revoked ones too. */
  list(page: { readonly after?: KeyId; readonly limit: number }): Promise<readonly KeyRecord[]>;
  /** One key. Rejects with `key.not_found`. */
  get(id: string): Promise<KeyRecord>;
  /** Whether any key was ever made; false at the very first start. */
  any(): Promise<boolean>;
}

/** What a new key is to be. */
export interface NewKey {
  /** From `mintKey`, so that the intent can name the key before it exists. */
  readonly minted: MintedKey;
  readonly product: string | null;
  readonly label?: string;
  /** The role of the key's kind when absent. */
  readonly role?: Role;
  /** Operations that it is good for; all when absent. */
  readonly operations?: readonly string[];
  /** Networks in CIDR notation, or single addresses; all when absent. */
  readonly networks?: readonly string[];
  /** RFC 3339 instant in the future; never when absent. */
  readonly expiresAt?: string;
  /** The user or client that the key belongs to. */
  readonly owner?: string;
  /** What binds its calls of models; nothing when absent. */
  readonly calls?: CallBounds;
  readonly createdBy: string;
}

/** An act that changes keys. */
type KeyAct = Pick<Effect, "transact">;

/** What may be changed, each by an act; but for `markUsed`, which is bookkeeping. */
export interface KeyWriter {
  /** Notes when keys were last seen, milliseconds by id. */
  markUsed(seen: ReadonlyMap<string, number>): Promise<void>;
  /**
   * Stores a minted key; the caller shows `minted.text` once.
   * Rejects with `key.product_required`, `key.label_invalid`, `key.scope_invalid` or `key.exists`.
   */
  create(key: NewKey, act: KeyAct): Promise<KeyRecord>;
  /** Revokes a key; resolves with its record. Rejects with `key.not_found`. */
  revoke(id: string, act: KeyAct): Promise<KeyRecord>;
}

/** Letters, marks, numbers, punctuation, symbols and spaces; nothing that is invisible or reverses the line. */
const labelPattern = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]{1,100}$/u;

/** Keys as they lie in the database. */
export class StoredKeys implements Keys, KeyWriter {
  readonly #db: Database<IdentityTables>;
  readonly #clock: Clock;
  readonly #revoked: (id: string) => void;

  /** `revoked` is called with every id whose revocation has become durable. */
  constructor(db: Database, clock: Clock, revoked: (id: string) => void) {
    this.#db = db.tables<IdentityTables>();
    this.#clock = clock;
    this.#revoked = revoked;
  }

  async list(page: { readonly after?: KeyId; readonly limit: number }): Promise<readonly KeyRecord[]> {
    let query = this.#db.read.selectFrom("identity_keys").selectAll();
    if (page.after !== undefined) query = query.where(olderThan("identity_keys", page.after));
    const rows = await query.orderBy("created_ms", "desc").orderBy("id", "desc").limit(page.limit).execute();
    return rows.map(recordOf);
  }

  async get(id: string): Promise<KeyRecord> {
    const row = await this.#db.read.selectFrom("identity_keys").selectAll().where("id", "=", id).executeTakeFirst();
    if (row === undefined) throw identityFault("key.not_found", "There is no such key.");
    return recordOf(row);
  }

  async any(): Promise<boolean> {
    const row = await this.#db.read.selectFrom("identity_keys").select("id").limit(1).executeTakeFirst();
    return row !== undefined;
  }

  async create(key: NewKey, act: KeyAct): Promise<KeyRecord> {
    const row = rowOf(key, this.#clock.nowMs());
    await act.transact(async (tx: Transaction<IdentityTables>) => {
      const inserted = await tx
        .insertInto("identity_keys")
        .values(row)
        .onConflict((conflict) => conflict.column("id").doNothing())
        .executeTakeFirstOrThrow();
      if (inserted.numInsertedOrUpdatedRows !== 1n)
        throw identityFault("key.exists", "A key with this id exists already.");
    });
    return recordOf(row);
  }

  async markUsed(seen: ReadonlyMap<string, number>): Promise<void> {
    const noted = [...seen];
    while (noted.length > 0) {
      const part = noted.splice(0, notedAtOnce);
      await this.#db.transact(async (tx) => {
        await takeTurn(tx, this.#db.dialect);
        for (const [id, last_used_ms] of part) {
          await tx.updateTable("identity_keys").set({ last_used_ms }).where("id", "=", id).execute();
        }
      });
    }
  }

  async revoke(id: string, act: KeyAct): Promise<KeyRecord> {
    try {
      return await act.transact(async (tx: Transaction<IdentityTables>) => {
        await aloneAt(tx, this.#db.dialect, id);
        await tx
          .updateTable("identity_keys")
          .set({ revoked_ms: this.#clock.nowMs() })
          .where("id", "=", id)
          .where("revoked_ms", "is", null)
          .execute();
        const row = await tx.selectFrom("identity_keys").selectAll().where("id", "=", id).executeTakeFirst();
        if (row === undefined) throw identityFault("key.not_found", "There is no such key.");
        return recordOf(row);
      });
    } finally {
      // Also after an error: a lost connection does not tell whether the commit went through.
      this.#revoked(id);
    }
  }
}

/** A scope as it is stored. */
function scopeOf(key: NewKey, nowMs: number): Pick<KeyRow, "role" | "operations" | "networks" | "expires_ms"> {
  const { operations, networks, expiresAt } = key;
  const invalid = (at: string, detail: string) => identityFault("key.scope_invalid", detail, { at });
  for (const [at, list] of [
    ["operations", operations],
    ["networks", networks],
  ] as const) {
    if (list !== undefined && (list.length === 0 || list.length > maxScopeEntries)) {
      throw invalid(at, `${at} holds 1 to ${maxScopeEntries} entries; leave it out for no restriction`);
    }
  }
  const ranges = networks?.map((text) => {
    const range = networkOf(text);
    if (range === undefined) throw invalid("networks", "a network is an address or CIDR notation, such as 10.0.0.0/8");
    return range;
  });
  const expiresMs = expiresAt === undefined ? null : Date.parse(expiresAt);
  if (expiresMs !== null && !(expiresMs > nowMs)) throw invalid("expires_at", "the expiry lies in the past");
  return {
    role: key.role ?? defaultRoles[key.minted.kind],
    operations: operations === undefined ? null : JSON.stringify(operations),
    networks: ranges === undefined ? null : JSON.stringify(ranges),
    expires_ms: expiresMs,
  };
}

function rowOf(key: NewKey, nowMs: number): KeyRow {
  const { minted, product, label } = key;
  if (product === null && productBoundKinds.includes(minted.kind)) {
    throw identityFault("key.product_required", `A key of kind ${minted.kind} belongs to one product.`, {
      at: "product",
    });
  }
  if (label !== undefined && !labelPattern.test(label)) {
    throw identityFault("key.label_invalid", "A key's label is 1 to 100 printable characters.", { at: "label" });
  }
  return {
    id: minted.id,
    kind: minted.kind,
    product,
    label: label ?? null,
    ...scopeOf(key, nowMs),
    owner: key.owner ?? null,
    calls: key.calls === undefined ? null : JSON.stringify(key.calls),
    last_used_ms: null,
    text_hash: minted.textHash.toString("hex"),
    created_ms: nowMs,
    created_by: key.createdBy,
    revoked_ms: null,
  };
}

/** What binds calls, as it is stored. */
export function callsOf(json: string | null): CallBounds | null {
  return json === null ? null : (JSON.parse(json) as CallBounds);
}

/** A stored list of text. */
export function listOf(json: string | null): readonly string[] | null {
  return json === null ? null : (JSON.parse(json) as string[]);
}

function recordOf(row: KeyRow): KeyRecord {
  return {
    id: row.id as KeyId,
    kind: row.kind as PrincipalKind,
    product: row.product,
    label: row.label,
    role: (row.role ?? defaultRoles[row.kind as PrincipalKind]) as Role,
    operations: listOf(row.operations),
    networks: listOf(row.networks),
    expiresAt: row.expires_ms === null ? null : instant(row.expires_ms),
    owner: row.owner,
    calls: callsOf(row.calls),
    lastUsedAt: row.last_used_ms === null ? null : instant(row.last_used_ms),
    createdAt: instant(row.created_ms),
    createdBy: row.created_by,
    revokedAt: row.revoked_ms === null ? null : instant(row.revoked_ms),
  };
}
