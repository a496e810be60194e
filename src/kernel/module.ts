// The one shape of a domain, as the composition root sees it. What a domain brings is listed in its module and nowhere else:
// codes, statuses, operations, the history of its tables, what it sweeps and what it settles after a crash are folded from
// the modules.
import type { Transaction } from "kysely";
import type { Codes } from "./fault.ts";
import type { Operations } from "./operation.ts";

/** Which SQL dialect a database speaks. */
export type Dialect = "sqlite" | "postgres";

/** One step of the schema's history; steps run once, in order of their names, each in a transaction. */
export interface Migration {
  /** Sorts the step into history: `keys-0001-keys`. */
  readonly name: string;
  /** Makes the change with SQL that both dialects understand (kysely's schema builder). */
  up(tx: Transaction<unknown>, dialect: Dialect): Promise<void>;
}

/** Takes charge of a resource: it is disposed of when the application closes, in reverse order. */
export type Keep = <T extends AsyncDisposable | Disposable>(resource: T) => T;

/** A domain. `Needs` is what has to be open before it, `Gives` what it opens. */
export interface Module<Needs = never, Gives extends object = object> {
  readonly name: string;
  readonly codes?: Codes;
  readonly operations?: Operations;
  /** What the operations of a noun are about, for the API's description; the noun is the first part of their names. */
  readonly nouns?: Readonly<Record<string, string>>;
  readonly migrations?: readonly Migration[];
  /** Opens the domain over what was opened before it. */
  readonly open?: (house: Needs, keep: Keep) => Gives | Promise<Gives>;
  /** Declares its metrics on a meter that is never read, for the document that lists them; and what they are called there. */
  readonly metrics?: { readonly title: string; readonly declare: (meter: never) => void };
  /**
   * Settles what the last end of this server left, before anything is attempted; not while the ledger is damaged. Where it rejects
   * for want of room, it is called again until it resolves, and nothing new begins before.
   */
  readonly recover?: (house: Needs & Gives) => Promise<void>;
  /** What forgets what is over, each called about once a minute whatever becomes of the others; nothing waits for it. */
  readonly sweeps?: readonly ((house: Needs & Gives) => Promise<unknown>)[];
}

/** What a module needs. */
type NeedsOf<M> = M extends { readonly open: (house: infer Needs, keep: Keep) => unknown } ? Needs : unknown;
/** What a module gives. */
type GivesOf<M> = M extends { readonly open: (house: never, keep: Keep) => infer Gives } ? Awaited<Gives> : unknown;

/** What is open when all of these modules are; a module whose needs are not met by those before it does not compile. */
export type Opened<Base, Modules extends readonly unknown[]> = Modules extends readonly [infer First, ...infer Rest]
  ? Base extends NeedsOf<First>
    ? Opened<Base & GivesOf<First>, Rest>
    : { readonly unmet: NeedsOf<First> }
  : Base;

/** Opens modules one after the other, each over what the base and those before it give. */
export async function openModules<Base extends object, const Modules extends readonly Module[]>(
  base: Base,
  modules: Modules,
  keep: Keep,
): Promise<Opened<Base, Modules>> {
  const house: object = { ...base };
  for (const module of modules) Object.assign(house, await module.open?.(house as never, keep));
  return house as Opened<Base, Modules>;
}
