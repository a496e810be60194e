// Reads the events of a response in the background as they come, in whichever process they are written.
import { endOf } from "../kernel/credential.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { sseFrame } from "../models/index.ts";
import type { BackgroundStore } from "./background-store.ts";
import { responseFault } from "./errors.ts";
import type { News } from "./news.ts";
import { frameOf, isLast } from "./response-events.ts";

/** Most events that are read at once. */
const eventsAtOnce = 200;
/** How often a reader looks for what another process has written, milliseconds. */
const lookEveryMs = 1000;
/** Longest silence of a stream, milliseconds: below the ten seconds after which the strictest proxies give up. */
const quietMs = 8000;

/** Whose events are read, from which number on, with what. */
export interface EventReading {
  readonly store: BackgroundStore;
  readonly news: News;
  /** The name under which news of the response is told. */
  readonly name: string;
  readonly owner: string;
  readonly id: string;
  readonly after: number;
  /** Whether there may be more. */
  readonly isWorkedOn: () => Promise<boolean>;
}

/** @throws `response.not_streamed` where there are no such events, or not all of them any more. */
export async function assertThere(ctx: Ctx, { store, owner, id, after }: EventReading): Promise<void> {
  const newest = await store.newestEvent(owner, id);
  const [next] = await store.events(owner, id, after, 1, ctx.clock.nowMs());
  if (newest >= 0 && (next === undefined ? newest <= after : next.sequence === after + 1)) return;
  throw responseFault("response.not_streamed", "the response has no events, or not all of these any more", {
    remedy: "ask for the response without `stream`",
  });
}

/** The events as frames, up to the last one; ends early when the reader's call does. */
export async function* eventsOf(ctx: Ctx, reading: EventReading): AsyncGenerator<Buffer, void> {
  const { store, owner, id } = reading;
  using watch = reading.news.watch(reading.name);
  let [at, isLastLook, saidMs] = [reading.after, false, performance.now()];
  while (!ctx.signal.aborted) {
    watch.seen();
    const events = await store.events(owner, id, at, eventsAtOnce, ctx.clock.nowMs());
    for (const { event, sequence } of events) {
      yield frameOf(event);
      if (isLast(event)) return;
      [at, saidMs] = [sequence, performance.now()];
    }
    if (events.length > 0) continue;
    if (isLastLook) return;
    if (!(await reading.isWorkedOn())) {
      // Its end may have been written since the look.
      isLastLook = true;
      continue;
    }
    await watch.next(lookEveryMs, ctx.signal);
    if (performance.now() - saidMs < quietMs) continue;
    yield Buffer.from(": keep-alive\n\n");
    saidMs = performance.now();
  }
  const end = endOf(ctx.signal);
  if (end === undefined) return;
  const said = { type: "error", code: end.code, message: end.message, param: null, sequence_number: at + 1 };
  yield Buffer.from(sseFrame(JSON.stringify(said), "error"));
}
