// What the entries say together: an outcome or finding belongs to an intent that came before it, and an intent has at
// most one outcome. Costs two bits of memory for each entry.
import { readRecord } from "./record.ts";

/** The rules between entries, fed with entries in the order of the log. */
export class IntentPairing {
  #intents: Uint8Array = new Uint8Array(1024);
  #closed: Uint8Array = new Uint8Array(1024);
  #openIntents = 0;
  readonly #lost = new Set<number>();

  /** Intents that have no outcome so far. */
  get openIntents(): number {
    return this.#openIntents;
  }

  /** Entries whose bytes are gone, in order. */
  get lost(): readonly number[] {
    return [...this.#lost];
  }

  /** Takes note that the bytes of the next entry are gone: it may have been anything. */
  lose(index: number): void {
    this.#lost.add(index);
  }

  /** Takes the next entry; a string is the sentence that says which rule it breaks. */
  take(index: number, entry: Uint8Array): string | undefined {
    const record = readRecord(entry);
    if (typeof record === "string") return record;
    if (record.kind === "intent") {
      this.#intents = withBit(this.#intents, index);
      this.#openIntents++;
      return undefined;
    }
    const { intent } = record;
    if (intent === undefined || this.#lost.has(intent)) return undefined;
    if (intent >= index || !hasBit(this.#intents, intent)) {
      return `the ${record.kind} points at entry ${intent}, which is not an earlier intent`;
    }
    if (record.kind !== "outcome") return undefined;
    if (hasBit(this.#closed, intent)) return `the outcome is the second one of intent ${intent}`;
    this.#closed = withBit(this.#closed, intent);
    this.#openIntents--;
    return undefined;
  }
}

function hasBit(bits: Uint8Array, index: number): boolean {
  return ((bits[Math.floor(index / 8)] ?? 0) & (1 << (index % 8))) !== 0;
}

function withBit(bits: Uint8Array, index: number): Uint8Array {
  const at = Math.floor(index / 8);
  let grown = bits;
  if (at >= bits.length) {
    grown = new Uint8Array(Math.max(at + 1, bits.length * 2));
    grown.set(bits);
  }
  grown[at] = (grown[at] ?? 0) | (1 << (index % 8));
  return grown;
}
