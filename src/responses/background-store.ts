// Responses that are worked on while no one waits, as they are stored: who works on which until when, and the events of those that
// are streamed. What such a response says stands with all others that are kept (`store.ts`). Promises:
//
// 1. A response is worked on exactly as long as its row of `running_responses` is there. Anyone who takes that row away writes the
//    response's end in the same transaction, so that there is one end.
// 2. An owner has no more rows than places, whichever processes ask at once: a place is a part of the key.
// 3. Who changes anything of an owner takes its turn first (`kept-use.ts`); a change whose answer was lost is asked for again and finds
//    what it has done.
// 4. An event is durable before anyone sees it, so that its number is not given twice.
// 5. Whether a runner is still there is judged by the database's clock alone: those of two machines may differ by more than a lease.
import { sql } from "kysely";
import type { Kysely, RawBuilder, Transaction } from "kysely";
import type { Database, Migration } from "../db/index.ts";
import { evenIfLost, inTurn, sizeOf } from "./kept-use.ts";
import type { NewAnswer, NewResponse, ResponseStore, ResponseTx } from "./store.ts";

interface BackgroundTables {
  running_responses: {
    owner: string;
    place: number;
    id: string;
    runner: string;
    /** Until when its runner is believed to be there, by the database's clock. */
    lease_ms: number;
  };
  response_events: {
    owner: string;
    id: string;
    sequence: number;
    event: string;
    expires_ms: number;
    size_bytes: number;
  };
}

/** A transaction of the database that holds them. */
type BackgroundTx = Transaction<BackgroundTables>;

/** A response that is worked on. */
export interface Running {
  readonly owner: string;
  readonly id: string;
}

/** An event of a streamed response: its number, counted from 0, and its JSON. */
export interface StoredEvent {
  readonly sequence: number;
  readonly event: string;
}

/** The end of a response: what is answered, and the last event, which gets the next number where there are events. */
export interface End {
  readonly answer: NewAnswer;
  readonly event?: (sequence: number) => string;
}

/** How a response begins to be worked on. */
interface NewRun {
  readonly runner: string;
  readonly leaseMs: number;
  readonly places: number;
  readonly events: readonly string[];
  /** Until when these are kept, and its last one with them. */
  readonly eventsExpireMs: number;
}

/** Whose events are added, and until when they are kept. */
interface EventsOf {
  readonly owner: string;
  readonly id: string;
  readonly expiresMs: number;
}

/** The steps of their schema. */
export const backgroundMigrations: readonly Migration[] = [
  {
    name: "responses-0002-background",
    async up(tx) {
      await tx.schema
        .createTable("running_responses")
        .addColumn("owner", "text", (column) => column.notNull())
        .addColumn("place", "integer", (column) => column.notNull())
        .addColumn("id", "text", (column) => column.notNull())
        .addColumn("runner", "text", (column) => column.notNull())
        .addColumn("lease_ms", "bigint", (column) => column.notNull())
        .addPrimaryKeyConstraint("running_responses_pk", ["owner", "place"])
        .addUniqueConstraint("running_responses_id", ["owner", "id"])
        .execute();
      await tx.schema
        .createTable("response_events")
        .addColumn("owner", "text", (column) => column.notNull())
        .addColumn("id", "text", (column) => column.notNull())
        .addColumn("sequence", "integer", (column) => column.notNull())
        .addColumn("event", "text", (column) => column.notNull())
        .addColumn("expires_ms", "bigint", (column) => column.notNull())
        .addPrimaryKeyConstraint("response_events_pk", ["owner", "id", "sequence"])
        .execute();
      await tx.schema.createIndex("response_events_expires").on("response_events").column("expires_ms").execute();
    },
  },
];

/** Most events that are written in one statement. */
const eventsAtOnce = 100;

/** What is stored of responses that are worked on, of all owners. */
export class BackgroundStore {
  readonly #db: Database<BackgroundTables>;
  readonly #kept: ResponseStore;

  constructor(database: Database, kept: ResponseStore) {
    this.#db = database.tables<BackgroundTables>();
    this.#kept = kept;
  }

  /**
   * Begins a response in one of the owner's places, with its first events.
   * @returns Whether there was a place; nothing is stored otherwise.
   */
  async begin(owner: string, response: NewResponse, run: NewRun): Promise<boolean> {
    return evenIfLost(() => this.#db.transact((tx) => this.#begin(tx, owner, response, run), "shared"));
  }

  async #begin(tx: BackgroundTx, owner: string, response: NewResponse, run: NewRun): Promise<boolean> {
    const { id } = response;
    const { value, keptBytes } = await inTurn(tx, owner, async () => {
      const taken = await tx
        .selectFrom("running_responses")
        .select(["place", "id"])
        .where("owner", "=", owner)
        .execute();
      if (taken.some((each) => each.id === id)) return { value: true, moreBytes: 0 };
      const isTaken = new Set(taken.map(({ place }) => place));
      const place = Array.from({ length: run.places }, (_, i) => i).find((each) => !isTaken.has(each));
      if (place === undefined) return { value: false, moreBytes: 0 };
      await tx
        .insertInto("running_responses")
        .values({ owner, place, id, runner: run.runner, lease_ms: this.#inMs(run.leaseMs) })
        .execute();
      await this.#kept.write(keptTx(tx), owner, response);
      const moreBytes = await insertEvents(tx, owner, id, run.events, { from: 0, expiresMs: run.eventsExpireMs });
      return { value: true, moreBytes };
    });
    await this.#kept.fit(keptTx(tx), owner, id, keptBytes);
    return value;
  }

  /** Adds events. @returns False when the response is not worked on any more; nothing is stored then. */
  async append(of: EventsOf, events: readonly string[], from: number): Promise<boolean> {
    return evenIfLost(() => this.#db.transact((tx) => this.#append(tx, of, events, from)));
  }

  async #append(tx: BackgroundTx, { owner, id, expiresMs }: EventsOf, events: readonly string[], from: number) {
    const { value, keptBytes } = await inTurn(tx, owner, async () => {
      const running = tx.selectFrom("running_responses").select("id").where("owner", "=", owner).where("id", "=", id);
      if ((await running.executeTakeFirst()) === undefined) return { value: false, moreBytes: 0 };
      const last = await lastEvent(tx, owner, id);
      if (last !== undefined && last.sequence >= from) return { value: true, moreBytes: 0 };
      return { value: true, moreBytes: await insertEvents(tx, owner, id, events, { from, expiresMs }) };
    });
    await this.#kept.fit(keptTx(tx), owner, id, keptBytes);
    return value;
  }

  /** Ends a response. @returns False when it had ended before; nothing is stored then. */
  async end(owner: string, end: End): Promise<boolean> {
    return this.#db.transact((tx) => this.endIn(tx, owner, end));
  }

  /** The same as a part of a transaction. */
  async endIn(anyTx: ResponseTx | BackgroundTx, owner: string, { answer, event }: End): Promise<boolean> {
    const tx = anyTx as unknown as BackgroundTx;
    const { id } = answer;
    const { value } = await inTurn(tx, owner, async () => {
      if (!(await this.stop(tx, owner, id))) return { value: false, moreBytes: 0 };
      await this.#kept.writeAnswer(keptTx(tx), owner, answer);
      const last = await lastEvent(tx, owner, id);
      if (event === undefined || last === undefined) return { value: true, moreBytes: 0 };
      const from = last.sequence + 1;
      // All events of a response go at once: a reader would not notice those that are missing in the middle.
      const moreBytes = await insertEvents(tx, owner, id, [event(from)], { from, expiresMs: last.expires_ms });
      return { value: true, moreBytes };
    });
    return value;
  }

  /** No one works on it any more; its owner's turn has been taken. @returns Whether anyone did. */
  async stop(anyTx: ResponseTx | BackgroundTx, owner: string, id: string): Promise<boolean> {
    const { numDeletedRows } = await (anyTx as unknown as BackgroundTx)
      .deleteFrom("running_responses")
      .where("owner", "=", owner)
      .where("id", "=", id)
      .executeTakeFirst();
    return numDeletedRows > 0n;
  }

  /** Whether its runner is believed to be there; undefined when it is not worked on. */
  async isHeld(owner: string, id: string): Promise<boolean | undefined> {
    const row = await this.#db.read
      .selectFrom("running_responses")
      .select((each) => each("lease_ms", ">", this.#inMs(0)).as("held"))
      .where("owner", "=", owner)
      .where("id", "=", id)
      .executeTakeFirst();
    return row === undefined ? undefined : Boolean(row.held);
  }

  /** Those that are left by who worked on them. @param isAlone Whether all are, because no one else works on this database. */
  async left(isAlone: boolean): Promise<readonly Running[]> {
    const all = this.#db.read.selectFrom("running_responses").select(["owner", "id"]);
    return (isAlone ? all : all.where("lease_ms", "<=", this.#inMs(0))).execute();
  }

  /** An instant from now, by the database's clock. */
  #inMs(ms: number): RawBuilder<number> {
    return this.#db.dialect === "sqlite"
      ? sql`cast(unixepoch('subsec') * 1000 as integer) + ${ms}`
      : sql`(extract(epoch from clock_timestamp()) * 1000)::bigint + ${ms}::bigint`;
  }

  /** A runner is still at work on these, for so many milliseconds. @returns Those of them that are worked on. */
  async renew(runner: string, ids: readonly string[], leaseMs: number): Promise<ReadonlySet<string>> {
    const mine = await this.#db.transact(
      (tx) =>
        tx
          .updateTable("running_responses")
          .set({ lease_ms: this.#inMs(leaseMs) })
          .where("runner", "=", runner)
          .where("id", "in", ids)
          .returning("id")
          .execute(),
      "relaxed",
    );
    return new Set(mine.map(({ id }) => id));
  }

  /** Events of a response after a number, in their order, at most so many. */
  async events(owner: string, id: string, after: number, most: number, nowMs: number): Promise<readonly StoredEvent[]> {
    return this.#db.read
      .selectFrom("response_events")
      .select(["sequence", "event"])
      .where("owner", "=", owner)
      .where("id", "=", id)
      .where("sequence", ">", after)
      .where("expires_ms", ">", nowMs)
      .orderBy("sequence")
      .limit(most)
      .execute();
  }

  /** The number of the newest event; -1 where there is none. */
  async newestEvent(owner: string, id: string): Promise<number> {
    return (await lastEvent(this.#db.read, owner, id))?.sequence ?? -1;
  }
}

/** Both stores are tables of the one database. */
function keptTx(tx: BackgroundTx): ResponseTx {
  return tx as unknown as ResponseTx;
}

async function lastEvent(db: Kysely<BackgroundTables>, owner: string, id: string) {
  return db
    .selectFrom("response_events")
    .select(["sequence", "expires_ms"])
    .where("owner", "=", owner)
    .where("id", "=", id)
    .orderBy("sequence", "desc")
    .limit(1)
    .executeTakeFirst();
}

/** @returns How many bytes there are more. */
async function insertEvents(
  tx: BackgroundTx,
  owner: string,
  id: string,
  events: readonly string[],
  { from, expiresMs }: { readonly from: number; readonly expiresMs: number },
): Promise<number> {
  const rows = events.map((event, i) => {
    return { owner, id, sequence: from + i, event, expires_ms: expiresMs, size_bytes: sizeOf(event) };
  });
  for (let at = 0; at < rows.length; at += eventsAtOnce) {
    await tx
      .insertInto("response_events")
      .values(rows.slice(at, at + eventsAtOnce))
      .execute();
  }
  return rows.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
}
