// Which intents have taken effect. Every identity write stores its intent's ledger index in its own transaction, so that
// after a crash an open intent is closed as applied or not, and truly.
import type { Transaction } from "kysely";
import type { Database, Migration } from "../db/index.ts";

interface Tables {
  identity_effects: {
    /** Ledger index of the intent. */
    intent: number;
    at_ms: number;
  };
}

/** The step that makes the table. */
export const effectMigrations: readonly Migration[] = [
  {
    name: "identity-0002-effects",
    async up(tx) {
      await tx.schema
        .createTable("identity_effects")
        .addColumn("intent", "bigint", (column) => column.primaryKey())
        .addColumn("at_ms", "bigint", (column) => column.notNull())
        .execute();
    },
  },
];

/** Notes, inside the transaction that carries out an intent, that it has taken effect. */
export async function recordEffect<T>(tx: Transaction<T>, intentIndex: number, nowMs: number): Promise<void> {
  const effects = tx as unknown as Transaction<Tables>;
  await effects.insertInto("identity_effects").values({ intent: intentIndex, at_ms: nowMs }).execute();
}

/** The effects that are on record. */
export class Effects {
  readonly #db: Database<Tables>;

  constructor(db: Database) {
    this.#db = db.tables<Tables>();
  }

  /** Whether the change that this intent announced has become durable. */
  async wasApplied(intentIndex: number): Promise<boolean> {
    const { read } = this.#db;
    const row = await read
      .selectFrom("identity_effects")
      .select("intent")
      .where("intent", "=", intentIndex)
      .executeTakeFirst();
    return row !== undefined;
  }

  /** Forgets effects up to `beforeMs`: once an intent has its outcome, nobody asks again. */
  async forget(beforeMs: number): Promise<void> {
    await this.#db.transact((tx) => tx.deleteFrom("identity_effects").where("at_ms", "<", beforeMs).execute());
  }
}
