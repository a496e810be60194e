// What must hold of the ledger, seen from outside: it verifies, it never was another one, and each intent has its one outcome.
import { join } from "node:path";
import { verifyLedger } from "../../src/ledger/verify/index.ts";
import { merkleTreeHash } from "../support/ledger/naive-log.ts";
import { asked, holds, listed } from "./work.ts";
import type { Leaf, Seen, Surroundings } from "./work.ts";

/** Entries in one bundle. */
const bundleEntries = 256;
/** How long an outcome may take to come once all is calm, milliseconds. */
const patienceMs = 10 * 60_000;

/** The ledger as strangers see it over the whole simulation. */
export class LedgerWatch {
  readonly #around: Surroundings;
  /** Roots that were signed, by size. */
  readonly #roots = new Map<number, string>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** Reads the checkpoint as it is now and remembers it. */
  async look(): Promise<void> {
    const { status, bytes } = await asked(this.#around, "/ledger/checkpoint");
    if (status !== 200) return;
    const [, size = "", root = ""] = bytes.toString().split("\n");
    const known = this.#roots.get(Number(size));
    holds(known === undefined || known === root, "a signed size has one root", () => [size, known, root]);
    this.#roots.set(Number(size), root);
  }

  /** Everything on record, once each act has ended. */
  async settled(isLast: boolean): Promise<Seen> {
    const { timeline } = this.#around;
    const untilMs = timeline.nowMs + patienceMs;
    for (;;) {
      const leaves = await this.#leaves();
      const open = openIntents(leaves);
      if (open.length === 0) return seenFrom(this.#around, leaves, isLast);
      holds(timeline.nowMs < untilMs, "every intent has its outcome in the end", () =>
        open.map((index) => leaves[index]),
      );
      await timeline.sleep(1000);
    }
  }

  async #leaves(): Promise<readonly Leaf[]> {
    const rows = await listed<{ index: number; leaf: Leaf }>(this.#around, "/ledger/entries", "entries");
    holds(
      rows.every(({ index }, at) => index === at),
      "the entries of the ledger follow each other",
      () => rows.map(({ index }) => index),
    );
    return rows.map(({ index, leaf }) => ({ ...leaf, index }));
  }

  /** Compares every root that was seen with the entries there are now, and lets the independent verifier judge the folder. */
  async check(dataDir: string): Promise<void> {
    const entries = await this.#entries(Math.max(...this.#roots.keys()));
    for (const [seen, root] of this.#roots) {
      const own = seen <= entries.length ? merkleTreeHash(entries, 0, seen).toString("base64") : "none";
      holds(own === root, "every checkpoint that was ever seen is of this ledger", () => [
        seen,
        entries.length,
        root,
        own,
      ]);
    }
    const report = await verifyLedger({ source: join(dataDir, "ledger") });
    holds(report.ok, "the ledger verifies", () => report);
  }

  /** The entries as strangers get them, once so many are published. */
  async #entries(size: number): Promise<Buffer[]> {
    const entries: Buffer[] = [];
    while (entries.length < size) {
      const index = Math.floor(entries.length / bundleEntries);
      const width = Math.min(bundleEntries, size - index * bundleEntries);
      const path = `/ledger/tile/entries/${String(index).padStart(3, "0")}${width === bundleEntries ? "" : `.p/${width}`}`;
      const { status, bytes } = await asked(this.#around, path, { key: this.#around.adminKey() });
      holds(status === 200, "what is published can be read", () => [path, status]);
      for (let at = 0; at < bytes.length; at += 2 + bytes.readUInt16BE(at)) {
        entries.push(bytes.subarray(at + 2, at + 2 + bytes.readUInt16BE(at)));
      }
    }
    return entries;
  }
}

/** Intents without an outcome. @throws Broken when one has two, or an outcome has no intent. */
function openIntents(leaves: readonly Leaf[]): number[] {
  const open = new Set<number>();
  for (const { kind, index, intent } of leaves) {
    if (kind === "intent") open.add(index);
    if (kind !== "outcome") continue;
    holds(intent !== undefined && open.delete(intent), "an intent has one outcome", () => leaves[index]);
  }
  return [...open];
}

function seenFrom(around: Surroundings, leaves: readonly Leaf[], isLast: boolean): Seen {
  const outcomes = leaves.filter(({ kind, resource }) => kind === "outcome" && resource !== undefined);
  return {
    around,
    leaves,
    isLast,
    outcomesOf: (operation) =>
      Map.groupBy(
        outcomes.filter((leaf) => leaf.operation === operation),
        ({ resource = "" }) => resource,
      ),
  };
}
