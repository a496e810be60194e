// Puts the words of a streamed answer through the product's guards, each choice's texts one after the other. What the guards
// let pass of a piece is the piece itself, other words, or nothing yet; what they held before comes before it.
import type { StreamEvent } from "../models/index.ts";
import type { GuardFinding, GuardPolicy } from "./guard.ts";
import { laneOf } from "./held-blocks.ts";
import type { Block, WordPiece } from "./held-blocks.ts";
import { streamGuard } from "./stream-guard.ts";
import type { GuardedChunk, StreamGuard } from "./stream-guard.ts";
import { sliceChars, TimeSlice, yieldToEventLoop } from "./stretch.ts";

/** What one block of a stream says. */
type Item = Pick<Block, "pieces">;

/** Words that are being said. */
interface Watched {
  readonly lane: string;
  readonly like: WordPiece;
  /** Undefined when the policy looks for nothing. */
  readonly guard: StreamGuard | undefined;
  /** What was given to the guard and has not come back, as long as it changes nothing. */
  waiting: string;
}

/** The words of one stream. */
export class GuardedWords {
  readonly #policy: GuardPolicy | undefined;
  readonly #found: (findings: readonly GuardFinding[]) => void;
  /** What each choice is saying, with what watches over it. */
  readonly #watched = new Map<number, Watched>();

  /** @param policy Undefined when nothing is looked for. @param found Is told what is found, before it passes. */
  constructor(policy: GuardPolicy | undefined, found: (findings: readonly GuardFinding[]) => void) {
    this.#policy = policy;
    this.#found = found;
  }

  /** What the guards let pass at each piece of one item, or of several that hold one piece of the same words each. */
  guardedRow(row: readonly Item[]): readonly (readonly (readonly StreamEvent[])[])[] {
    if (row.length < 2) return row.map(({ pieces }) => pieces.map((piece) => this.#guarded(piece)));
    const words = row.map(({ pieces }) => pieces[0] as WordPiece);
    const [first] = words as [WordPiece];
    const before = this.#begun(first);
    const passed = this.#parts(words);
    return passed.map((each, i) => [i === 0 ? [...before, ...each] : each]);
  }

  /** A piece as the product's guards let it pass: itself, other words, or nothing yet; after what they held before it. */
  #guarded(piece: StreamEvent): readonly StreamEvent[] {
    if (laneOf(piece) === undefined) return endsWords(piece) ? [...this.#flushed(piece.choice), piece] : [piece];
    const words = piece as WordPiece;
    const before = this.#begun(words);
    const [passed = []] = this.#parts([words]);
    return before.length === 0 ? passed : [...before, ...passed];
  }

  /** What was held of other words that a choice was saying before these. */
  #begun(words: WordPiece): readonly StreamEvent[] {
    const lane = laneOf(words);
    return this.#watched.get(words.choice)?.lane === lane ? [] : this.#flushed(words.choice);
  }

  /** What passes of words in a row, at the pieces where it stood; with the last of them where the guards have changed it. */
  #parts(words: readonly WordPiece[]): readonly (readonly StreamEvent[])[] {
    const [like] = words as [WordPiece];
    const watched = this.#watch(like);
    if (watched.guard === undefined) return words.map((piece) => [piece]);
    const said = words.map(({ text }) => text).join("");
    const text = this.#passed(watched.guard.push(said));
    const all = watched.waiting + said;
    const isSame = all.startsWith(text);
    let end = isSame ? watched.waiting.length : -Infinity;
    let from = 0;
    watched.waiting = isSame ? all.slice(text.length) : "";
    return words.map((piece, i) => {
      end += piece.text.length;
      const part = text.slice(from, isSame ? end : i === words.length - 1 ? undefined : 0);
      from += part.length;
      return part === piece.text ? [piece] : part === "" ? [] : [{ ...piece, text: part }];
    });
  }

  /** The same for a piece of any length: the guard gets long words in parts. */
  async guardedInParts(piece: StreamEvent): Promise<readonly StreamEvent[]> {
    const lane = laneOf(piece);
    if (lane === undefined || !hasLongWords(piece)) return this.#guarded(piece);
    const stretch = new TimeSlice();
    const { text } = piece as WordPiece;
    const passed: StreamEvent[] = [];
    for (let at = 0, end = 0; at < text.length; at = end) {
      end = at + sliceChars;
      // A character is not cut in two.
      if (end < text.length && (text.codePointAt(end - 1) ?? 0) > 0xffff) end--;
      passed.push(...this.#guarded({ ...(piece as WordPiece), text: text.slice(at, end) }));
      if (stretch.isOver(sliceChars)) await yieldToEventLoop(stretch);
    }
    const isSame = passed.every((each) => laneOf(each) === lane) && textOf(passed) === text;
    return isSame ? [piece] : passed;
  }

  /** The words that a choice is saying, and their guard. */
  #watch(like: WordPiece): Watched {
    let watched = this.#watched.get(like.choice);
    if (watched === undefined) {
      const guard = this.#policy && streamGuard(this.#policy, `/choices/${like.choice}/text`);
      watched = { lane: laneOf(like) ?? "", like, guard, waiting: "" };
      this.#watched.set(like.choice, watched);
    }
    return watched;
  }

  /** What a guard still held of words that have ended. */
  #flushed(choice: number): readonly StreamEvent[] {
    const watched = this.#watched.get(choice);
    this.#watched.delete(choice);
    if (watched?.guard === undefined) return [];
    const text = this.#passed(watched.guard.flush());
    return text === "" ? [] : [{ ...watched.like, text }];
  }

  /** What guards still hold of texts that ended without saying so. @throws What denies it. */
  rest(): readonly StreamEvent[] {
    return [...this.#watched.keys()].flatMap((choice) => this.#flushed(choice));
  }

  /** Nothing more passes: says what is found in the words that have come. */
  giveUp(): void {
    for (const { guard } of this.#watched.values()) if (guard !== undefined) this.#found(guard.flush().findings);
    this.#watched.clear();
  }

  #passed({ text, findings, denied }: GuardedChunk): string {
    this.#found(findings);
    if (denied !== undefined) throw denied;
    return text;
  }
}

/** Whether the words before a piece are over with it. */
function endsWords(piece: StreamEvent): piece is Extract<StreamEvent, { readonly choice: number }> {
  return ["finish", "tool_start", "reasoning", "image"].includes(piece.kind);
}

/** Where items end that hold nothing but a piece of the words that the first of them goes on with. */
export function endOfWords(items: readonly Item[], at: number): number {
  const lane = onlyLane(items[at]);
  if (lane === undefined) return at + 1;
  let end = at + 1;
  while (end < items.length && onlyLane(items[end]) === lane) end++;
  return end;
}

function onlyLane(item: Item | undefined): string | undefined {
  const [piece] = item?.pieces ?? [];
  return item?.pieces.length === 1 && piece !== undefined ? laneOf(piece) : undefined;
}

/** Whether the guards may take long over an item. */
export function isLong({ pieces }: Item): boolean {
  return pieces.some(hasLongWords);
}

function hasLongWords(piece: StreamEvent): boolean {
  return "text" in piece && piece.text.length > sliceChars;
}

/** The words of pieces, one after the other. */
function textOf(pieces: readonly StreamEvent[]): string {
  return pieces.map((piece) => ("text" in piece ? piece.text : "")).join("");
}
