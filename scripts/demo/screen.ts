// What the demo writes: plain lines of at most a hundred columns, in colour only on a terminal, and one line that is
// redrawn while something is under way.
import { styleText } from "node:util";

/** Columns that the demo keeps within. */
const columns = 100;
/** How often the live line is redrawn, milliseconds. */
const redrawMs = 100;

/** Colours that carry meaning: what holds, what is refused, what is said about it. */
export type Tone = "green" | "red" | "yellow" | "bold" | "dim";

/** Where the demo writes. */
export class Screen {
  readonly #out: NodeJS.WriteStream;
  readonly #inColour: boolean;
  readonly #isLive: boolean;
  #section = 0;
  #isClosed = false;

  constructor(out: NodeJS.WriteStream, env: NodeJS.ProcessEnv) {
    this.#out = out;
    this.#isLive = out.isTTY && env["TERM"] !== "dumb";
    this.#inColour = this.#isLive && (env["NO_COLOR"] ?? "") === "";
  }

  /** Text in a tone, where the terminal has colours. */
  tone(tone: Tone, text: string): string {
    return this.#inColour ? styleText(tone, text, { validateStream: false }) : text;
  }

  line(text = ""): void {
    if (!this.#isClosed) this.#out.write(`${text}\n`);
  }

  /** Writes nothing from now on. */
  close(): void {
    this.#isClosed = true;
  }

  /** Lines that are indented like the rest. */
  lines(texts: readonly string[]): void {
    for (const text of texts) this.line(text === "" ? "" : `  ${text}`);
  }

  /** Begins a numbered part. */
  section(title: string): void {
    this.#section += 1;
    this.line();
    this.line(this.tone("bold", `${this.#section}. ${title}`));
    this.line();
  }

  /** What a program printed, line by line; a longer line goes on below itself. */
  quote(output: string, tone?: Tone): void {
    for (const line of output.split("\n")) {
      const indent = 2 + line.length - line.trimStart().length;
      for (const part of wrapped(line.trimStart(), columns - indent)) {
        this.line(`${" ".repeat(indent)}${tone === undefined ? part : this.tone(tone, part)}`);
      }
    }
  }

  /** A paragraph, wrapped. */
  prose(text: string): void {
    this.lines(wrapped(text, columns - 2));
  }

  /** A label and a text that wraps next to it. */
  labelled(indent: number, label: string, text: string): void {
    const head = `${" ".repeat(indent)}${label}`;
    for (const [at, part] of wrapped(text, columns - head.length).entries()) {
      this.line(`${at === 0 ? this.tone("dim", head) : " ".repeat(head.length)}${part}`);
    }
  }

  /** A statement that was checked and holds. */
  holds(text: string): void {
    for (const [at, part] of wrapped(text, columns - 6).entries()) {
      this.line(`  ${at === 0 ? this.tone("green", "ok") : "  "}  ${part}`);
    }
  }

  /** Redraws one line while `work` runs, on a terminal; elsewhere nothing is drawn. */
  async live<T>(draw: () => string, work: () => Promise<T>): Promise<T> {
    if (!this.#isLive) return work();
    const show = (): void => {
      if (this.#isClosed) return;
      const line = `  ${draw()}`.slice(0, this.#out.columns - 1);
      this.#out.write(`\r\u001b[2K${line}`);
    };
    const timer = setInterval(show, redrawMs);
    try {
      return await work();
    } finally {
      clearInterval(timer);
      this.#out.write("\r\u001b[2K");
    }
  }
}

/** Breaks text between words into lines of at most `width` characters; a longer word stands alone. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
