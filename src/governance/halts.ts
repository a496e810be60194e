// Halts: a CRITICAL integrity finding stops the writes of a product, of one credential, or of the server, until an owner
// clears it with a recorded reason (RULE_06). They are few and asked about on every act, so the ones in force are kept in memory.
import type { Transaction } from "kysely";
import type { Database, Effect } from "../db/index.ts";
import type { HaltTables } from "./store/migrations.ts";
import { governanceFault } from "./errors.ts";

/** After how long a halt that could not be made durable is tried again, milliseconds. */
const saveAgainMs = 1000;

/** The scope of a halt that stops every product. */
export const everyProduct = "*";

/** How often halts are read again when they change here meanwhile; they are set and cleared by hand or by findings. */
const mostReadings = 5;

/** Writes that are stopped. */
export interface Halt {
  /** A product's name, the id of a credential whose own writes are stopped, or `*` for the whole server. */
  readonly scope: string;
  /** The detector that asked for it. */
  readonly threat: string;
  /** Ledger index of the intent that caused it. */
  readonly intentIndex: number;
  readonly sinceMs: number;
}

/** The halts in force. */
export interface Halts {
  /** Whether writes for this product are stopped. */
  stops(product: string | null): boolean;
  /** Whether this credential is suspended. */
  suspends(id: string): boolean;
  inForce(): readonly Halt[];
  /** Stops writes; a scope that is stopped already stays as it is. */
  set(halt: Halt): Promise<void>;
  /** Lets writes go on, as an act. Rejects with `governance.no_such_halt`, and with what the act is refused with. */
  clear(scope: string, act: Pick<Effect, "transact">): Promise<Halt>;
  /** Takes over what other processes of the same database have set and cleared; in a transaction, as it sees the database. */
  refresh<T>(tx?: Transaction<T>): Promise<void>;
  /** Calls `listener` whenever the halts in force have changed, before the change is acknowledged. */
  onChange(listener: () => void): void;
}

/** Opens the halts that were in force when the server stopped. */
export async function openHalts(database: Database): Promise<Halts> {
  const db = database.tables<HaltTables>();
  const rows = await db.read.selectFrom("governance_halts").selectAll().execute();
  let halts = new Map(rows.map((row) => [row.scope, haltOf(row)]));
  /** Set here and not durable yet: the database does not know of them. */
  const unsaved = new Map<string, Halt>();
  const listeners: (() => void)[] = [];
  let changes = 0;
  const changed = (): void => {
    changes++;
    for (const listener of listeners) listener();
  };
  /** Makes a halt durable; one that cannot be saved now is tried again until it is, or is cleared. */
  const save = async (halt: Halt): Promise<void> => {
    const row = { scope: halt.scope, threat: halt.threat, intent_index: halt.intentIndex, since_ms: halt.sinceMs };
    try {
      await db.transact((tx) =>
        tx
          .insertInto("governance_halts")
          .values(row)
          .onConflict((conflict) => conflict.column("scope").doNothing())
          .execute(),
      );
    } catch (error) {
      setTimeout(() => {
        if (unsaved.get(halt.scope) === halt) save(halt).catch(() => {});
      }, saveAgainMs).unref();
      throw error;
    }
    unsaved.delete(halt.scope);
    changes++;
  };
  return {
    stops: (product) => halts.size > 0 && (halts.has(everyProduct) || (product !== null && halts.has(product))),
    suspends: (id) => halts.size > 0 && halts.has(id),
    inForce: () => [...halts.values()],
    onChange: (listener) => void listeners.push(listener),
    async set(halt) {
      if (halts.has(halt.scope)) return;
      halts.set(halt.scope, halt);
      unsaved.set(halt.scope, halt);
      changed();
      await save(halt);
    },
    async clear(scope, act) {
      const halt = halts.get(scope);
      if (!halt) throw governanceFault("governance.no_such_halt", `nothing is halted under "${scope}"`);
      await act.transact((tx: Transaction<HaltTables>) =>
        tx.deleteFrom("governance_halts").where("scope", "=", scope).execute(),
      );
      halts.delete(scope);
      unsaved.delete(scope);
      changed();
      return halt;
    },
    async refresh(tx) {
      // The file of SQLite belongs to one process.
      if (database.dialect === "sqlite") return;
      const reader = tx === undefined ? db.read : (tx as unknown as Transaction<HaltTables>);
      let inForce: readonly HaltTables["governance_halts"][] = [];
      for (let tries = 0, before = -1; before !== changes; tries++) {
        // What was changed here meanwhile is newer than what was read.
        if (tries === mostReadings) return;
        before = changes;
        inForce = await reader.selectFrom("governance_halts").selectAll().execute();
      }
      const known = [...halts.keys()].toSorted().join(" ");
      halts = new Map([...inForce.map((row) => [row.scope, haltOf(row)] as const), ...unsaved]);
      if ([...halts.keys()].toSorted().join(" ") !== known) changed();
    },
  };
}

function haltOf(row: HaltTables["governance_halts"]): Halt {
  return { scope: row.scope, threat: row.threat, intentIndex: row.intent_index, sinceMs: row.since_ms };
}
