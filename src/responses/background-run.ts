// One response that is worked on while no one waits: its answer is read to the end, its events are stored as they come, and its end
// is written once. Nothing of it is seen by anybody before it is durable.
import type { ModelAnswer } from "../gateway/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import { SseDecoder } from "../models/index.ts";
import type { BackgroundStore } from "./background-store.ts";
import { responseFault } from "./errors.ts";
import { answerText, isItem, maxKeptResponseBytes, parsed, textOfEnd } from "./kept-text.ts";
import { eventText, heard, numbered } from "./response-events.ts";
import type { Imprint } from "./response-events.ts";
import type { Item } from "./store.ts";

/** Most bytes of events of one response: several times what it may say, since each word comes in a frame of its own. */
const maxEventBytes = 8 * maxKeptResponseBytes;
/** Most characters of events that wait for being stored before the provider has to wait, too. */
const mostWaiting = 256 * 1024;
/** How often the end of a response is tried to be written while the database does not answer, and the pauses, milliseconds. */
const endPausesMs = [100, 1000, 5000, 10_000] as const;

/** What a run works with. */
export interface RunParts {
  readonly store: BackgroundStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly owner: string;
  readonly imprint: Imprint;
  /** The response as it stands while it is worked on. */
  readonly pending: Item;
  /** Until when it is kept, and its events, Unix milliseconds. */
  readonly expiresMs: number;
  readonly eventsExpireMs: number;
  /** How many events it has. */
  readonly events: number;
  /** Told when there is something new to read. */
  readonly news: () => void;
  /** Ends the call. */
  readonly stop: (reason: Fault) => void;
  /** Whether the server stops. */
  readonly isClosing: () => boolean;
}

/** One run. */
export class BackgroundRun {
  readonly #parts: RunParts;
  #waiting: string[] = [];
  #waitingChars = 0;
  #bytes = 0;
  #next: number;
  #storing: Promise<void> | undefined;
  #trouble: unknown;

  constructor(parts: RunParts) {
    this.#parts = parts;
    this.#next = parts.events;
  }

  /** Resolves when the response has its end; never rejects. */
  async finish(answering: Promise<ModelAnswer>): Promise<void> {
    const { log, imprint, news } = this.#parts;
    try {
      await this.#end(await this.#answered(answering).catch((error: unknown) => this.#failed(error)));
    } catch (error) {
      log.error(
        { err: error, response: imprint.id },
        "the end of a response could not be written; it counts as failed",
      );
    } finally {
      news();
    }
  }

  /** The response as it was answered. @throws What kept it from being answered. */
  async #answered(answering: Promise<ModelAnswer>): Promise<Item> {
    const answer = await answering;
    if (answer.kind === "stream") return this.#streamed(answer.bytes);
    const said = await parsed(answer.body);
    if (!isItem(said)) throw tooLarge();
    return { ...said, ...this.#parts.imprint };
  }

  async #streamed(bytes: AsyncIterable<Buffer>): Promise<Item> {
    const decoder = new SseDecoder();
    let end: Item | undefined;
    for await (const piece of bytes) {
      for (const { event } of decoder.feed(piece)) {
        if (event === undefined || event.data === "") continue;
        if (event.data.length > maxKeptResponseBytes) throw tooLarge();
        const said = await heard(event.data, this.#parts.imprint);
        if (said?.kind === "end") end ??= said.response;
        else if (said !== undefined && end === undefined) await this.#add(said.event);
      }
    }
    await this.#stored();
    return end ?? this.#failed(responseFault("response.interrupted", "the answer broke off before its end"));
  }

  /** Takes note of an event; waits where too many do. */
  async #add(event: Item): Promise<void> {
    const text = await eventText(event);
    this.#bytes += text.length;
    if (this.#bytes > maxEventBytes) {
      this.#parts.stop(tooLarge());
      throw tooLarge();
    }
    this.#waiting.push(text);
    this.#waitingChars += text.length;
    this.#storing ??= this.#store();
    if (this.#waitingChars > mostWaiting) await this.#stored();
  }

  /** Stores what waits, and what comes meanwhile: the longer the database takes, the more goes at once. */
  async #store(): Promise<void> {
    const { store, owner, imprint, eventsExpireMs: expiresMs, news, stop } = this.#parts;
    try {
      while (this.#waiting.length > 0) {
        const events = this.#waiting.map((text, i) => numbered(text, this.#next + i));
        this.#waiting = [];
        this.#waitingChars = 0;
        if (!(await store.append({ owner, id: imprint.id, expiresMs }, events, this.#next))) {
          throw responseFault("response.cancelled", "the response has ended meanwhile");
        }
        this.#next += events.length;
        news();
      }
    } catch (error) {
      this.#trouble ??= error;
      stop(error instanceof Fault ? error : responseFault("response.interrupted", "its events could not be stored"));
    } finally {
      this.#storing = undefined;
    }
  }

  /** Resolves when all events are durable. @throws Why they cannot be. */
  async #stored(): Promise<void> {
    while (this.#storing !== undefined) await this.#storing;
    if (this.#trouble !== undefined) throw this.#trouble;
  }

  #failed(error: unknown): Item {
    const { log, imprint, pending } = this.#parts;
    if (error instanceof Fault) return failedResponse(pending, error);
    log.error({ err: error, response: imprint.id }, "a response in the background failed inside");
    return failedResponse(pending, { code: "internal.error", message: "something failed inside" });
  }

  async #end(response: Item): Promise<void> {
    const { store, owner, imprint, expiresMs, pending, isClosing } = this.#parts;
    const { status } = response;
    // A provider that says that it is still at work has answered all the same, and will say nothing more.
    const endless = responseFault("response.interrupted", "the answer has not the status of an end");
    const ended = isEnd(status) ? response : failedResponse(pending, endless);
    const hasAnswer = ended["status"] === "completed" || ended["status"] === "incomplete";
    const kept = hasAnswer ? await answerText(ended) : await textOfEnd(ended);
    const fitting = kept === undefined ? failedResponse(pending, tooLarge()) : ended;
    const text = kept ?? (await textOfEnd(fitting));
    const event = await endEvent(fitting);
    const end = { answer: { id: imprint.id, expiresMs, ...text }, event: (n: number) => numbered(event, n) };
    for (let tries = 0; ; tries++) {
      try {
        await store.end(owner, end);
        return;
      } catch (error) {
        const pauseMs = endPausesMs[tries];
        // A server that closes does not wait for its database: the next one to start ends what was left.
        if (pauseMs === undefined || isClosing()) throw error;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }
}

function isEnd(status: unknown): boolean {
  return ["completed", "incomplete", "failed", "cancelled"].some((each) => each === status);
}

/** A response that failed. */
export function failedResponse(
  pending: Item,
  { code, message }: { readonly code: string; readonly message: string },
): Item {
  return { ...pending, status: "failed", error: { code, message } };
}

/** The text of a stream's last event, without its number. The API has no event for a cancelled response: its status says it. */
export async function endEvent(response: Item): Promise<string> {
  const { status } = response;
  const type = status === "completed" || status === "incomplete" ? status : "failed";
  return eventText({ type: `response.${type}`, response });
}

/** Refuses what is larger than is kept. */
export function tooLarge(): Fault {
  return responseFault("response.too_large", `the response is larger than ${maxKeptResponseBytes} bytes`);
}
