// Responses in the background (`background: true`): answered at once, worked on as every other call of a model, and asked for later.
// Promises:
//
// 1. What refuses a call refuses this one, too, with its status: the caller gets an id when there is room in its budgets and the
//    intent is durable, and before a provider is asked.
// 2. The call goes on when its caller leaves, and ends when what it rests on ends: its credential, a halt, the constitution.
// 3. It has one end, which is durable before anybody is told. One whose server has stopped is failed, and says so.
// 4. A stream can be read again from any event on, in any process, as long as its events are kept.
import type { AdmittedCall, CallOptions, Gateway, HeadFacts } from "../gateway/index.ts";
import type { Gate } from "../governance/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Ctx, Log } from "../kernel/ctx.ts";
import type { Fault } from "../kernel/fault.ts";
import { newId } from "../kernel/ids.ts";
import { writeInTurns } from "../kernel/json-turns.ts";
import { frontDialects } from "../models/index.ts";
import type { DialectName } from "../models/index.ts";
import { BackgroundEnds } from "./background-ends.ts";
import { BackgroundRun, tooLarge } from "./background-run.ts";
import type { BackgroundStore } from "./background-store.ts";
import { responseFault } from "./errors.ts";
import { assertThere, eventsOf } from "./event-stream.ts";
import type { EventReading } from "./event-stream.ts";
import { keptTexts } from "./kept-text.ts";
import { News } from "./news.ts";
import { eventText, numbered } from "./response-events.ts";
import type { Imprint } from "./response-events.ts";
import type { Item, ResponseStore } from "./store.ts";

/** How long who works on a response is believed to be there without a word, and how often it says so, milliseconds. */
const leaseMs = 30_000;
const renewEveryMs = 5000;
/** How long events are kept at most, milliseconds: far longer than a reader needs to come back, and there are many of them. */
const eventsMs = 24 * 3_600_000;

/** What is asked to be worked on. */
export interface BackgroundCall {
  readonly dialect: DialectName;
  readonly owner: string;
  /** The items that the call says itself, and what it goes on from. */
  readonly input: readonly Item[];
  readonly previousId: string | null;
  /** The whole conversation. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** What its caller gets at once: the response as it stands, or its events as they come. */
export type BackgroundAnswer =
  | { readonly kind: "whole"; readonly facts: HeadFacts; readonly body: Buffer }
  | { readonly kind: "stream"; readonly facts: HeadFacts; readonly bytes: AsyncIterable<Buffer> };

/** What responses in the background are made of. */
export interface BackgroundParts {
  readonly gate: Pick<Gate, "watch" | "changes">;
  readonly gateway: Pick<Gateway, "call">;
  readonly store: BackgroundStore;
  readonly kept: ResponseStore;
  /** How long a response is kept, milliseconds. */
  readonly keepMs: number;
  /** Most that are worked on at a time for one owner. */
  readonly places: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** What is under way in this process. */
interface Local {
  readonly id: string;
  readonly stop: (reason: Fault) => void;
  readonly work: Promise<void>;
}

/** Responses in the background. */
export class BackgroundResponses implements AsyncDisposable {
  readonly #parts: BackgroundParts;
  readonly #runner: string;
  readonly #local = new Map<string, Local>();
  readonly #news = new News();
  /** How they end other than by being answered. */
  readonly ends: BackgroundEnds;
  #timer: NodeJS.Timeout | undefined;
  #isClosing = false;

  constructor(parts: BackgroundParts) {
    this.#parts = parts;
    this.#runner = newId<"runner">(parts.clock);
    const { store, kept, clock, log } = parts;
    const isLocal = (owner: string, id: string): boolean => this.#local.has(keyOf(owner, id));
    this.ends = new BackgroundEnds({
      store,
      kept,
      clock,
      log,
      isLocal,
      ended: (owner, id) => this.#news.tell(keyOf(owner, id)),
    });
  }

  /**
   * Begins a response.
   * @throws What refuses the call; `response.too_many` when the owner has no place left, `response.too_large`.
   */
  async create(ctx: Ctx, call: BackgroundCall, options: CallOptions): Promise<BackgroundAnswer> {
    if (this.#isClosing) throw stopping();
    const { gate, gateway } = this.#parts;
    const ending = new AbortController();
    const stop = (reason: Fault): void => ending.abort(reason);
    const own: Ctx = { ...ctx, signal: ending.signal, stop };
    const leave = gate.watch(own, gate.changes);
    const callerLeft = (): void => ending.abort(ctx.signal.reason);
    ctx.signal.addEventListener("abort", callerLeft, { once: true });
    if (ctx.signal.aborted) callerLeft();
    const id = `resp_${newId<"response">(ctx.clock)}`;
    const letIn = Promise.withResolvers<{ readonly answer: BackgroundAnswer; readonly run: BackgroundRun }>();
    letIn.promise.catch(() => {});
    const admitted = async (admittedCall: AdmittedCall): Promise<void> => {
      letIn.resolve(await this.#begin(ctx, { ...call, id, stop }, admittedCall));
      ctx.signal.removeEventListener("abort", callerLeft);
    };
    const kept = { id, ...(call.previousId !== null && { previous: call.previousId }) };
    const answering = gateway.call(own, call.dialect, call.body, { ...options, kept, admitted });
    // What ends the call before it is let in is what the caller is told.
    void answering.then(
      () => letIn.reject(new Error("a call was answered that had not been let in")),
      (error: unknown) => letIn.reject(error),
    );
    try {
      const { answer, run } = await letIn.promise;
      this.#follow(call.owner, { id, stop, work: run.finish(answering).finally(leave) });
      return answer;
    } catch (error) {
      leave();
      throw error;
    } finally {
      ctx.signal.removeEventListener("abort", callerLeft);
    }
  }

  /** Stores a response that was let in. */
  async #begin(
    ctx: Ctx,
    call: BackgroundCall & { readonly id: string; readonly stop: (reason: Fault) => void },
    { facts, call: asked, stamp }: AdmittedCall,
  ): Promise<{ readonly answer: BackgroundAnswer; readonly run: BackgroundRun }> {
    const { store, places, clock, log } = this.#parts;
    const { owner, id, input, previousId, stop } = call;
    ctx.signal.throwIfAborted();
    const createdMs = clock.nowMs();
    const expiresMs = createdMs + this.#parts.keepMs;
    const imprint: Imprint = {
      id,
      object: "response",
      created_at: Math.floor(createdMs / 1000),
      background: true,
      store: true,
      previous_response_id: previousId,
    };
    const pending = { ...frontDialects[call.dialect]?.writePending?.(asked, stamp), ...imprint };
    const running = { ...pending, status: "in_progress" };
    const texts = await keptTexts(id, input, running);
    if (texts === undefined) throw tooLarge();
    const types = asked.stream ? ["response.created", "response.queued", "response.in_progress"] : [];
    const first = await Promise.all(
      types.map(async (type, i) => {
        const response = type === "response.in_progress" ? running : pending;
        return numbered(await eventText({ type, response }), i);
      }),
    );
    const response = { id, previousId, createdMs, expiresMs, ...texts };
    const eventsExpireMs = Math.min(expiresMs, createdMs + eventsMs);
    const run = { runner: this.#runner, leaseMs, places, events: first, eventsExpireMs };
    if (!(await store.begin(owner, response, run))) throw tooMany(places);
    const news = (): void => this.#news.tell(keyOf(owner, id));
    const shared = { store, clock, log, owner, imprint, pending, expiresMs, eventsExpireMs, events: first.length };
    return {
      run: new BackgroundRun({ ...shared, news, stop, isClosing: () => this.#isClosing }),
      answer: asked.stream
        ? { kind: "stream", facts, bytes: eventsOf(ctx, this.#reading(owner, id, -1)) }
        : { kind: "whole", facts, body: Buffer.from(String(await writeInTurns(pending))) },
    };
  }

  /** Keeps a run in mind until it is over. */
  #follow(owner: string, local: Local): void {
    const key = keyOf(owner, local.id);
    this.#local.set(key, local);
    void local.work.then(() => {
      this.#local.delete(key);
      if (this.#local.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
    this.#timer ??= setInterval(() => void this.#renew(), renewEveryMs).unref();
    if (this.#isClosing) local.stop(stopping());
  }

  /** Says that this process is there; what another one has ended is not worked on any more. */
  async #renew(): Promise<void> {
    const { store, log } = this.#parts;
    const under = [...this.#local];
    try {
      const ids = under.map(([, { id }]) => id);
      const mine = await store.renew(this.#runner, ids, leaseMs);
      for (const [, { id, stop }] of under) if (!mine.has(id)) stop(cancelled());
    } catch (error) {
      log.warn({ err: error }, "it could not be said which responses are worked on; trying again");
    }
  }

  /** No one wants a response any more; its end is durable. */
  stop(owner: string, id: string): void {
    this.#local.get(keyOf(owner, id))?.stop(cancelled());
    this.#news.tell(keyOf(owner, id));
  }

  /**
   * The events of a response after a number, as they come.
   * @throws `response.not_streamed` where it has none, or not all of them any more.
   */
  async events(ctx: Ctx, owner: string, id: string, after: number): Promise<AsyncIterable<Buffer>> {
    const reading = this.#reading(owner, id, after);
    await assertThere(ctx, reading);
    return eventsOf(ctx, reading);
  }

  #reading(owner: string, id: string, after: number): EventReading {
    const isWorkedOn = (): Promise<boolean> => this.ends.isWorkedOn(owner, id);
    return { store: this.#parts.store, news: this.#news, name: keyOf(owner, id), owner, id, after, isWorkedOn };
  }

  /** Begins nothing any more. Resolves when nothing is under way here, or after so many milliseconds. */
  async drained(timeoutMs: number): Promise<void> {
    this.#isClosing = true;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    await Promise.race([late, Promise.all([...this.#local.values()].map(({ work }) => work))]);
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    const all = [...this.#local.values()];
    for (const { stop } of all) stop(stopping());
    await Promise.all(all.map(({ work }) => work));
    clearInterval(this.#timer);
  }
}

function keyOf(owner: string, id: string): string {
  return `${owner} ${id}`;
}

function cancelled(): Fault {
  return responseFault("response.cancelled", "the response was cancelled or forgotten meanwhile");
}

function stopping(): Fault {
  return responseFault("response.interrupted", "the server stops", { remedy: "send the request again" });
}

function tooMany(places: number): Fault {
  return responseFault("response.too_many", `${places} responses are worked on in the background`, {
    remedy: "wait until one of them has ended, or cancel one",
  });
}
