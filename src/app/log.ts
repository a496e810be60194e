// The log of a server: one JSON object a line on stderr. A line that cannot be written, as where the disk under it is full,
// neither stops nor ends the server, nor keeps it from ending: lines wait within a bound, those beyond it are counted, and the
// count is told as soon as lines can be written again. (pino's own output tries for ever as the process ends.)
import { write, writeSync } from "node:fs";
import { pino } from "pino";
import type { Log } from "../kernel/ctx.ts";

/** Most characters of lines that wait. */
const mostWaiting = 1024 * 1024;

/** When a pipe whose reader is behind is tried again, milliseconds. */
const behindMs = 100;

/** The log of this process, from a level on. */
export function openLog(level: string, fd = 2): Log {
  const output = new LogOutput(fd);
  const log = pino({ level }, output);
  output.onRecovery = (linesLost) => log.warn({ linesLost }, "the log could not be written for a while");
  process.on("exit", () => output.end());
  return log;
}

/** Writes lines in their order, without holding anything up. */
export class LogOutput {
  /** Told how many lines were lost once some can be written again. */
  onRecovery: (linesLost: number) => void = () => {};
  readonly #fd: number;
  #waiting = "";
  #writing: Buffer | undefined;
  #isBusy = false;
  #isFailing = false;
  #isClosed = false;
  #lost = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Takes a line; one that finds no room is lost. */
  write(line: string): void {
    if (this.#waiting.length + line.length > mostWaiting || this.#isClosed) this.#lost++;
    else this.#waiting += line;
    if (!this.#isBusy) this.#next();
  }

  /** Writes what waits, as far as that goes at once: the process ends. */
  end(): void {
    try {
      if (!this.#isBusy && this.#writing !== undefined) writeSync(this.#fd, this.#writing);
      writeSync(this.#fd, this.#waiting);
    } catch {
      // What cannot be written then is no reason not to end.
    }
  }

  #next(): void {
    if (this.#writing === undefined) {
      if (this.#waiting === "" || this.#isClosed) return;
      this.#writing = Buffer.from(this.#waiting);
      this.#waiting = "";
    }
    this.#isBusy = true;
    write(this.#fd, this.#writing, (error, written) => this.#wrote(error, written));
  }

  #wrote(error: NodeJS.ErrnoException | null, written: number): void {
    this.#isBusy = false;
    if (error === null) {
      const rest = this.#writing?.subarray(written);
      this.#writing = rest === undefined || rest.length === 0 ? undefined : rest;
      const isLate = this.#isFailing || this.#lost > 0;
      if (isLate && this.#writing === undefined && this.#waiting === "") this.#recovered();
      return this.#next();
    }
    // The reader of a pipe is gone for good; one that is behind will read on.
    if (error.code === "EPIPE") this.#isClosed = true;
    else if (error.code === "EAGAIN") setTimeout(() => this.#isBusy || this.#next(), behindMs).unref();
    else this.#isFailing = true;
  }

  #recovered(): void {
    const lost = this.#lost;
    this.#isFailing = false;
    this.#lost = 0;
    this.onRecovery(lost);
  }
}
