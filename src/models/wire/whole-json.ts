// Whether JSON that comes in pieces is whole: all that was opened is closed. What is no list or record never is.

const quote = 0x22;
const backslash = 0x5c;

/** Follows one text. Nothing is looked at before it is asked for, and no character twice. */
export class WholeJson {
  #unseen: string[] = [];
  #depth = 0;
  #isText = false;
  #isEscaped = false;
  #isWhole = false;

  /** Adds a piece. */
  add(text: string): void {
    this.#unseen.push(text);
  }

  /** Whether the text so far is whole. */
  get isWhole(): boolean {
    for (const text of this.#unseen) this.#see(text);
    this.#unseen = [];
    return this.#isWhole;
  }

  #see(text: string): void {
    for (let at = 0; at < text.length && !this.#isWhole; at++) {
      const code = text.charCodeAt(at);
      if (this.#isEscaped) this.#isEscaped = false;
      else if (code === quote) this.#isText = !this.#isText;
      else if (this.#isText) this.#isEscaped = code === backslash;
      else if (code === 0x7b || code === 0x5b) this.#depth++;
      else if (code === 0x7d || code === 0x5d) this.#isWhole = --this.#depth === 0;
    }
  }
}
