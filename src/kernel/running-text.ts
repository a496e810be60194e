// Text that is made in many small pieces and taken in fewer large ones.

/** Takes text piece by piece. */
export type Sink = (text: string) => void;

/** Characters that are gathered before they are handed on. */
const pieceChars = 16 * 1024;

/** Gathers text for a sink. */
export class RunningText {
  readonly #sink: Sink;
  #parts: string[] = [];
  #chars = 0;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Adds text. */
  add(text: string): void {
    this.#parts.push(text);
    this.#chars += text.length;
    if (this.#chars >= pieceChars || this.#parts.length >= pieceChars) this.flush();
  }

  /** Hands on what is left. */
  flush(): void {
    if (this.#parts.length === 0) return;
    const text = this.#parts.join("");
    this.#parts = [];
    this.#chars = 0;
    this.#sink(text);
  }
}
