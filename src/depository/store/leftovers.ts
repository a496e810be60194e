// Leftovers: bytes that were stored for a write which was refused afterwards, so that no artifact has them. They lie on the disk, and
// so they count as used by their product until an artifact takes them over or they are removed.
import { changed, statement } from "../../db/index.ts";
import type { Database, Dialect, Statement } from "../../db/index.ts";
import type { Digest } from "../../kernel/hash.ts";
import type { StoredBlob } from "../blobs/blobs.ts";
import type { QuotaReservations } from "./quota-reservations.ts";
import type { Leftover, StoreTx } from "./store.ts";
import type { DepositoryTables } from "./tables.ts";

/** The statements that count leftovers. In the order of locks they come where contents do. */
export class Leftovers {
  readonly #room: QuotaReservations;
  readonly #note: Statement<never>;
  readonly #take: Statement<{ size_bytes: number }>;

  constructor(dialect: Dialect, room: QuotaReservations) {
    this.#room = room;
    this.#note = statement(
      dialect,
      `insert into depository_leftovers (product_id, content_hash, size_bytes, location, at_ms)
        select cast(? as text), cast(? as text), cast(? as bigint), cast(? as text), cast(? as bigint)
        where not exists (select 1 from depository_contents where product_id = ? and content_hash = ?)
        on conflict do nothing`,
    );
    this.#take = statement(
      dialect,
      "delete from depository_leftovers where product_id = ? and content_hash = ? returning size_bytes",
    );
  }

  /** Ends a write whose bytes are stored and whose artifact is not: they use its room, unless they are counted already. */
  async abandon(tx: StoreTx, reservationId: string, { product, blob, atMs }: Leftover): Promise<void> {
    const ended = await this.#room.end(tx, reservationId);
    const { digest, sizeBytes, location } = blob;
    const isNew = changed(await this.#note(tx, product, digest, sizeBytes, location, atMs, product, digest));
    if (!isNew) {
      if (ended !== undefined) await this.#room.giveBack(tx, ended);
    } else if (ended !== undefined) await this.#room.use(tx, ended, sizeBytes, 0);
    // Its room had expired before: what lies there counts all the same.
    else await this.#room.useMore(tx, product, sizeBytes);
  }

  /** They are leftovers no more: an artifact has them, or they are gone. */
  async drop(tx: StoreTx, product: string, digest: Digest): Promise<void> {
    const row = (await this.#take(tx, product, digest)).rows[0];
    if (row !== undefined) await this.#room.useMore(tx, product, -row.size_bytes);
  }
}

/** Leftovers of files of their own that are older, at most so many; with whether an artifact has the same bytes by now. */
export async function oldLeftovers(
  db: Database<DepositoryTables>,
  beforeMs: number,
  location: string,
  most: number,
): Promise<readonly (Leftover & { readonly isTaken: boolean })[]> {
  const rows = await db.read
    .selectFrom("depository_leftovers as l")
    .leftJoin("depository_contents as c", (join) =>
      join.onRef("c.product_id", "=", "l.product_id").onRef("c.content_hash", "=", "l.content_hash"),
    )
    .select(["l.product_id", "l.content_hash", "l.size_bytes", "l.location", "l.at_ms", "c.artifact_id"])
    .where("l.at_ms", "<", beforeMs)
    .where("l.location", "=", location)
    .orderBy("l.at_ms")
    .limit(most)
    .execute();
  return rows.map((row) => {
    const blob: StoredBlob = {
      digest: row.content_hash as Digest,
      sizeBytes: row.size_bytes,
      location: row.location,
    };
    return { product: row.product_id, blob, atMs: row.at_ms, isTaken: row.artifact_id !== null };
  });
}
