// QuotaReservations: what products and the whole depository have used and promised.
//
// Every statement that takes room checks the limit itself (`where used + held + n <= limit`): the row lock that the update
// takes makes the check and the change one step on both dialects. All statements lock in one order, reservation, product,
// total, so that they do not deadlock.
//
// The total is one row that every write passes, so it holds one number, used and held together, and is touched as rarely as can
// be: a write of the size that was reserved changes it once, when it reserves.
import type { Dialect } from "../../db/index.ts";
import type { LostRoom, ReserveRoom, Reserved, StoreTx, Usage } from "./store.ts";
import { changed, statement } from "../../db/index.ts";
import type { Statement } from "../../db/index.ts";

interface UsageRow {
  used_bytes: number;
  held_bytes: number;
  artifacts: number;
}

interface ReservationRow {
  product_id: string;
  bytes: number;
}

/** A reservation that has been ended. */
export interface EndedReservation {
  readonly product: string;
  readonly bytes: number;
}

/** A product or a total that no one has used. */
const noUsage: Usage = { usedBytes: 0, heldBytes: 0, artifacts: 0 };

/** Usage as the port tells it. */
function usageOf(row: UsageRow | undefined): Usage {
  if (row === undefined) return noUsage;
  return { usedBytes: row.used_bytes, heldBytes: row.held_bytes, artifacts: row.artifacts };
}

/** The statements that take room, use it and give it back. */
export class QuotaReservations {
  readonly #instance: string;
  readonly #record: Statement<never>;
  readonly #takeId: Statement<never>;
  readonly #forget: Statement<ReservationRow>;
  readonly #holdProduct: Statement<UsageRow>;
  readonly #holdTotal: Statement<{ taken_bytes: number }>;
  readonly #changeProduct: Statement<never>;
  readonly #freeTotal: Statement<never>;
  readonly #productUsage: Statement<UsageRow>;
  readonly #totalUsage: Statement<UsageRow>;
  readonly #expired: Statement<ReservationRow>;
  readonly #abandoned: Statement<ReservationRow>;

  constructor(dialect: Dialect, instance: string) {
    this.#instance = instance;
    const reservations = "depository_reservations";
    const numbers = "used_bytes, held_bytes, artifacts";
    this.#record = statement(
      dialect,
      `insert into ${reservations} (id, product_id, bytes, expires_ms, instance) values (?, ?, ?, ?, ?)`,
    );
    this.#takeId = statement(
      dialect,
      `insert into ${reservations} (id, product_id, bytes, expires_ms, instance) values (?, ?, ?, ?, ?)
        on conflict do nothing`,
    );
    this.#forget = statement(dialect, `delete from ${reservations} where id = ? returning product_id, bytes`);
    this.#expired = statement(dialect, `delete from ${reservations} where expires_ms <= ? returning product_id, bytes`);
    this.#abandoned = statement(dialect, `delete from ${reservations} where instance = ? returning product_id, bytes`);
    this.#holdProduct = statement(
      dialect,
      `insert into depository_usage as u (product_id, used_bytes, held_bytes, artifacts) values (?, 0, ?, 0)
        on conflict (product_id) do update set held_bytes = u.held_bytes + excluded.held_bytes
        where u.used_bytes + u.held_bytes + excluded.held_bytes <= ? and u.artifacts < ?
        returning ${numbers}`,
    );
    this.#holdTotal = statement(
      dialect,
      `update depository_totals set taken_bytes = taken_bytes + ?
        where id = 1 and taken_bytes + ? <= ? returning taken_bytes`,
    );
    const change = `used_bytes = used_bytes + ?, held_bytes = held_bytes - ?, artifacts = artifacts + ?`;
    this.#changeProduct = statement(dialect, `update depository_usage set ${change} where product_id = ?`);
    this.#freeTotal = statement(dialect, `update depository_totals set taken_bytes = taken_bytes - ? where id = 1`);
    this.#productUsage = statement(dialect, `select ${numbers} from depository_usage where product_id = ?`);
    const sum = (column: string) => `cast(coalesce(sum(${column}), 0) as bigint) as ${column}`;
    this.#totalUsage = statement(
      dialect,
      `select ${sum("used_bytes")}, ${sum("held_bytes")}, ${sum("artifacts")} from depository_usage`,
    );
  }

  /** Takes room in the product and in the whole, or neither. */
  async reserve(tx: StoreTx, room: ReserveRoom): Promise<Reserved> {
    const { id, product, bytes, quotaBytes, maxArtifacts, storageTotalBytes } = room;
    if (bytes > quotaBytes) {
      return { outcome: "quota_exceeded", product: await this.usage(tx, product), limitBytes: quotaBytes };
    }
    await this.#record(tx, id, product, bytes, room.expiresMs, this.#instance);
    const inProduct = (await this.#holdProduct(tx, product, bytes, quotaBytes, maxArtifacts)).rows[0];
    if (inProduct === undefined) {
      await this.#forget(tx, id);
      return { outcome: "quota_exceeded", product: await this.usage(tx, product), limitBytes: quotaBytes };
    }
    const inTotal = (await this.#holdTotal(tx, bytes, bytes, storageTotalBytes)).rows[0];
    if (inTotal === undefined) {
      await this.#forget(tx, id);
      await this.#changeProduct(tx, 0, bytes, 0, product);
      return { outcome: "storage_exceeded", total: await this.totals(tx), limitBytes: storageTotalBytes };
    }
    return { outcome: "admitted", product: usageOf(inProduct), totalTakenBytes: inTotal.taken_bytes };
  }

  /**
   * Takes the id of a reservation that may be there or may still be on its way, without room, so that it cannot come any more; waits
   * for one that is being committed. False when it is there.
   */
  async forestall(tx: StoreTx, { id, product, expiresMs }: LostRoom): Promise<boolean> {
    return changed(await this.#takeId(tx, id, product, 0, expiresMs, this.#instance));
  }

  /** Ends a reservation; its room is still counted as held. Undefined when it is gone already. */
  async end(tx: StoreTx, reservationId: string): Promise<EndedReservation | undefined> {
    const row = (await this.#forget(tx, reservationId)).rows[0];
    return row === undefined ? undefined : { product: row.product_id, bytes: row.bytes };
  }

  /** Gives back the room of a reservation that has been ended. */
  async giveBack(tx: StoreTx, ended: EndedReservation): Promise<void> {
    await this.#changeProduct(tx, 0, ended.bytes, 0, ended.product);
    await this.#freeTotal(tx, ended.bytes);
  }

  /** Turns the room of a reservation that has been ended into the use of an artifact, or of none. */
  async use(tx: StoreTx, ended: EndedReservation, usedBytes: number, artifacts = 1): Promise<void> {
    if (usedBytes > ended.bytes) throw new Error(`${usedBytes} bytes were stored where ${ended.bytes} were reserved`);
    await this.#changeProduct(tx, usedBytes, ended.bytes, artifacts, ended.product);
    if (usedBytes < ended.bytes) await this.#freeTotal(tx, ended.bytes - usedBytes);
  }

  /** Counts bytes as used for which nothing is held; fewer than 0 are used no more. */
  async useMore(tx: StoreTx, product: string, bytes: number): Promise<void> {
    await this.#changeProduct(tx, bytes, 0, 0, product);
    await this.#freeTotal(tx, -bytes);
  }

  /** Gives back everything whose time is over. */
  async sweepExpired(tx: StoreTx, nowMs: number): Promise<number> {
    return this.#giveBackAll(tx, (await this.#expired(tx, nowMs)).rows);
  }

  /** Gives back everything that an instance held. */
  async sweepInstance(tx: StoreTx, instance: string): Promise<number> {
    return this.#giveBackAll(tx, (await this.#abandoned(tx, instance)).rows);
  }

  async usage(db: Parameters<Statement<never>>[0], product: string): Promise<Usage> {
    return usageOf((await this.#productUsage(db, product)).rows[0]);
  }

  async totals(db: Parameters<Statement<never>>[0]): Promise<Usage> {
    return usageOf((await this.#totalUsage(db)).rows[0]);
  }

  async #giveBackAll(tx: StoreTx, rows: readonly ReservationRow[]): Promise<number> {
    const byProduct = new Map<string, number>();
    for (const row of rows) byProduct.set(row.product_id, (byProduct.get(row.product_id) ?? 0) + row.bytes);
    let total = 0;
    for (const [product, bytes] of [...byProduct].sort(([left], [right]) => (left < right ? -1 : 1))) {
      await this.#changeProduct(tx, 0, bytes, 0, product);
      total += bytes;
    }
    if (total > 0) await this.#freeTotal(tx, total);
    return rows.length;
  }
}
