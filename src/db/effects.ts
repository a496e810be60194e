// Which intents have taken effect. An act's transaction writes its intent's ledger index here, so that after a crash one
// question tells which open intents are closed as applied, for every domain alike.
import type { Transaction } from "kysely";
import type { Database, Migration } from "./database.ts";
import { statement } from "./statement.ts";
import type { Statement } from "./statement.ts";

interface EffectTables {
  /** The ledger index of an intent whose act's transaction was committed. */
  effects: { intent: number };
}

/** The step that makes the table; its name comes before those of the domains, which move what they have into it. */
export const effectMigrations: readonly Migration[] = [
  {
    name: "db-0001-effects",
    async up(tx, dialect) {
      await tx.schema
        .createTable("effects")
        // On SQLite an integer key is the row's own number, and needs no separate index.
        .addColumn("intent", dialect === "sqlite" ? "integer" : "bigint", (column) => column.primaryKey())
        .execute();
    },
  },
];

/** Intents in one question; SQLite takes 32 766 values. */
const askedAtOnce = 1000;
/** Effects that are forgotten in one transaction: others that write wait for no longer than that. */
const forgottenAtOnce = 5000;

/** The effects on record. */
export class Effects {
  readonly #db: Database<EffectTables>;
  readonly #note: Statement<never>;

  constructor(db: Database) {
    this.#db = db.tables<EffectTables>();
    this.#note = statement(db.dialect, "insert into effects (intent) values (?)");
  }

  /** Notes, inside the transaction that carries out an intent, that it takes effect with it. */
  async note<T>(tx: Transaction<T>, intent: number): Promise<void> {
    await this.#note(tx, intent);
  }

  /**
   * Which of these intents have taken effect, for certain: asks by writing the same rows, which waits for a transaction that is
   * still being committed, and takes them back; what has taken effect is durable. Rejects with `db.unavailable` when that cannot be known now.
   */
  async among(intents: readonly number[]): Promise<ReadonlySet<number>> {
    const applied = new Set(intents);
    for (let from = 0; from < intents.length; from += askedAtOnce) {
      const asked = intents.slice(from, from + askedAtOnce).map((intent) => ({ intent }));
      const none = await this.#db
        .transact(async (tx) => {
          const insert = tx.insertInto("effects").values(asked);
          const free = await insert
            .onConflict((conflict) => conflict.doNothing())
            .returning("intent")
            .execute();
          throw new TakenBack(free.map(({ intent }) => intent));
        })
        .catch((error: unknown) => {
          if (error instanceof TakenBack) return error.intents;
          throw error;
        });
      for (const intent of none) applied.delete(intent);
    }
    if (applied.size > 0) await this.#db.flushed();
    return applied;
  }

  /** The newest intent that has taken effect; -1 when there is none, or no table of them yet. */
  async newest(): Promise<number> {
    const tables = await this.#db.read.introspection.getTables();
    if (!tables.some(({ name }) => name === "effects")) return -1;
    const row = await this.#db.read
      .selectFrom("effects")
      .select(({ fn }) => fn.max("intent").as("newest"))
      .execute();
    return row[0]?.newest ?? -1;
  }

  /**
   * Forgets the effects of intents before this one: all of them have their outcome, and no one asks again. The newest effect
   * stays: the next start learns from it how long the ledger has been.
   */
  async forget(before: number): Promise<void> {
    for (let gone = forgottenAtOnce; gone === forgottenAtOnce;) {
      gone = await this.#db.transact(async (tx) => {
        const old = tx
          .selectFrom("effects")
          .select("intent")
          .where("intent", "<", before)
          .where("intent", "<", (builder) =>
            builder.selectFrom("effects").select(({ fn }) => fn.max("intent").as("newest")),
          )
          .orderBy("intent")
          .limit(forgottenAtOnce);
        const { numDeletedRows } = await tx.deleteFrom("effects").where("intent", "in", old).executeTakeFirstOrThrow();
        return Number(numDeletedRows);
      });
    }
  }
}

/** Carries an answer out of a transaction that is to be undone. */
class TakenBack extends Error {
  readonly intents: readonly number[];

  constructor(intents: readonly number[]) {
    super("what was written to ask is taken back");
    this.intents = intents;
  }
}
