// A text as someone would read it who undoes a disguise, with the way back: where each of its characters stands in the text
// as it came. So what is found in the view is redacted in the original.

/** A text behind a disguise. */
export interface View {
  readonly text: string;
  /** True when it is what bytes hold that are not text: only forms that chance does not bring about are looked for in it. */
  readonly isBinary: boolean;
  /** Whether it was decoded as a whole: what is found in it stands for the whole encoded run. */
  readonly isDecoded: boolean;
  /** Where a stretch of the view stands in the original. */
  readonly origin: (start: number, end: number) => Span;
}

/** A stretch of a text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Makes a view by replacing stretches of a text, from its beginning to its end. */
export class ViewBuilder {
  readonly #text: string;
  readonly #pieces: string[] = [];
  /** Of each replacement: where it begins and ends in the view, and where in the text. */
  readonly #cuts: number[] = [];
  #from = 0;
  #length = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Puts other characters in place of those from `start` to `end`. */
  replace(start: number, end: number, by: string): void {
    if (start > this.#from) this.#pieces.push(this.#text.slice(this.#from, start));
    const at = this.#length + start - this.#from;
    if (by !== "") this.#pieces.push(by);
    this.#cuts.push(at, at + by.length, start, end);
    this.#length = at + by.length;
    this.#from = end;
  }

  /** The view, or undefined when nothing was replaced. `parent` tells where the text itself came from. */
  build(parent: View["origin"] = asItIs): View | undefined {
    if (this.#cuts.length === 0) return undefined;
    this.#pieces.push(this.#text.slice(this.#from));
    const cuts = this.#cuts;
    return {
      text: this.#pieces.join(""),
      isBinary: false,
      isDecoded: false,
      origin: (start, end) => parent(firstOf(cuts, start), end <= start ? firstOf(cuts, start) : lastOf(cuts, end - 1)),
    };
  }
}

/** The way back from a text to itself. */
export const asItIs: View["origin"] = (start, end) => ({ start, end });

/** The replacement that begins last at or before a place, as an index into the cuts; negative for none. */
function cutBefore(cuts: readonly number[], at: number): number {
  let low = 0;
  let high = cuts.length / 4;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cuts[4 * middle] as number) <= at) low = middle + 1;
    else high = middle;
  }
  return 4 * (low - 1);
}

function firstOf(cuts: readonly number[], at: number): number {
  const cut = cutBefore(cuts, at);
  if (cut < 0) return at;
  const end = cuts[cut + 1] as number;
  return at < end ? (cuts[cut + 2] as number) : (cuts[cut + 3] as number) + at - end;
}

/** Behind the character that stands at a place. */
function lastOf(cuts: readonly number[], at: number): number {
  const cut = cutBefore(cuts, at);
  if (cut < 0) return at + 1;
  const end = cuts[cut + 1] as number;
  return at < end ? (cuts[cut + 3] as number) : (cuts[cut + 3] as number) + at - end + 1;
}
