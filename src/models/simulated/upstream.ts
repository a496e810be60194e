// The driver that needs no provider: the built-in model behind the same port as the others, in this process. A newcomer
// without a key sees the whole path work, and every answer says that it is simulated.
import { SimulatedRefusal, say } from "./model.ts";
import { chatFrames, chatReply, embeddingsReply } from "./wire.ts";
import { UpstreamFault, deadlineFault, oversizeFault } from "../../outbound/index.ts";
import type { DeadlineName, Upstream, UpstreamAnswer, UpstreamRequest } from "../../outbound/index.ts";

/** How the built-in model behaves. */
export interface SimulatedUpstreamOptions {
  /** Pause before the answer and between its pieces, milliseconds, for demonstrations; 0 unless given. */
  readonly delayMs?: number;
}

/** The built-in model. */
export class SimulatedUpstream implements Upstream {
  readonly #delayMs: number;
  readonly #closed = new AbortController();

  constructor({ delayMs = 0 }: SimulatedUpstreamOptions = {}) {
    this.#delayMs = delayMs;
  }

  async send(request: UpstreamRequest): Promise<UpstreamAnswer> {
    request.signal.throwIfAborted();
    const pace = new Pace(request, this.#delayMs, this.#closed.signal);
    await pace.pause("headersMs");
    const { status, type, frames } = answerTo(request);
    return new SimulatedAnswer(status, type, frames, pace);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
  }
}

interface Prepared {
  readonly status: number;
  readonly type: "application/json" | "text/event-stream";
  readonly frames: Iterable<string>;
}

function answerTo({ path, body }: UpstreamRequest): Prepared {
  try {
    return served(path, bodyOf(body));
  } catch (error) {
    if (!(error instanceof SimulatedRefusal)) throw error;
    const { status, code, message } = error;
    const refusal = { error: { message, type: "invalid_request_error", param: null, code } };
    return { status, type: "application/json", frames: [JSON.stringify(refusal)] };
  }
}

function served(path: string, body: Readonly<Record<string, unknown>>): Prepared {
  if (path === "/embeddings") return { status: 200, type: "application/json", frames: [embeddingsReply(body)] };
  if (path !== "/chat/completions")
    throw new SimulatedRefusal(404, "not_found", "The built-in provider has no such path.");
  const saying = say(body);
  if (body["stream"] !== true) return { status: 200, type: "application/json", frames: [chatReply(saying)] };
  const options = body["stream_options"] as { readonly include_usage?: unknown } | null | undefined;
  return { status: 200, type: "text/event-stream", frames: chatFrames(saying, options?.include_usage === true) };
}

function bodyOf(bytes: string | Buffer): Readonly<Record<string, unknown>> {
  try {
    const body: unknown = JSON.parse(bytes.toString());
    if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  } catch {
    // Refused below, like every other body that is not an object.
  }
  throw new SimulatedRefusal(400, "invalid_request", "The body must be a JSON object.");
}

/** The clocks of one call: pauses that end early when the call is given up or a deadline passes. */
class Pace {
  readonly #request: UpstreamRequest;
  readonly #delayMs: number;
  readonly #closed: AbortSignal;
  readonly #totalDueMs: number;

  constructor(request: UpstreamRequest, delayMs: number, closed: AbortSignal) {
    this.#request = request;
    this.#delayMs = delayMs;
    this.#closed = closed;
    this.#totalDueMs = performance.now() + request.deadlines.totalMs;
  }

  /** Waits the delay, if there is one. @throws UpstreamFault, or the signal's reason. */
  async pause(stage: DeadlineName): Promise<void> {
    this.#check();
    if (this.#delayMs === 0) return;
    const { deadlines, signal } = this.#request;
    const totalMs = Math.max(0, this.#totalDueMs - performance.now());
    const stageMs = deadlines[stage] ?? deadlines.idleMs;
    const [limit, limitMs]: [DeadlineName, number] = stageMs < totalMs ? [stage, stageMs] : ["totalMs", totalMs];
    await rest(Math.min(this.#delayMs, limitMs), [signal, this.#closed]);
    this.#check();
    if (this.#delayMs > limitMs) throw deadlineFault(limit, true);
  }

  #check(): void {
    this.#request.signal.throwIfAborted();
    if (!this.#closed.aborted) return;
    const retryability = { retryable: true, reachedUpstream: true };
    throw new UpstreamFault("upstream.failed", "The built-in provider has been closed.", retryability);
  }
}

/** Resolves after a while, or as soon as one of the signals aborts. */
function rest(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    for (const signal of signals) signal.addEventListener("abort", wake);
  });
}

/** An answer that is made while it is read. */
class SimulatedAnswer implements UpstreamAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: AsyncIterable<Buffer>;
  #isCancelled = false;

  constructor(status: number, type: string, frames: Iterable<string>, pace: Pace) {
    this.status = status;
    this.headers = { "content-type": type };
    this.body = this.#paced(frames, pace);
  }

  async *#paced(frames: Iterable<string>, pace: Pace): AsyncGenerator<Buffer> {
    let isFirst = true;
    for (const frame of frames) {
      // The first piece comes with the head.
      if (!isFirst) await pace.pause("idleMs");
      isFirst = false;
      if (this.#isCancelled) return;
      yield Buffer.from(frame);
    }
  }

  async collect(maxBytes: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let size = 0;
    for await (const piece of this.body) {
      size += piece.length;
      if (size > maxBytes) throw oversizeFault();
      pieces.push(piece);
    }
    return Buffer.concat(pieces, size);
  }

  cancel(): void {
    this.#isCancelled = true;
  }
}
