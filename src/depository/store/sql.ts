// The store on SQL, SQLite and PostgreSQL alike.
import type { Database } from "../../db/index.ts";
import type { Digest } from "../../kernel/hash.ts";
import type { ArtifactId } from "../../kernel/ids.ts";
import type { Artifact } from "../artifact.ts";
import { familyOf } from "./family.ts";
import { Leftovers, oldLeftovers } from "./leftovers.ts";
import { listArtifacts } from "./listing.ts";
import { QuotaReservations } from "./quota-reservations.ts";
import { missingParents, Settlements } from "./settlement.ts";
import { statement } from "../../db/index.ts";
import type { Statement } from "../../db/index.ts";
import type {
  ArtifactQuery,
  ArtifactStore,
  BlobOfArtifact,
  HoldChange,
  Leftover,
  Lineage,
  LostRoom,
  ReserveRoom,
  Reserved,
  Settled,
  Settlement,
  StoreTx,
  StoredArtifact,
  Usage,
} from "./store.ts";
import { artifactOf } from "./tables.ts";
import type { ArtifactRow, DepositoryTables } from "./tables.ts";

/** Opens the store over a database that has run `depositoryMigrations`; `instance` names this process among others. */
export function openArtifactStore(db: Database, instance: string): ArtifactStore {
  return new SqlArtifactStore(db.tables<DepositoryTables>(), instance);
}

class SqlArtifactStore implements ArtifactStore {
  readonly #db: Database<DepositoryTables>;
  readonly #room: QuotaReservations;
  readonly #leftovers: Leftovers;
  readonly #settlements: Settlements;
  readonly #byId: Statement<ArtifactRow>;
  readonly #ownById: Statement<ArtifactRow>;
  readonly #blob: Statement<{ size_bytes: number; location: string; is_leftover: number }>;
  readonly #key: Statement<{ fingerprint: string; artifact_id: string }>;

  constructor(db: Database<DepositoryTables>, instance: string) {
    this.#db = db;
    this.#room = new QuotaReservations(db.dialect, instance);
    this.#leftovers = new Leftovers(db.dialect, this.#room);
    this.#settlements = new Settlements(db.dialect, this.#room, this.#leftovers);
    this.#byId = statement(db.dialect, "select * from depository_artifacts where artifact_id = ?");
    this.#ownById = statement(
      db.dialect,
      "select * from depository_artifacts where artifact_id = ? and product_id = ?",
    );
    this.#blob = statement(
      db.dialect,
      `select size_bytes, location, 0 as is_leftover from depository_contents where product_id = ? and content_hash = ?
        union all select size_bytes, location, 1 from depository_leftovers where product_id = ? and content_hash = ?
        order by is_leftover limit 1`,
    );
    this.#key = statement(
      db.dialect,
      `select fingerprint, artifact_id from depository_keys
        where product_id = ? and principal = ? and key = ? and expires_ms > ?`,
    );
  }

  reserve(tx: StoreTx, room: ReserveRoom): Promise<Reserved> {
    return this.#room.reserve(tx, room);
  }

  settle(tx: StoreTx, settlement: Settlement): Promise<Settled> {
    return this.#settlements.settle(tx, settlement);
  }

  async release(tx: StoreTx, reservationId: string): Promise<boolean> {
    const ended = await this.#room.end(tx, reservationId);
    if (ended !== undefined) await this.#room.giveBack(tx, ended);
    return ended !== undefined;
  }

  async disown(tx: StoreTx, room: LostRoom): Promise<void> {
    if (await this.#room.forestall(tx, room)) return;
    await this.release(tx, room.id);
  }

  expireReservations(nowMs: number): Promise<number> {
    return this.#db.transact((tx) => this.#room.sweepExpired(tx, nowMs));
  }

  dropReservationsOf(instance: string): Promise<number> {
    return this.#db.transact((tx) => this.#room.sweepInstance(tx, instance));
  }

  async forgetKeys(nowMs: number): Promise<number> {
    const result = await this.#db.transact((tx) =>
      tx.deleteFrom("depository_keys").where("expires_ms", "<=", nowMs).executeTakeFirstOrThrow(),
    );
    return Number(result.numDeletedRows);
  }

  async setHold(tx: StoreTx, change: HoldChange): Promise<Artifact | undefined> {
    const hold = change.hold ? 1 : 0;
    const row = await tx
      .updateTable("depository_artifacts")
      .set({ legal_hold: hold })
      .where("artifact_id", "=", change.artifactId)
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) return undefined;
    const { artifactId: artifact_id, intentIndex: intent_index, reason, by: held_by, nowMs: at_ms } = change;
    await tx
      .insertInto("depository_holds")
      .values({ intent_index, artifact_id, hold, reason, held_by, at_ms })
      .execute();
    return artifactOf(row);
  }

  async get(product: string | null, artifactId: string): Promise<StoredArtifact | undefined> {
    // The product is asked for in SQL, so that another product's row is never read out, which would take longer than none.
    const found =
      product === null
        ? await this.#byId(this.#db.read, artifactId)
        : await this.#ownById(this.#db.read, artifactId, product);
    const row = found.rows[0];
    return row && { artifact: artifactOf(row), location: row.location };
  }

  list(query: ArtifactQuery): Promise<readonly Artifact[]> {
    return listArtifacts(this.#db.read, query);
  }

  missingParents(product: string, ids: readonly string[]): Promise<readonly ArtifactId[]> {
    return missingParents(this.#db.read, product, ids);
  }

  async findBlob(product: string, contentHash: Digest) {
    const row = (await this.#blob(this.#db.read, product, contentHash, product, contentHash)).rows[0];
    if (row === undefined) return undefined;
    const { size_bytes: sizeBytes, location, is_leftover } = row;
    return { digest: contentHash, sizeBytes, location, isLeftover: is_leftover === 1 };
  }

  abandon(tx: StoreTx, reservationId: string, leftover: Leftover): Promise<void> {
    return this.#leftovers.abandon(tx, reservationId, leftover);
  }

  dropLeftover(tx: StoreTx, product: string, digest: Digest): Promise<void> {
    return this.#leftovers.drop(tx, product, digest);
  }

  oldLeftovers(beforeMs: number, location: string, most: number) {
    return oldLeftovers(this.#db, beforeMs, location, most);
  }

  lineage(
    artifactId: ArtifactId,
    direction: "ancestors" | "descendants",
    maxDepth: number,
    maxNodes: number,
  ): Promise<Lineage> {
    return familyOf(this.#db.read, artifactId, direction, maxDepth, maxNodes);
  }

  usage(product: string): Promise<Usage> {
    return this.#room.usage(this.#db.read, product);
  }

  totals(): Promise<Usage> {
    return this.#room.totals(this.#db.read);
  }

  async idempotent(product: string, principal: string, key: string, nowMs: number) {
    const row = (await this.#key(this.#db.read, product, principal, key, nowMs)).rows[0];
    return row && { fingerprint: row.fingerprint, artifactId: row.artifact_id as ArtifactId };
  }

  async eachBlob(after: ArtifactId | null, limit: number): Promise<readonly BlobOfArtifact[]> {
    const rows = await this.#db.read
      .selectFrom("depository_artifacts")
      .select(["artifact_id", "product_id", "content_hash", "size_bytes", "location"])
      .where("artifact_id", ">", after ?? "")
      .orderBy("artifact_id")
      .limit(limit)
      .execute();
    return rows.map((row) => ({
      artifactId: row.artifact_id as ArtifactId,
      product: row.product_id,
      blob: { digest: row.content_hash as Digest, sizeBytes: row.size_bytes, location: row.location },
    }));
  }
}
