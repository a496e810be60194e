// How far a transfer has come: a bar with rate and time left on a terminal, a plain line now and then elsewhere.
import type { Io } from "./io.ts";
import { durationText, sizeText } from "./quantity.ts";

/** Weight of the newest sample in the moving rate: about the last two seconds count at four samples a second. */
const newestWeight = 0.2;
const redrawMs = 250;
const plainLineMs = 5000;

/** What a progress line shows. */
export interface ProgressState {
  readonly label: string;
  readonly done: number;
  readonly total: number;
  /** Done per second. */
  readonly rate: number;
  /** How an amount is written, e.g. as a size. */
  readonly amount: (done: number) => string;
}

/** One progress line that fits into `columns`. */
export function progressLine(state: ProgressState, columns: number): string {
  const { done, total, rate, amount } = state;
  const share = total > 0 ? Math.min(1, done / total) : 1;
  const left = rate > 0 ? Math.max(0, total - done) / rate : Number.NaN;
  const percent = String(Math.floor(share * 100)).padStart(3);
  const tail = ` ${percent}%  ${amount(done)} of ${amount(total)}  ${amount(rate)}/s  ETA ${durationText(left)}`;
  const room = columns - tail.length - 4;
  const label = state.label.length > room / 2 ? `${state.label.slice(0, Math.max(0, room / 2 - 1))}~` : state.label;
  const width = Math.min(40, Math.floor(room - label.length));
  if (width < 5) return tail.trim().slice(0, Math.max(1, columns));
  const filled = Math.round(share * width);
  return `${label} [${"#".repeat(filled)}${".".repeat(width - filled)}]${tail}`;
}

/** Where progress goes: a bar, plain lines, or nowhere. */
export type ProgressStyle = "bar" | "lines" | "none";

/** The style that suits the terminal: a bar for people, lines when asked for, otherwise nothing. */
export function progressStyle(io: Io, worthShowing: boolean, asked: boolean): ProgressStyle {
  if (io.stderr.isTTY && io.env["TERM"] !== "dumb") return worthShowing || asked ? "bar" : "none";
  return asked ? "lines" : "none";
}

/** A transfer in progress. */
export class Progress implements Disposable {
  readonly #io: Io;
  readonly #style: ProgressStyle;
  readonly #timer: NodeJS.Timeout | undefined;
  #label = "";
  #done = 0;
  #total: number;
  readonly #amount: (done: number) => string;
  #rate = 0;
  #sampled = 0;
  #sampledMs = performance.now();

  constructor(io: Io, style: ProgressStyle, total: number, amount = sizeText) {
    this.#amount = amount;
    this.#io = io;
    this.#style = style;
    this.#total = total;
    if (style === "none") return;
    this.#timer = setInterval(() => this.#show(), style === "bar" ? redrawMs : plainLineMs);
    this.#timer.unref();
  }

  /** Counts what was done; a negative count takes back that of an attempt that failed. */
  add(count: number): void {
    this.#done += count;
  }

  /** Sets the state of a process that counts for itself. */
  set(done: number, total: number): void {
    this.#done = done;
    this.#total = total;
  }

  /** Names what is being transferred now. */
  label(text: string): void {
    this.#label = text;
  }

  /** Writes something else to the terminal without tearing the bar. */
  around(write: () => void): void {
    this.#erase();
    write();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#erase();
  }

  #show(): void {
    const nowMs = performance.now();
    const sample = ((this.#done - this.#sampled) * 1000) / Math.max(1, nowMs - this.#sampledMs);
    this.#rate = this.#rate === 0 ? sample : this.#rate + newestWeight * (sample - this.#rate);
    this.#sampled = this.#done;
    this.#sampledMs = nowMs;
    const state = {
      label: this.#label,
      done: this.#done,
      total: this.#total,
      rate: Math.max(0, this.#rate),
      amount: this.#amount,
    };
    const line = progressLine(state, this.#style === "bar" ? (this.#io.stderr.columns || 80) - 1 : 100);
    this.#io.stderr.write(this.#style === "bar" ? `\r\u001b[2K${line}` : `${line}\n`);
  }

  #erase(): void {
    if (this.#style === "bar") this.#io.stderr.write("\r\u001b[2K");
  }
}
