// The end of a write: artifact, tags, lineage, idempotency key and use in one transaction, or the reason why not.
//
// The order of statements is the order of locks: reservation, key, content, artifact, product, total. A unique row decides each
// race: two requests with one idempotency key meet in `depository_keys`, two with the same content in `depository_contents`;
// the later one waits for the earlier one's commit and then sees its row.
import type { Kysely } from "kysely";
import type { Dialect } from "../../db/index.ts";
import type { ArtifactId } from "../../kernel/ids.ts";
import type { Artifact } from "../artifact.ts";
import type { Leftovers } from "./leftovers.ts";
import type { QuotaReservations } from "./quota-reservations.ts";
import { changed, statement } from "../../db/index.ts";
import type { Statement } from "../../db/index.ts";
import type { IdempotencyRecord, Settled, Settlement, StoreTx } from "./store.ts";
import { artifactColumns, valuesOf } from "./tables.ts";
import type { DepositoryTables } from "./tables.ts";

type Refusal = Exclude<Settled, { readonly outcome: "stored" | "reservation_lost" }>;

/** Ends writes. */
export class Settlements {
  readonly #room: QuotaReservations;
  readonly #leftovers: Leftovers;
  readonly #claimKey: Statement<never>;
  readonly #readKey: Statement<{ fingerprint: string; artifact_id: string }>;
  readonly #dropKey: Statement<never>;
  readonly #markContent: Statement<never>;
  readonly #readContent: Statement<{ artifact_id: string }>;
  readonly #insertArtifact: Statement<never>;

  constructor(dialect: Dialect, room: QuotaReservations, leftovers: Leftovers) {
    this.#room = room;
    this.#leftovers = leftovers;
    const thisKey = "product_id = ? and principal = ? and key = ?";
    this.#claimKey = statement(
      dialect,
      `insert into depository_keys as k (product_id, principal, key, fingerprint, artifact_id, expires_ms)
        values (?, ?, ?, ?, ?, ?)
        on conflict (product_id, principal, key) do update set fingerprint = excluded.fingerprint,
          artifact_id = excluded.artifact_id, expires_ms = excluded.expires_ms
        where k.expires_ms <= ?`,
    );
    this.#readKey = statement(dialect, `select fingerprint, artifact_id from depository_keys where ${thisKey}`);
    this.#dropKey = statement(dialect, `delete from depository_keys where ${thisKey}`);
    this.#markContent = statement(
      dialect,
      `insert into depository_contents (product_id, content_hash, artifact_type, artifact_id, size_bytes, location)
        values (?, ?, ?, ?, ?, ?) on conflict do nothing`,
    );
    this.#readContent = statement(
      dialect,
      `select artifact_id from depository_contents where product_id = ? and content_hash = ? and artifact_type = ?`,
    );
    this.#insertArtifact = statement(
      dialect,
      `insert into depository_artifacts (${artifactColumns.join(", ")})
        values (${artifactColumns.map(() => "?").join(", ")})`,
    );
  }

  /** Ends one write. */
  async settle(tx: StoreTx, settlement: Settlement): Promise<Settled> {
    const reservation = await this.#room.end(tx, settlement.reservationId);
    if (reservation === undefined) return { outcome: "reservation_lost" };
    const { artifact } = settlement;
    if (reservation.product !== artifact.product_id) throw new Error("a reservation was settled by another product");

    const refusal =
      (await withoutParents(tx, artifact)) ??
      (await this.#usedKey(tx, settlement)) ??
      (await this.#sameContent(tx, settlement));
    if (refusal !== undefined) {
      await this.#room.giveBack(tx, reservation);
      return refusal;
    }
    // Another write of the same bytes may have left them at any moment until now.
    await this.#leftovers.drop(tx, artifact.product_id, artifact.content_hash);
    await this.#insertArtifact(tx, ...valuesOf(artifact, settlement.location));
    await insertTags(tx, artifact);
    await insertEdges(tx, artifact);
    await this.#room.use(tx, reservation, artifact.sizeBytes);
    return { outcome: "stored" };
  }

  async #usedKey(tx: StoreTx, settlement: Settlement): Promise<Refusal | undefined> {
    const { idempotency, artifact, nowMs } = settlement;
    if (idempotency === undefined) return undefined;
    const { fingerprint, expiresMs } = idempotency;
    const name = nameOf(artifact.product_id, idempotency);
    if (changed(await this.#claimKey(tx, ...name, fingerprint, artifact.artifact_id, expiresMs, nowMs)))
      return undefined;
    const row = (await this.#readKey(tx, ...name)).rows[0];
    if (row === undefined) throw new Error("an idempotency key vanished inside a transaction");
    return { outcome: "key_used", fingerprint: row.fingerprint, artifactId: row.artifact_id as ArtifactId };
  }

  /** Marks the content as held. Only `ifNoneMatch` minds when another artifact has marked it first. */
  async #sameContent(tx: StoreTx, settlement: Settlement): Promise<Refusal | undefined> {
    const { artifact, location, idempotency } = settlement;
    const content = [artifact.product_id, artifact.content_hash, artifact.artifact_type] as const;
    const marked = await this.#markContent(tx, ...content, artifact.artifact_id, artifact.sizeBytes, location);
    if (changed(marked) || settlement.ifNoneMatch !== true) return undefined;
    if (idempotency !== undefined) await this.#dropKey(tx, ...nameOf(artifact.product_id, idempotency));
    const row = (await this.#readContent(tx, ...content)).rows[0];
    if (row === undefined) throw new Error("a content marker vanished inside a transaction");
    return { outcome: "content_exists", artifactId: row.artifact_id as ArtifactId };
  }
}

/** Which of these ids are of no artifact that the product holds. */
export async function missingParents(
  db: Kysely<DepositoryTables>,
  product: string,
  ids: readonly string[],
): Promise<readonly ArtifactId[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom("depository_artifacts")
    .select("artifact_id")
    .where("product_id", "=", product)
    .where("artifact_id", "in", ids)
    .execute();
  const present = new Set<string>(rows.map((row) => row.artifact_id));
  return ids.filter((id) => !present.has(id)) as ArtifactId[];
}

async function withoutParents(tx: StoreTx, artifact: Artifact): Promise<Refusal | undefined> {
  const missing = await missingParents(tx, artifact.product_id, artifact.derivedFrom);
  return missing.length === 0 ? undefined : { outcome: "parent_missing", missing };
}

function nameOf(product: string, record: IdempotencyRecord): readonly [string, string, string] {
  return [product, record.principal, record.key];
}

async function insertTags(tx: StoreTx, artifact: Artifact): Promise<void> {
  const tags = [...new Set(artifact.tags)];
  if (tags.length === 0) return;
  const { artifact_id, product_id } = artifact;
  const created_ms = Date.parse(artifact.created_at);
  await tx
    .insertInto("depository_tags")
    .values(tags.map((tag) => ({ artifact_id, product_id, tag, created_ms })))
    .execute();
}

async function insertEdges(tx: StoreTx, artifact: Artifact): Promise<void> {
  const parents = [...new Set(artifact.derivedFrom)];
  if (parents.length === 0) return;
  await tx
    .insertInto("depository_edges")
    .values(parents.map((parent_id) => ({ child_id: artifact.artifact_id, parent_id })))
    .execute();
}
