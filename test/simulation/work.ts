// One kind of work: what callers do, what they remember of what they were told, and what must hold of it whatever happened.
import { ask } from "./client.ts";
import type { Ask, Told } from "./client.ts";
import { charterPort } from "./machine.ts";
import type { Ending } from "./machine.ts";
import type { Network } from "./network.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

/** A promise of Charter's that did not hold. */
export class Broken extends Error {
  override readonly name = "Broken";
  /** Which one, in words that are the same for every seed. */
  readonly promise: string;

  constructor(promise: string, detail: unknown) {
    super(`${promise}: ${typeof detail === "string" ? detail : JSON.stringify(detail)}`);
    this.promise = promise;
  }
}

/** Refuses what must not be. */
export function holds(isTrue: boolean, promise: string, detail: () => unknown): void {
  if (!isTrue) throw new Broken(promise, detail());
}

/** The products whose callers there are, with the type of their artifacts. */
export const products = { AI_ASSISTANT: "ConversationArtifact", GURUKUL: "ContentArtifact" } as const;

/** One of them. */
export type Product = keyof typeof products;

/** What all that work has in common. */
export interface Surroundings {
  readonly timeline: Timeline;
  readonly chance: Random;
  readonly network: Network;
  /** The admin's key. */
  readonly adminKey: () => string;
  /** Writes into the trace. */
  note(text: string): void;
}

/** Asks Charter and puts the answer's status into the trace. */
export async function asked(around: Surroundings, path: string, terms: Ask = {}): Promise<Told> {
  const told = await ask(around.network, charterPort, path, terms);
  around.note(
    `${terms.method ?? (terms.body === undefined ? "GET" : "POST")} ${path.split("?")[0]} ${told.status} ${told.json?.code ?? ""}`,
  );
  return told;
}

/** One leaf as Charter shows it. */
export interface Leaf {
  readonly index: number;
  readonly kind: string;
  readonly operation: string;
  readonly resource?: string;
  readonly intent?: number;
  readonly outcome?: string;
  readonly code?: string;
  readonly product?: string;
  readonly request_id: string;
  readonly note?: string;
}

/** Everything that can be seen once all is calm. */
export interface Seen {
  readonly around: Surroundings;
  readonly leaves: readonly Leaf[];
  /** What each resource's acts of an operation came to. */
  outcomesOf(operation: string): ReadonlyMap<string, readonly Leaf[]>;
  /** Nothing comes after it, and everything that ends by itself has had the time to. */
  readonly isLast: boolean;
}

/** How Charter ended. */
export interface Ended {
  readonly how: Ending;
  /** When the database was last made durable, milliseconds of the timeline. */
  readonly durableMs: number;
}

/** A kind of work. */
export interface Work {
  readonly name: string;
  /** Done once, when nothing goes wrong. */
  prepare?(): Promise<void>;
  /** Told of each end of Charter, before it starts again. */
  ended?(ended: Ended): void;
  /** Does one thing. */
  act(chance: Random): Promise<void>;
  /** Everything that must hold. @throws Broken */
  check(seen: Seen): Promise<void>;
}

/** Whether an outcome says that its act took effect. */
export function saysApplied({ outcome, code }: Leaf): boolean {
  return outcome === "committed" || (outcome === "interrupted" && code === "effect.applied");
}

/** Every row of a listing. @throws Broken when it cannot be read. */
export async function listed<T>(
  around: Surroundings,
  path: string,
  field: string,
  key = around.adminKey(),
): Promise<T[]> {
  const rows: T[] = [];
  const glue = path.includes("?") ? "&" : "?";
  for (let cursor: string | null = ""; cursor !== null;) {
    const after: string = cursor === "" ? "" : `&cursor=${cursor}`;
    const { status, json } = await asked(around, `${path}${glue}limit=1000${after}`, { key });
    holds(status === 200, "what is stored can be listed", () => [path, status, json]);
    rows.push(...(json[field] as T[]));
    cursor = json.next as string | null;
  }
  return rows;
}

/** Compares what the ledger says was made with what is there. */
export function checkTruth(
  noun: string,
  there: ReadonlySet<string>,
  outcomes: ReadonlyMap<string, readonly Leaf[]>,
): void {
  const made = new Set<string>();
  for (const [resource, leaves] of outcomes) {
    const id = resource.slice(noun.length + 1);
    if (leaves.some(saysApplied)) made.add(id);
    const last = leaves.at(-1);
    holds(leaves.some(saysApplied) === there.has(id), "the ledger says truly what was done", () => [
      last,
      there.has(id) ? "is there" : "is not there",
    ]);
  }
  for (const id of there) holds(made.has(id), "everything that is there is on record", () => `${noun}/${id}`);
}
