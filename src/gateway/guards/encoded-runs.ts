// Finds long runs of base64 without looking at every character: a run of 40 cannot hide between two looks 40 apart.

/** A stretch of text. */
export interface Run {
  readonly start: number;
  readonly end: number;
}

/** Shortest run that is reported: 30 bytes, about the shortest order that says anything. */
const shortestRun = 40;
/** Longest part of a run that is reported; orders stand at its beginning or nowhere. */
const longestRun = 4096;

const isEncoded = new Uint8Array(128);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
  isEncoded[character.charCodeAt(0)] = 1;

/** A look for runs that is under way. */
export class EncodedRuns {
  readonly runs: Run[] = [];
  readonly #text: string;
  readonly #most: number;
  #at = shortestRun - 1;
  /** Where the run began that is being followed. */
  #start = -1;

  /** Looks for the first runs of at least 40 base64 characters, at most `most` of them. */
  constructor(text: string, most: number) {
    this.#text = text;
    this.#most = most;
  }

  /** Looks on, up to `end`; the last time up to the end of the text. */
  advance(end: number): void {
    const text = this.#text;
    while (this.#at < end && this.runs.length < this.#most) {
      let at = this.#at;
      if (this.#start < 0) {
        if (isEncoded[text.charCodeAt(at)] !== 1) {
          this.#at = at + shortestRun;
          continue;
        }
        let start = at;
        while (start > 0 && at - start < shortestRun && isEncoded[text.charCodeAt(start - 1)] === 1) start--;
        this.#start = start;
      }
      while (at < end && isEncoded[text.charCodeAt(at)] === 1) at++;
      this.#at = at;
      if (at === end && end < text.length) return;
      const start = this.#start;
      if (at - start >= shortestRun) this.runs.push({ start, end: Math.min(at, start + longestRun) });
      this.#start = -1;
      // The next look is one stride behind the character that ended the run.
      this.#at = at + shortestRun;
    }
  }
}

/** The first runs of at least 40 base64 characters, at most `most` of them. */
export function longEncodedRuns(text: string, most: number): readonly Run[] {
  const search = new EncodedRuns(text, most);
  search.advance(text.length);
  return search.runs;
}
