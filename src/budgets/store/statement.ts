// Statements on SQLite's tables, the hot path: their text is made once for each number of rows, not by the query builder for every batch.
//
// Numbers of rows are powers of two, so that a handful of texts serves every batch and stays prepared.
import { CompiledQuery } from "kysely";
import type { Kysely, QueryResult, Transaction } from "kysely";
import type { Value } from "../../db/index.ts";
import type { BudgetTables } from "./tables.ts";

/** A transaction of the database that holds the tables of budgets. */
export type BudgetTx = Transaction<BudgetTables>;

/** Most rows in one statement: preparing a longer text gains nothing. */
const maxRows = 64;

/** A statement over rows of values. */
export class RowsStatement<Row = never> {
  readonly #write: (rows: string) => string;
  readonly #row: string;
  readonly #padding: readonly Value[] | undefined;
  readonly #texts = new Map<number, string>();

  /**
   * `write` puts the rows into the text; `row` is one row with `?` for each value. With `padding`, a row that matches nothing,
   * rows are filled up to a power of two; without, they are sent in several statements.
   */
  constructor(write: (rows: string) => string, row: string, padding?: readonly Value[]) {
    this.#write = write;
    this.#row = row;
    this.#padding = padding;
  }

  /** Runs the statement over the rows, in their order; resolves with what was returned. */
  async run(db: Kysely<BudgetTables>, rows: readonly (readonly Value[])[]): Promise<Row[]> {
    const returned: Row[] = [];
    for (let from = 0; from < rows.length;) {
      const size = this.#sizeFor(rows.length - from);
      const part = rows.slice(from, from + size);
      const values = part.flat();
      if (this.#padding) for (let i = part.length; i < size; i++) values.push(...this.#padding);
      const result: QueryResult<Row> = await db.executeQuery<Row>(CompiledQuery.raw(this.#text(size), values));
      for (const row of result.rows) returned.push(row);
      from += part.length;
    }
    return returned;
  }

  /** The power of two that the next statement takes: the next larger one when it can be filled up, else the next smaller. */
  #sizeFor(left: number): number {
    let size = 1;
    while (size < maxRows && size * 2 <= left) size *= 2;
    return this.#padding !== undefined && size < left && size < maxRows ? size * 2 : size;
  }

  #text(size: number): string {
    const known = this.#texts.get(size);
    if (known !== undefined) return known;
    const text = this.#write(Array.from({ length: size }, () => this.#row).join(", "));
    this.#texts.set(size, text);
    return text;
  }
}
