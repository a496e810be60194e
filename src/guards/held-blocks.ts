// Blocks of a stream that wait until the guards have made up their minds about the words in them. Promises:
//
// 1. Blocks pass in their order and as they came, once all the words up to their end were let pass unchanged.
// 2. When the guards change words, everything that waits is given as pieces, with the changed words where they stood.
import type { StreamEvent } from "../models/index.ts";

/** A piece that holds words of the model. */
export type WordPiece = Extract<StreamEvent, { readonly choice: number; readonly text: string }>;

/**
 * Which text of a reply a piece goes on with; undefined for a piece without words, and for sealed reasoning, whose words
 * only its provider may change.
 */
export function laneOf(piece: StreamEvent): string | undefined {
  switch (piece.kind) {
    case "text":
    case "refusal":
      return `${piece.choice} ${piece.kind}`;
    case "reasoning":
      return isSealed(piece) ? undefined : `${piece.choice} reasoning`;
    case "tool_arguments":
      return `${piece.choice} ${piece.slot}`;
    default:
      return undefined;
  }
}

function isSealed({ signature, redacted }: Extract<StreamEvent, { kind: "reasoning" }>): boolean {
  return signature !== undefined || redacted !== undefined;
}

/** A block as it came, with what it says. */
export interface Block {
  readonly raw: Buffer;
  readonly pieces: readonly StreamEvent[];
}

/** The words of one lane in the blocks that wait: as they came, and what was let pass of them so far. */
interface Words {
  taken: string;
  passed: string;
  /** How much of it the block holds that is looked at. */
  needed: number;
}

/** What a piece says of a lane. */
interface LanePart {
  readonly words: Words;
  readonly text: string;
}

/** The blocks that wait. */
export class HeldBlocks {
  readonly #blocks: Block[] = [];
  readonly #lanes = new Map<string, Words>();
  #isChanged = false;

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#blocks.length === 0;
  }

  /** Whether something other was let pass than what came. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  /** Lets a block wait. @param guarded What the guards let pass at its pieces, also of words that came before it. */
  add(block: Block, guarded: Iterable<StreamEvent>): void {
    this.#blocks.push(block);
    for (const { words, text } of this.#said(block.pieces)) words.taken += text;
    for (const { words, text } of this.#said(guarded)) {
      // What was let pass before is what came; only what is let pass now can differ.
      this.#isChanged ||= !words.taken.startsWith(text, words.passed.length);
      words.passed += text;
    }
  }

  /** Takes out the blocks that may pass as they came. */
  release(): readonly Block[] {
    let count = 0;
    for (const { pieces } of this.#blocks) {
      const said = this.#said(pieces);
      for (const { words } of said) words.needed = 0;
      for (const { words, text } of said) words.needed += text.length;
      if (said.some(({ words }) => words.passed.length < words.needed)) break;
      for (const { words, text } of said) {
        words.taken = words.taken.slice(text.length);
        words.passed = words.passed.slice(text.length);
      }
      count++;
    }
    const released = this.#blocks.splice(0, count);
    if (this.isEmpty) this.#lanes.clear();
    return released;
  }

  /** Takes everything out as pieces, the words of each lane as far as they were let pass. */
  drain(): readonly StreamEvent[] {
    const seen = new Set<string>();
    const pieces = this.#blocks.splice(0).flatMap((block) => block.pieces);
    const drained = pieces.flatMap((piece): StreamEvent[] => {
      const lane = laneOf(piece);
      if (lane === undefined) return [piece];
      const text = this.#lanes.get(lane)?.passed ?? "";
      if (seen.has(lane) || text === "") return [];
      seen.add(lane);
      return [{ ...(piece as WordPiece), text }];
    });
    this.#lanes.clear();
    this.#isChanged = false;
    return drained;
  }

  #said(pieces: Iterable<StreamEvent>): readonly LanePart[] {
    const said: LanePart[] = [];
    for (const piece of pieces) {
      const lane = laneOf(piece);
      if (lane === undefined) continue;
      let words = this.#lanes.get(lane);
      if (words === undefined) this.#lanes.set(lane, (words = { taken: "", passed: "", needed: 0 }));
      said.push({ words, text: (piece as WordPiece).text });
    }
    return said;
  }
}
