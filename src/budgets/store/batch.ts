// One batch on PostgreSQL: reservations that are made and reservations that end, in one call of `budget_batch`.
//
// What is asked is told in places: each call names the places of its counters in one list. The same request, or the same
// end, twice in a batch shares the fate of the first.
import { CompiledQuery } from "kysely";
import type { Database } from "../../db/index.ts";
import { countersOf } from "../lease.ts";
import type { Ended, Opened } from "../lease.ts";
import type { LimitBook } from "../limit-book.ts";
import { noParts } from "../reservation.ts";
import type { Flex, Reservation } from "../reservation.ts";
import { windowEnd, windowStart } from "../window.ts";
import type { Counter } from "./counters.ts";
import type { StoredLimits } from "./limits.ts";
import type { BudgetTx } from "./statement.ts";
import type { Decided, Question } from "./store.ts";
import { reservationColumns, reservationOf, valuesOf } from "./tables.ts";
import type { BudgetTables, ReservationRow } from "./tables.ts";

/** What the function answers; counters are places, and amounts those that were granted or charged. */
interface Answer {
  /** Leases that are in the way; nothing has been decided. */
  readonly blocking?: readonly string[];
  readonly opened: readonly (
    | { readonly outcome: "admitted"; readonly tokens: number; readonly microdollars: number | null }
    | { readonly outcome: "duplicate"; readonly row: ReservationRow }
    | { readonly outcome: "price_unknown"; readonly counter: number }
    | {
        readonly outcome: "insufficient";
        readonly counter: number;
        readonly asked: number;
        readonly used: number;
        readonly held: number;
      }
  )[];
  readonly ended: readonly (
    | { readonly row: ReservationRow | null }
    | { readonly tokens: number | null; readonly microdollars: number | null }
  )[];
}

/** Runs batches. */
export class Batches {
  readonly #db: Database<BudgetTables>;
  readonly #limits: StoredLimits;
  #book: LimitBook | undefined;

  constructor(db: Database<BudgetTables>, limits: StoredLimits) {
    this.#db = db;
    this.#limits = limits;
  }

  /** The limits as they were last seen. */
  get book(): LimitBook | undefined {
    return this.#book;
  }

  /** Carries a batch out in the caller's transaction, or in one of its own that a power cut may undo. */
  async run(tx: BudgetTx | undefined, { openings, endings }: Question): Promise<Decided> {
    const opening = firsts(openings, ({ made }) => requestOf(made));
    const ending = firsts(endings, ({ id }) => id);
    let leases: readonly string[] = [];
    for (;;) {
      const book = (this.#book ??= await this.#limits.book(tx ?? this.#db.read));
      const { counters, placesOf } = places(book);
      const opens = opening.first.map(({ made, flex }, place) => openingOf(made, flex, place, placesOf(made)));
      const ends = ending.first.map((ended, place) => endingOf(ended, place, placesOf(ended)));
      const answer = await this.#ask(tx, book, [counters.map(toldOf), opens, ends], leases);
      if (answer?.blocking !== undefined) {
        leases = answer.blocking;
      } else if (answer !== null) {
        const opened = opening.first.map((asked, i) => openedOf(asked.made, answer.opened[i], counters));
        const ended = ending.first.map((asked, i) => endedOf(asked, answer.ended[i]));
        return { opened: opening.all.map(sharing(opened, again)), ended: ending.all.map(sharing(ended, late)) };
      }
      // The limits have changed; in a transaction that has asked they cannot change again before it ends.
      else this.#book = undefined;
    }
  }

  /** What the function answers; null when the limits are not those of the book. */
  async #ask(
    tx: BudgetTx | undefined,
    book: LimitBook,
    lists: readonly object[],
    leases: readonly string[],
  ): Promise<Answer | null> {
    const [batch, besides] =
      tx === undefined ? ["budget_batch", ", set_config('synchronous_commit', 'off', true)"] : ["budget_batch_in", ""];
    const query = CompiledQuery.raw(`select ${batch}($1, $2, $3, $4, $5) as answer${besides}`, [
      book.version,
      ...lists.map((list) => JSON.stringify(list)),
      leases,
    ]);
    const { rows } = await (tx === undefined
      ? this.#db.once<{ answer: Answer | null }>(query, "relaxed")
      : tx.executeQuery<{ answer: Answer | null }>(query));
    return rows[0]?.answer ?? null;
  }
}

/** Those that are named first, and for each of all the place of the one that it shares its name with. */
function firsts<One>(all: readonly One[], nameOf: (one: One) => string) {
  const placed = new Map<string, number>();
  const first: One[] = [];
  const answers = all.map((one) => {
    const name = nameOf(one);
    const place = placed.get(name);
    if (place !== undefined) return { place, isFirst: false };
    placed.set(name, first.length);
    return { place: first.push(one) - 1, isFirst: true };
  });
  return { first, all: answers };
}

/** What became of the first, as it is told to one that shares its name. */
function sharing<Fate>(fates: readonly Fate[], share: (fate: Fate) => Fate) {
  return ({ place, isFirst }: { readonly place: number; readonly isFirst: boolean }): Fate => {
    const fate = fates[place];
    if (fate === undefined) throw new Error("a batch left something out");
    return isFirst ? fate : share(fate);
  };
}

function again(fate: Opened): Opened {
  return fate.outcome === "admitted" ? { outcome: "duplicate", reservation: fate.reservation } : fate;
}

function late({ reservation }: Ended): Ended {
  return { applied: false, reservation };
}

function requestOf({ requestId, product, project, task, kind }: Reservation): string {
  return JSON.stringify([requestId, product, project, task, kind]);
}

/** The list of counters, which grows as calls are asked for the places of theirs. Places count from 1, as SQL does. */
function places(book: LimitBook) {
  const counters: Counter[] = [];
  const known = new Map<string, number>();
  const placesOf = (call: Reservation): number[] =>
    countersOf(book, call).map((counter) => {
      const place = known.get(counter.name) ?? counters.push(counter);
      known.set(counter.name, place);
      return place;
    });
  return { counters, placesOf };
}

function toldOf({ name, limit, startMs }: Counter, index: number) {
  const { slot, unit, window, amount, scope } = limit;
  const { product, project, key, model } = scope;
  return {
    place: index + 1,
    name,
    slot,
    start_ms: startMs,
    end_ms: windowEnd(window, startMs),
    unit,
    amount,
    is_shared: product === undefined && key === undefined,
    product: product === undefined ? undefined : (product ?? ""),
    project,
    key,
    model,
  };
}

function openingOf(made: Reservation, flex: Flex | undefined, place: number, counters: readonly number[]) {
  return {
    ...rowOf(made),
    place: place + 1,
    is_named: made.requestId !== made.id,
    takes: flex?.takes,
    least_tokens: flex?.least.tokens,
    least_microdollars: flex?.least.microdollars,
    counters,
  };
}

function endingOf(ended: Reservation, place: number, counters: readonly number[]) {
  const { id, state, tokens, microdollars, settledTokens, settledMicrodollars, createdMs } = ended;
  const { product, project, key, model, settledParts: parts = noParts } = ended;
  return {
    place: place + 1,
    id,
    state,
    tokens,
    microdollars,
    settled_tokens: settledTokens,
    settled_microdollars: settledMicrodollars,
    input_tokens: parts.input,
    cached_tokens: parts.cached,
    output_tokens: parts.output,
    hour_ms: windowStart("hour", createdMs),
    product: product ?? "",
    project,
    key_id: key,
    model,
    counters,
  };
}

function rowOf(made: Reservation): object {
  const values = valuesOf(made);
  return Object.fromEntries(reservationColumns.map((column, i) => [column, values[i]]));
}

function openedOf(
  made: Reservation,
  answer: Answer["opened"][number] | undefined,
  counters: readonly Counter[],
): Opened {
  if (answer === undefined) throw new Error("a batch left an opening out");
  if (answer.outcome === "duplicate") return { outcome: "duplicate", reservation: reservationOf(answer.row) };
  if (answer.outcome === "admitted") {
    const { tokens, microdollars } = answer;
    return { outcome: "admitted", reservation: { ...made, tokens, microdollars } };
  }
  const counter = counters[answer.counter - 1];
  if (counter === undefined) throw new Error("a batch refused for a counter that it was not given");
  return answer.outcome === "insufficient"
    ? { ...answer, counter }
    : { outcome: "price_unknown", limit: counter.limit };
}

function endedOf(ended: Reservation, answer: Answer["ended"][number] | undefined): Ended {
  if (answer === undefined) throw new Error("a batch left an ending out");
  if ("row" in answer) return { applied: false, reservation: answer.row ? reservationOf(answer.row) : undefined };
  const { tokens, microdollars } = answer;
  return { applied: true, reservation: { ...ended, settledTokens: tokens, settledMicrodollars: microdollars } };
}
