// Questions to the person at the terminal. What is typed as a password is not shown; where stdin is no terminal, each answer is
// one line of it.
import { createInterface } from "node:readline";
import type { Interface } from "node:readline";
import { Writable } from "node:stream";
import type { Io } from "./io.ts";
import { UsageError } from "./syntax.ts";

/** Asks one thing after the other. */
export class Prompts implements Disposable {
  /** Whether a person answers. */
  readonly isTerminal: boolean;
  readonly #io: Io;
  readonly #lines: Interface;
  readonly #next: AsyncIterator<string>;
  #isHidden = false;

  constructor(io: Io) {
    this.#io = io;
    this.isTerminal = (io.stdin as Partial<NodeJS.ReadStream>).isTTY === true;
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!this.#isHidden) io.stderr.write(chunk);
        done();
      },
    });
    this.#lines = createInterface({ input: io.stdin, output, terminal: this.isTerminal });
    // Ctrl-C ends the command as it does everywhere.
    this.#lines.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
    this.#next = this.#lines[Symbol.asyncIterator]();
  }

  /** An answer that is shown while it is typed. @throws UsageError when there is none. */
  async shown(label: string): Promise<string> {
    return this.#answer(label, false);
  }

  /** An answer that is not shown. @throws UsageError when there is none. */
  async hidden(label: string): Promise<string> {
    return this.#answer(label, true);
  }

  /** A new password; typed by a person, it is asked for twice. @throws UsageError when there is none or they differ. */
  async newPassword(): Promise<string> {
    const password = await this.hidden("New password: ");
    if (this.isTerminal && (await this.hidden("New password again: ")) !== password) {
      throw new UsageError("the two new passwords differ");
    }
    return password;
  }

  [Symbol.dispose](): void {
    this.#lines.close();
  }

  async #answer(label: string, isHidden: boolean): Promise<string> {
    if (this.isTerminal) this.#io.stderr.write(label);
    this.#isHidden = isHidden;
    const { value, done } = await this.#next.next();
    this.#isHidden = false;
    if (this.isTerminal && isHidden) this.#io.stderr.write("\n");
    if (done === true || value === "") throw new UsageError(`nothing was given for ${label.replace(/: $/, "")}`);
    return value;
  }
}
