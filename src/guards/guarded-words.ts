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

/** Most lanes of a choice that are kept in mind: several times the tools that models call at once. */
const mostLanes = 64;
/** Most characters that are said behind words that are held: what comes behind them may have to wait, too. */
const mostBehind = 4096;

/** Words that are being said, or may be gone on with. */
interface Watched {
  readonly like: WordPiece;
  /** Undefined when the policy looks for nothing. */
  readonly guard: StreamGuard | undefined;
  /** What was given to the guard and has not come back, as long as it changes nothing. */
  waiting: string;
  /** Something was said since its guard let go of what it held. */
  isOpen: boolean;
  /** It was gone on with after something else was said. */
  isTakenUp: boolean;
  /** How much more its choice may say before what is held of it is let go of, as a place in all that it says; undefined while it is said. */
  heldUntil: number | undefined;
}

/** The words of one stream. */
export class GuardedWords {
  readonly #policy: GuardPolicy | undefined;
  readonly #found: (findings: readonly GuardFinding[]) => void;
  /** The lanes of each choice, with what watches over them; what a choice is saying stands last. */
  readonly #watched = new Map<number, Map<string, Watched>>();
  /** The lane of what each choice is saying, how much it has said, and where the first of what it held is let go of. */
  readonly #saying = new Map<number, { lane: string; chars: number; nextChars: number }>();

  /** @param policy Undefined when nothing is looked for. @param found Is told what is found, before it passes. */
  constructor(policy: GuardPolicy | undefined, found: (findings: readonly GuardFinding[]) => void) {
    this.#policy = policy;
    this.#found = found;
  }

  /** What the guards let pass at each piece of one item, or of several that hold one piece of the same words each. */
  guardedRow(row: readonly Item[]): readonly (readonly (readonly StreamEvent[])[])[] {
    if (row.length < 2) return row.map(({ pieces }) => pieces.map((piece) => this.#guarded(piece)));
    const [before, passed] = this.#said(row.map(({ pieces }) => pieces[0] as WordPiece));
    return passed.map((each, i) => [i === 0 ? [...before, ...each] : each]);
  }

  /** A piece as the product's guards let it pass: itself, other words, or nothing yet; after what they held before it. */
  #guarded(piece: StreamEvent): readonly StreamEvent[] {
    if (laneOf(piece) === undefined) return endsWords(piece) ? [...this.#leftAll(piece.choice), piece] : [piece];
    const [before, [passed = []]] = this.#said([piece as WordPiece]);
    return before.length === 0 ? passed : [...before, ...passed];
  }

  /** The same for pieces of the same words in a row: what comes before them, and what passes of each. */
  #said(words: readonly WordPiece[]): readonly [readonly StreamEvent[], readonly (readonly StreamEvent[])[]] {
    const [like] = words as [WordPiece];
    const lane = laneOf(like) ?? "";
    const before = this.#saying.get(like.choice)?.lane === lane ? this.#overdue(like) : this.#left(like.choice);
    const said = words.map(({ text }) => text).join("");
    // Pieces that say nothing wait behind held words as well.
    const watched = this.#watch(lane, like, said.length + words.length);
    if (watched.guard === undefined) return [before, words.map((piece) => [piece])];
    const text = this.#passed(watched.guard.push(said));
    const all = watched.waiting + said;
    const isSame = all.startsWith(text);
    // What passes stands where it was said; with the last piece where the guards have changed it.
    let end = isSame ? watched.waiting.length : -Infinity;
    let from = 0;
    watched.waiting = isSame ? all.slice(text.length) : "";
    const passed = words.map((piece, i): readonly StreamEvent[] => {
      end += piece.text.length;
      const part = text.slice(from, isSame ? end : i === words.length - 1 ? undefined : 0);
      from += part.length;
      return part === piece.text ? [piece] : part === "" ? [] : [{ ...piece, text: part }];
    });
    return [before, passed];
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

  /** The words that a choice is saying, and their guard. @param chars How much they take of what may be held. */
  #watch(lane: string, like: WordPiece, chars: number): Watched {
    const { choice } = like;
    const lanes = this.#watched.get(choice) ?? new Map<string, Watched>();
    this.#watched.set(choice, lanes);
    let watched = lanes.get(lane);
    const saying = this.#saying.get(choice);
    if (watched !== undefined && saying?.lane !== lane) watched.isTakenUp = true;
    if (watched === undefined) {
      const guard = this.#policy && streamGuard(this.#policy, `/choices/${choice}/text`);
      watched = { like, guard, waiting: "", isOpen: true, isTakenUp: false, heldUntil: undefined };
      lanes.set(lane, watched);
    }
    watched.isOpen = true;
    watched.heldUntil = undefined;
    const { chars: before = 0, nextChars = Infinity } = saying ?? {};
    this.#saying.set(choice, { lane, chars: before + chars, nextChars });
    return watched;
  }

  /**
   * What is to stand before a choice says something else. Words that are taken up again and again are held on, since a caller puts
   * them together: their order to others is the lesser thing.
   */
  #left(choice: number): readonly StreamEvent[] {
    const lanes = this.#watched.get(choice);
    const saying = this.#saying.get(choice);
    const watched = saying && lanes?.get(saying.lane);
    if (lanes === undefined || saying === undefined || watched === undefined) return [];
    const { lane } = saying;
    // The lanes that were left last are those that may be gone on with.
    lanes.delete(lane);
    lanes.set(lane, watched);
    const [oldest] = lanes.keys();
    const forgotten = lanes.size > mostLanes && oldest !== undefined ? this.#flushed(lanes, oldest) : [];
    if (!watched.isTakenUp) return [...forgotten, ...this.#paused(watched)];
    watched.heldUntil = saying.chars + mostBehind;
    saying.nextChars = Math.min(saying.nextChars, watched.heldUntil);
    return [...forgotten, ...this.#overdue(watched.like)];
  }

  /** What was held for too long. */
  #overdue({ choice }: WordPiece): readonly StreamEvent[] {
    const saying = this.#saying.get(choice);
    if (saying === undefined || saying.chars < saying.nextChars) return [];
    const held = [...(this.#watched.get(choice)?.values() ?? [])].filter(({ heldUntil }) => heldUntil !== undefined);
    const isOver = ({ heldUntil = Infinity }: Watched): boolean => heldUntil <= saying.chars;
    saying.nextChars = Math.min(...held.filter((each) => !isOver(each)).map(({ heldUntil = Infinity }) => heldUntil));
    return held.filter(isOver).flatMap((each) => this.#paused(each));
  }

  /** The same before the end of a choice's words. */
  #leftAll(choice: number): readonly StreamEvent[] {
    this.#saying.delete(choice);
    return [...(this.#watched.get(choice)?.values() ?? [])].flatMap((watched) => this.#paused(watched));
  }

  #paused(watched: Watched): readonly StreamEvent[] {
    if (watched.guard === undefined || !watched.isOpen) return [];
    watched.isOpen = false;
    watched.heldUntil = undefined;
    watched.waiting = "";
    const text = this.#passed(watched.guard.pause());
    return text === "" ? [] : [{ ...watched.like, text }];
  }

  /** What a guard still held of words that have ended. */
  #flushed(lanes: Map<string, Watched>, lane: string): readonly StreamEvent[] {
    const watched = lanes.get(lane);
    lanes.delete(lane);
    if (watched?.guard === undefined) return [];
    const text = this.#passed(watched.guard.flush());
    return text === "" ? [] : [{ ...watched.like, text }];
  }

  /** What guards still hold of texts that ended without saying so. @throws What denies it. */
  rest(): readonly StreamEvent[] {
    return [...this.#watched.values()].flatMap((lanes) =>
      [...lanes.keys()].flatMap((lane) => this.#flushed(lanes, lane)),
    );
  }

  /** Nothing more passes: says what is found in the words that have come. */
  giveUp(): void {
    for (const lanes of this.#watched.values()) {
      for (const { guard } of lanes.values()) if (guard !== undefined) this.#found(guard.flush().findings);
    }
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
