// One upstream call for all callers that ask the same thing at the same time. Promises:
//
// 1. The first caller leads, the others follow and never slow it down: what a follower has not read yet lies in one list
//    that all of them share.
// 2. The call goes on while anyone wants its answer: when the leader's caller leaves, for the followers; `signal` aborts
//    as soon as the last of them has left, and when the leader's call is ended from here. The leader always pays for the whole call.
// 3. A failure belongs to the leader alone. Followers that have read nothing yet are told to ask again; those that have
//    are told that the stream broke.
// 4. Memory is bounded. When a stream outgrows what may be held, it is not kept as an answer, it takes no new followers,
//    and followers that lie further behind than what is held are cut off with `cache.left_behind`.
import { endOf } from "../kernel/credential.ts";
import type { FairShare } from "../kernel/fair-share.ts";
import type { Reply, StreamEvent, Usage } from "../models/index.ts";
import type { Address } from "./address.ts";
import type { Answer, AnswerFacts, HeldAnswer } from "./answer.ts";
import { cacheFault } from "./errors.ts";
import { isShown, replyOf } from "./pieces.ts";

/** What a leader does with the call that it makes for itself and for its followers. Disposing it before it ended counts as failure, and
 * waiters ask again; so too when the answer was found in another way. */
export interface Producer extends Disposable {
  /** Aborts when no one wants the answer any more; the upstream call runs under it instead of under the caller's own signal. */
  readonly signal: AbortSignal;
  /** A piece of the reply as it comes, for those who follow and for the record. It never waits. */
  push(piece: StreamEvent): void;
  /** Ends the call with a whole reply. True when it was kept. */
  settle(answer: Answer): boolean;
  /** Ends the call with the reply that the pieces pushed so far add up to. True when it was kept. */
  settleStream(end: {
    readonly deployment: string;
    readonly usage: Usage | null;
    readonly facts: AnswerFacts;
    readonly misfits?: boolean;
  }): boolean;
  /** Ends the call in failure. */
  fail(error: unknown): void;
}

/** What a follower gets: the answer, a stream that is under way, or word that it must ask again. */
export type Followed =
  | { readonly kind: "answer"; readonly record: Buffer }
  | { readonly kind: "stream"; readonly pieces: AsyncIterable<StreamEvent> }
  | { readonly kind: "again" };

/** What a flight is begun with. */
export interface FlightParts {
  readonly address: Address;
  /** The leader's caller. */
  readonly caller: AbortSignal;
  /** Bytes that all open flights of a process may hold together; each partition has a fair share. */
  readonly held: FairShare;
  /** Most bytes that this flight may hold. */
  readonly maxBytes: number;
  /** Seals and keeps an answer; undefined when it is not worth it. */
  keep(answer: Answer): Buffer | undefined;
  /** No new followers from here on. Called once or more. */
  closed(flight: SingleFlight): void;
}

/** Bytes that a piece costs in memory on top of its text: an object of four fields and its place in a list. */
const pieceOverheadBytes = 64;

/** A call under way. */
export class SingleFlight implements Producer {
  readonly address: Address;
  readonly #parts: FlightParts;
  readonly #canceller = new AbortController();
  readonly #wakers = new Set<() => void>();
  #pieces: StreamEvent[] = [];
  /** How many pieces were dropped in front of the list. */
  #dropped = 0;
  #bytes = 0;
  /** Something was dropped, or had no room: what is held is not the whole reply. */
  #partial = false;
  /** A piece that callers see has come. */
  #shown = false;
  #state: "open" | "settled" | "failed" = "open";
  #record: Buffer | undefined;
  #error: unknown;
  #followers = 0;
  #led = true;

  constructor(parts: FlightParts) {
    this.address = parts.address;
    this.#parts = parts;
    if (parts.caller.aborted) this.#leaderLeft();
    else parts.caller.addEventListener("abort", this.#leaderLeft, { once: true });
  }

  get signal(): AbortSignal {
    return this.#canceller.signal;
  }

  push(piece: StreamEvent): void {
    if (this.#state !== "open") return;
    this.#hold(piece);
    this.#shown ||= isShown(piece);
    this.#wake();
  }

  settle(answer: Answer): boolean {
    if (this.#state !== "open") return false;
    const record = this.#parts.keep(answer);
    // What is not good enough to keep is not good enough to share: followers that have read nothing ask again.
    this.#end(record === undefined && !this.#shown ? "failed" : "settled", record);
    return record !== undefined;
  }

  settleStream({ usage, ...end }: Parameters<Producer["settleStream"]>[0]): boolean {
    if (this.#state !== "open") return false;
    if (this.#partial) {
      this.#end("settled", undefined);
      return false;
    }
    const pieces = this.#pieces;
    const reply: Reply = replyOf(pieces, usage);
    return this.settle({ ...end, reply, pieces });
  }

  /** Ends the call with an answer that was found under its address meanwhile. */
  adopt({ record }: HeldAnswer): void {
    if (this.#state === "open") this.#end("settled", record);
  }

  fail(error: unknown): void {
    if (this.#state !== "open") return;
    this.#error = error;
    this.#end("failed", undefined);
  }

  [Symbol.dispose](): void {
    this.fail(new Error("the call was given up"));
  }

  /**
   * Follows the call until there is something to give. @param streamed Pieces are wanted as they come.
   * @throws The signal's reason when the follower leaves first.
   */
  async follow(streamed: boolean, caller: AbortSignal): Promise<Followed> {
    const leave = this.#entered(caller);
    try {
      for (;;) {
        caller.throwIfAborted();
        if (this.#record !== undefined) return { kind: "answer", record: this.#record };
        // An end without a record, and a stream that is no longer whole, have nothing for those who come first to it now.
        if (this.#state !== "open" || this.#partial) return { kind: "again" };
        if (streamed && this.#shown) return { kind: "stream", pieces: this.#followedBy(caller) };
        await this.#woken(caller);
      }
    } finally {
      leave();
    }
  }

  /** The pieces for a follower, who is counted out also when it gives up before it has asked for the first. */
  #followedBy(caller: AbortSignal): AsyncIterable<StreamEvent> {
    const leave = this.#entered(caller);
    const pieces = this.#stream(caller, leave);
    const iterator: AsyncIterator<StreamEvent, void> = {
      next: () => pieces.next(),
      return: () => {
        leave();
        return pieces.return();
      },
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }

  async *#stream(caller: AbortSignal, leave: () => void): AsyncGenerator<StreamEvent, void> {
    let at = 0;
    try {
      for (;;) {
        caller.throwIfAborted();
        if (at < this.#dropped) throw cacheFault("cache.left_behind", "This stream was read too slowly to follow it.");
        const piece = this.#pieces[at - this.#dropped];
        if (piece !== undefined) {
          at++;
          yield piece;
        } else if (this.#state === "open") {
          await this.#woken(caller);
        } else if (this.#state === "settled") {
          return;
        } else {
          throw this.#error;
        }
      }
    } finally {
      leave();
    }
  }

  /** Counts a follower in; what comes back counts it out, once, and so does its signal. */
  #entered(caller: AbortSignal): () => void {
    this.#followers++;
    let left = false;
    const leave = (): void => {
      caller.removeEventListener("abort", leave);
      if (left) return;
      left = true;
      this.#followers--;
      this.#cancelUnlessWanted(caller.reason);
      this.#release();
    };
    caller.addEventListener("abort", leave, { once: true });
    return leave;
  }

  readonly #leaderLeft = (): void => {
    this.#led = false;
    const { caller } = this.#parts;
    // When the leader's rights have ended the call stops, even with followers; those ask for themselves.
    if (endOf(caller) === undefined) this.#cancelUnlessWanted(caller.reason);
    else this.#cancel(caller.reason);
  };

  #cancelUnlessWanted(reason: unknown): void {
    if (!this.#led && this.#followers === 0) this.#cancel(reason);
  }

  #cancel(reason: unknown): void {
    if (this.#state !== "open") return;
    this.fail(reason);
    this.#canceller.abort(reason);
  }

  #end(state: "settled" | "failed", record: Buffer | undefined): void {
    this.#state = state;
    this.#record = record;
    this.#parts.caller.removeEventListener("abort", this.#leaderLeft);
    this.#parts.closed(this);
    this.#release();
    this.#wake();
  }

  /** Lets go of the pieces when the call has ended and no one reads them any more. */
  #release(): void {
    if (this.#state === "open" || this.#followers > 0) return;
    this.#makeRoom(Infinity);
  }

  /** Holds a piece; when there is no room, gives up the oldest ones for it, or all of them when no one follows. */
  #hold(piece: StreamEvent): void {
    const bytes = bytesOf(piece);
    if (!this.#partial) {
      if (this.#held(piece, bytes)) return;
      this.#partial = true;
      this.#parts.closed(this);
    }
    if (this.#followers > 0) {
      if (this.#held(piece, bytes)) return;
      this.#makeRoom(bytes);
      if (this.#held(piece, bytes)) return;
    }
    this.#makeRoom(Infinity);
    this.#dropped++;
  }

  #held(piece: StreamEvent, bytes: number): boolean {
    const { held, maxBytes } = this.#parts;
    if (this.#bytes + bytes > maxBytes || !held.take(this.address.partition, bytes)) return false;
    this.#bytes += bytes;
    this.#pieces.push(piece);
    return true;
  }

  /** Drops pieces from the front until so many bytes have become free. */
  #makeRoom(wanted: number): void {
    let count = 0;
    let freed = 0;
    while (freed < wanted && count < this.#pieces.length) {
      const piece = this.#pieces[count++];
      if (piece !== undefined) freed += bytesOf(piece);
    }
    this.#pieces.splice(0, count);
    this.#dropped += count;
    this.#bytes -= freed;
    this.#parts.held.give(this.address.partition, freed);
  }

  #wake(): void {
    if (this.#wakers.size === 0) return;
    for (const wake of this.#wakers) wake();
  }

  /** Resolves with the next thing that happens. */
  #woken(caller: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        caller.removeEventListener("abort", wake);
        this.#wakers.delete(wake);
        resolve();
      };
      this.#wakers.add(wake);
      caller.addEventListener("abort", wake, { once: true });
    });
  }
}

/** An estimate of the memory that a piece takes, bytes. */
function bytesOf(piece: StreamEvent): number {
  switch (piece.kind) {
    case "text":
    case "refusal":
    case "tool_arguments":
      return pieceOverheadBytes + 2 * piece.text.length;
    case "reasoning":
      return (
        pieceOverheadBytes + 2 * (piece.text.length + (piece.signature?.length ?? 0) + (piece.redacted?.length ?? 0))
      );
    case "tool_start":
      return pieceOverheadBytes + 2 * (piece.id.length + piece.name.length);
    case "image":
      return pieceOverheadBytes + 2 * (piece.source.kind === "url" ? piece.source.url : piece.source.data).length;
    case "usage":
      return 8 * pieceOverheadBytes;
    case "error":
      return pieceOverheadBytes + 2 * (piece.code.length + piece.message.length);
    default:
      return pieceOverheadBytes;
  }
}
