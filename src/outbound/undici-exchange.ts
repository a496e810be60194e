// One request and its answer on a connection of undici's pool.
//
// 1. One timer serves all four deadlines; it is set early rather than moved with every piece, and looks again when it fires.
// 2. Pieces go straight to a waiting reader. Without one they are held up to a window, and then the socket is not read.
// 3. What arrived before a connection broke is handed out before the fault; after an abort nothing is.
import type { Dispatcher } from "undici";
import { connectionFault } from "./undici-faults.ts";
import type { CallStage } from "./undici-faults.ts";
import { unpacked } from "./unpacking.ts";
import { collected, deadlineFault } from "./upstream.ts";
import type { DeadlineName, UpstreamAnswer, UpstreamRequest } from "./upstream.ts";

/** Bytes that are held for a reader that is not waiting, before the socket is no longer read: one read of a socket. */
const windowBytes = 64 * 1024;

type Controller = Dispatcher.DispatchController;
type Piece = IteratorResult<Buffer, undefined>;
const done: Piece = { done: true, value: undefined };

/** The connection that a request leaves on, as far as it decides what a failure means. */
export interface Line {
  /** A request begins to leave. Returns whether the socket has served another one before. */
  begin(): boolean;
  /** Calls back when the whole request has left, at once or later. */
  whenLeft(then: () => void): void;
  /** How soon after a request an upstream is heard that had closed the socket before, milliseconds. */
  readonly graceMs: number;
}

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** Handles the events of one dispatch; is the answer as well, once the head is here. */
export class UndiciExchange implements Dispatcher.DispatchHandler, UpstreamAnswer, AsyncIterator<Buffer, undefined> {
  status = 0;
  headers: Readonly<Record<string, string | undefined>> = {};
  /** Set by the connection that takes the request. */
  line: Line | undefined;
  /** The socket had been closed by the upstream before the request came, which no one has read. */
  isStale = false;
  readonly #request: UpstreamRequest;
  /** When the whole request had left. */
  #leftMs: number | undefined;
  #isUsedLine = false;
  #stage: CallStage = "connecting";
  #controller: Controller | undefined;

  /** The waiter for the head; the waiter for the next piece. At most one of each. */
  #asker: Waiter<UpstreamAnswer> | undefined;
  #reader: Waiter<Piece> | undefined;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #paused = false;
  /** The reader has met the first word. */
  #hasBegun = false;
  /** Set once nothing more will come: the body has ended, was cancelled, or failed with `#failure`. */
  #over = false;
  #failure: unknown;

  #timer: NodeJS.Timeout | undefined;
  #timerDueMs = 0;
  readonly #totalDueMs: number;
  /** When the current stage, or the wait for the next piece, began. */
  #sinceMs: number;

  constructor(request: UpstreamRequest) {
    this.#request = request;
    this.#sinceMs = performance.now();
    this.#totalDueMs = this.#sinceMs + request.deadlines.totalMs;
  }

  /** Starts the clocks; resolves with this object when the head of the answer is here. */
  head(): Promise<UpstreamAnswer> {
    this.#setTimer();
    this.#request.signal.addEventListener("abort", this, { once: true });
    return new Promise((resolve, reject) => {
      this.#asker = { resolve, reject };
    });
  }

  /** The signal aborted. */
  handleEvent(): void {
    this.#drop();
    this.#fail(this.#request.signal.reason);
  }

  onRequestStart(controller: Controller): void {
    // A request that was given up while it waited for a connection is taken off the queue only here.
    if (this.#over) return controller.abort(gone);
    this.#controller = controller;
    this.#isUsedLine = this.line?.begin() ?? false;
    this.#enter("sent");
  }

  onRequestSent(): void {
    const left = (): void => void (this.#leftMs = performance.now());
    if (this.line === undefined) left();
    else this.line.whenLeft(left);
  }

  onResponseStart(_controller: Controller, status: number, headers: Dispatcher.ResponseData["headers"]): void {
    if (status < 200 || this.#over) return;
    this.#enter("answered");
    this.status = status;
    this.headers = joined(headers);
    const asker = this.#asker;
    this.#asker = undefined;
    const encoding = this.headers["content-encoding"];
    asker?.resolve(encoding === undefined ? this : unpacked(this, encoding));
  }

  onResponseData(controller: Controller, piece: Buffer): void {
    if (this.#over) return;
    this.#sinceMs = performance.now();
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      return reader.resolve({ done: false, value: piece });
    }
    this.#held.push(piece);
    this.#heldBytes += piece.length;
    if (this.#heldBytes < windowBytes || this.#paused) return;
    this.#paused = true;
    controller.pause();
  }

  onResponseEnd(): void {
    if (this.#over) return;
    this.#finish();
    this.#reader?.resolve(done);
    this.#reader = undefined;
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    if (this.#over) return;
    const { graceMs = 0 } = this.line ?? {};
    const isFast = this.#leftMs === undefined || performance.now() - this.#leftMs <= graceMs;
    this.isStale = this.#stage === "sent" && this.#isUsedLine && isFast;
    this.#fail(connectionFault(error, this.#stage, this.#request.headers, this.#isAccepted));
  }

  /** Whether the upstream may be at work. */
  get #isAccepted(): boolean {
    return this.#stage === "answered" || (this.#stage === "sent" && this.#leftMs !== undefined && !this.isStale);
  }

  get body(): AsyncIterable<Buffer> {
    return this;
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, undefined> {
    return this;
  }

  next(): Promise<Piece> {
    const piece = this.#take();
    if (piece !== undefined) return Promise.resolve({ done: false, value: piece });
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#over) return Promise.resolve(done);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  return(): Promise<Piece> {
    this.cancel();
    return Promise.resolve(done);
  }

  async collect(maxBytes: number): Promise<Buffer> {
    // A short answer arrives with its head, in one read of the socket.
    if (this.#over && this.#failure === undefined && this.#heldBytes <= maxBytes)
      return this.#take() ?? Buffer.alloc(0);
    return collected(this.body, maxBytes);
  }

  begun(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#enter(this.#stage);
  }

  cancel(): void {
    this.#drop();
    if (this.#over) return;
    this.#finish();
    this.#reader?.resolve(done);
    this.#reader = undefined;
    this.#controller?.abort(gone);
  }

  /** Everything that is held, as one piece; reading on makes room, so the socket is read again. */
  #take(): Buffer | undefined {
    const [first] = this.#held;
    if (first === undefined) return undefined;
    const piece = this.#held.length === 1 ? first : Buffer.concat(this.#held, this.#heldBytes);
    this.#drop();
    if (this.#paused && !this.#over) {
      this.#paused = false;
      this.#sinceMs = performance.now();
      // May deliver pieces before it returns; they are held, since no reader is set yet.
      this.#controller?.resume();
    }
    return piece;
  }

  #drop(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }

  #enter(stage: CallStage): void {
    this.#stage = stage;
    this.#sinceMs = performance.now();
    if (this.#due().dueMs < this.#timerDueMs) this.#setTimer();
  }

  /** The deadline that passes first, and when, on the clock of `performance.now()`. */
  #due(): { readonly limit: DeadlineName; readonly dueMs: number } {
    const { deadlines } = this.#request;
    const isThinking = this.#stage === "answered" && !this.#hasBegun && deadlines.firstWordMs !== undefined;
    const limit = isThinking ? "firstWordMs" : stageLimits[this.#stage];
    // While the reader is slow, only the whole call's time runs; the timer looks again after an idle time.
    const sinceMs = this.#paused ? performance.now() : this.#sinceMs;
    const dueMs = sinceMs + (deadlines[limit] ?? deadlines.idleMs);
    return dueMs < this.#totalDueMs ? { limit, dueMs } : { limit: "totalMs", dueMs: this.#totalDueMs };
  }

  #setTimer(): void {
    const { dueMs } = this.#due();
    clearTimeout(this.#timer);
    this.#timerDueMs = dueMs;
    this.#timer = setTimeout(checkDeadlines, Math.max(0, Math.ceil(dueMs - performance.now())), this);
  }

  /** The timer fired: a deadline has passed, or has moved since it was set. */
  checkDeadlines(): void {
    const { limit, dueMs } = this.#due();
    if (dueMs > performance.now()) return this.#setTimer();
    this.#fail(deadlineFault(limit, this.#stage !== "connecting", this.#isAccepted));
  }

  #finish(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#request.signal.removeEventListener("abort", this);
  }

  #fail(failure: unknown): void {
    if (this.#over) return;
    this.#finish();
    this.#failure = failure;
    (this.#asker ?? this.#reader)?.reject(failure);
    this.#asker = undefined;
    this.#reader = undefined;
    this.#controller?.abort(gone);
  }
}

/** The reason that undici is given; no one sees it. */
const gone = new Error("the call is over");

const stageLimits = { connecting: "connectMs", sent: "headersMs", answered: "idleMs" } as const;

function checkDeadlines(exchange: UndiciExchange): void {
  exchange.checkDeadlines();
}

/** Headers with repeated ones joined. */
function joined(headers: Dispatcher.ResponseData["headers"]): Readonly<Record<string, string | undefined>> {
  for (const name in headers) {
    const value = headers[name];
    if (Array.isArray(value)) headers[name] = value.join(", ");
  }
  return headers as Record<string, string | undefined>;
}
