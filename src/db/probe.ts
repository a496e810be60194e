// Whether a database answers, for anyone who asks: at most once a second, however often that is, and within a deadline.
import { sql } from "kysely";
import type { Database } from "./database.ts";

/** For how long an answer is believed, and how long one is waited for, milliseconds. */
const believedMs = 1000;
const patienceMs = 2000;

const silent = "the database does not answer";

/** Asks one database. */
export class DatabaseProbe {
  readonly #database: Database;
  #asked: Promise<string | undefined> | undefined;
  #isOpen = false;
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(database: Database) {
    this.#database = database;
  }

  /** What is the matter with it; undefined when it answers. */
  trouble(): Promise<string | undefined> {
    const nowMs = performance.now();
    if (this.#asked === undefined || nowMs - this.#askedMs >= believedMs) {
      this.#askedMs = nowMs;
      this.#asked = this.#ask();
    }
    return this.#asked;
  }

  async #ask(): Promise<string | undefined> {
    // One question at a time: those that are never answered would take every connection.
    if (this.#isOpen) return silent;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(silent), patienceMs).unref();
    });
    this.#isOpen = true;
    const answers = sql`select 1`
      .execute(this.#database.read)
      .then(
        () => undefined,
        () => "the database cannot be reached",
      )
      .finally(() => (this.#isOpen = false));
    try {
      return await Promise.race([answers, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
