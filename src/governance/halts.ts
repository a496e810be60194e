// Halts: a CRITICAL integrity finding stops the writes of a product, of one credential, or of the server, until an owner
// clears it with a recorded reason (RULE_06). They are few and asked about on every act, so the ones in force are kept in memory.
//
// What changes the halt of one scope takes turns, so that a halt that is set while an older one is being cleared stays.
import type { Transaction } from "kysely";
import type { Database, Effect } from "../db/index.ts";
import { KeyedMutex } from "../kernel/concurrency.ts";
import { RetryPace } from "../kernel/retry-pace.ts";
import type { HaltTables } from "./store/migrations.ts";
import { governanceFault } from "./errors.ts";

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
  /**
   * Stops writes at once; a scope that is stopped already stays as it is. Resolves when that is durable, and rejects when it is
   * not yet: it is tried again until it is, or is cleared.
   */
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
  const pace = new RetryPace();
  const turns = new KeyedMutex();
  /** Scopes whose halts in force are being cleared. */
  const clearing = new Set<string>();
  /** Scopes whose halts are being saved, and those that wait to be tried again. */
  const [saving, waiting] = [new Map<string, Promise<void>>(), new Set<string>()];
  /** Makes what was set under a scope durable. */
  const save = async (scope: string): Promise<void> => {
    const halt = unsaved.get(scope);
    if (halt === undefined) return;
    const row = { scope, threat: halt.threat, intent_index: halt.intentIndex, since_ms: halt.sinceMs };
    try {
      await db.transact((tx) =>
        tx
          .insertInto("governance_halts")
          .values(row)
          .onConflict((conflict) => conflict.column("scope").doNothing())
          .execute(),
      );
    } catch (error) {
      if (!waiting.has(scope)) setTimeout(() => again(scope), pace.failed().pauseMs).unref();
      waiting.add(scope);
      throw error;
    }
    pace.succeeded();
    unsaved.delete(scope);
    changes++;
  };
  /** The saving that is under way or waits for its turn, or a new one: however many ask, the database is asked once. */
  const saved = (scope: string): Promise<void> => {
    const under = saving.get(scope);
    if (under !== undefined) return under;
    const own = turns.run(scope, () => save(scope)).finally(() => saving.delete(scope));
    saving.set(scope, own);
    return own;
  };
  const again = (scope: string): void => {
    waiting.delete(scope);
    saved(scope).catch(() => {});
  };
  return {
    stops: (product) => halts.size > 0 && (halts.has(everyProduct) || (product !== null && halts.has(product))),
    suspends: (id) => halts.size > 0 && halts.has(id),
    inForce: () => [...halts.values()],
    onChange: (listener) => void listeners.push(listener),
    async set(halt) {
      const { scope } = halt;
      if (!halts.has(scope) || clearing.has(scope)) {
        halts.set(scope, halt);
        unsaved.set(scope, halt);
        clearing.delete(scope);
        changed();
      }
      if (unsaved.has(scope)) await saved(scope);
    },
    clear: (scope, act) =>
      turns.run(scope, async () => {
        let halt = halts.get(scope);
        if (halt === undefined) throw noSuchHalt(scope);
        clearing.add(scope);
        try {
          await act.transact(async (tx: Transaction<HaltTables>) => {
            // Another process may have changed it before this transaction began.
            if (clearing.has(scope)) halt = halts.get(scope);
            if (halt === undefined) throw noSuchHalt(scope);
            await tx
              .deleteFrom("governance_halts")
              .where("scope", "=", scope)
              .where("intent_index", "=", halt.intentIndex)
              .execute();
          });
          // Unless another one was set meanwhile.
          if (clearing.has(scope)) {
            halts.delete(scope);
            unsaved.delete(scope);
          }
          changed();
          return halt;
        } finally {
          clearing.delete(scope);
        }
      }),
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

function noSuchHalt(scope: string) {
  return governanceFault("governance.no_such_halt", `nothing is halted under "${scope}"`);
}

function haltOf(row: HaltTables["governance_halts"]): Halt {
  return { scope: row.scope, threat: row.threat, intentIndex: row.intent_index, sinceMs: row.since_ms };
}
