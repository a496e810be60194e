// An answer that does not come from an upstream, as a source of pieces: kept, whole, or another call's.
import { modelFault } from "../models/index.ts";
import { piecesOf } from "../answer-cache/index.ts";
import type { Reply, StreamEvent } from "../models/index.ts";
import { yieldToEventLoop, TimeSlice } from "../kernel/time-slice.ts";
import type { Item } from "./upstream-stream.ts";
import type { Source } from "./streaming.ts";

/** Pieces one after the other. @throws `dialect.unsupported` for a reply that cannot be streamed. */
export function piecesSource(from: Reply | readonly StreamEvent[] | AsyncIterable<StreamEvent>): Source {
  if (Symbol.asyncIterator in from) return new LiveSource(from);
  const pieces = "choices" in from ? piecesOf(from) : from;
  if (pieces === undefined) throw modelFault("dialect.unsupported", "this reply cannot be streamed");
  const stretch = new TimeSlice();
  let at = 0;
  return {
    next: async () => {
      if (at >= pieces.length) return undefined;
      const items: Item[] = pieces.slice(at, at + piecesAtOnce).map((piece) => ({ pieces: [piece] }));
      at += piecesAtOnce;
      if (stretch.isOver(items.length * pieceWork)) await yieldToEventLoop(stretch);
      return items;
    },
    complete: () => {},
    broke: () => {},
  };
}

/** Pieces that are written in one go. */
const piecesAtOnce = 512;
/** What a piece counts for, in characters that are looked at meanwhile. */
const pieceWork = 256;

class LiveSource implements Source {
  readonly #pieces: AsyncIterator<StreamEvent>;
  readonly #stretch = new TimeSlice();

  constructor(pieces: AsyncIterable<StreamEvent>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  async next(): Promise<readonly Item[] | undefined> {
    const piece = await this.#pieces.next();
    if (this.#stretch.isOver(pieceWork)) await yieldToEventLoop(this.#stretch);
    return piece.done === true ? undefined : [{ pieces: [piece.value] }];
  }

  complete(): void {
    this.#leave();
  }

  broke(): void {
    this.#leave();
  }

  #leave(): void {
    // The leader pays and goes on; only this reader leaves.
    this.#pieces.return?.().catch(() => {});
  }
}
