// Reads a streamed answer from an upstream: bytes in, pieces out, with the bytes that each piece came in.
//
// 1. `begin` resolves with the first piece that says something; a stream that fails or ends before that has not begun.
// 2. A stream is pulled: nothing is read before a batch is asked for.
// 3. A stream that stops without an end is a failure, unless the model had said why it stopped.
// 4. What Charter says of a call in a comment, no one else says in its name: such comments of an upstream are left out.
import { ReportedFault, SseDecoder, sseFrame } from "../models/index.ts";
import type { Fault } from "../kernel/fault.ts";
import { yieldToEventLoop, TimeSlice } from "../kernel/time-slice.ts";
import type { Provider, StreamEvent, StreamReader, SseBlock } from "../models/index.ts";
import type { UpstreamResponse } from "../deployments/index.ts";
import { reportedFault, StreamCutShort } from "../deployments/index.ts";

/** One block of a stream with what it says. */
export interface Item {
  /** The bytes as they came; absent when the pieces do not come from an upstream. */
  readonly raw?: Buffer;
  /** The same as text, where it was read. */
  readonly text?: string;
  readonly pieces: readonly StreamEvent[];
}

/** The stream of one answer. */
export class UpstreamStream {
  readonly #provider: Provider;
  readonly #landing: UpstreamResponse;
  readonly #reader: StreamReader;
  readonly #decoder = new SseDecoder();
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #stretch = new TimeSlice();
  /** What is left of the last chunk. */
  #rest: Buffer | undefined;
  #first: Item[] | undefined;
  /** An error that the stream has reported and that is still to be thrown. */
  #failure: Fault | undefined;
  #finished = false;
  #ended = false;
  #closed = false;

  /** @param provider Who says it; its keys are taken out of what it says of its errors. */
  constructor(landing: UpstreamResponse, body: AsyncIterable<Buffer>, reader: StreamReader, provider: Provider) {
    this.#provider = provider;
    this.#landing = landing;
    this.#reader = reader;
    this.#chunks = body[Symbol.asyncIterator]();
  }

  /**
   * Reads until the stream has said something.
   * @param heard Told whenever the provider writes something before that.
   * @throws What kept it from beginning, while nothing has been shown.
   */
  async begin(heard: () => void = () => {}): Promise<void> {
    const held: Item[] = [];
    let heldBytes = 0;
    let wasAtWork = false;
    for (;;) {
      const items = await this.#pull();
      if (items === undefined) throw nothingSaid();
      for (const item of items) {
        held.push(item);
        heldBytes += item.raw?.length ?? 0;
      }
      const pieces = items.flatMap((item) => item.pieces);
      const failedAt = pieces.findIndex(({ kind }) => kind === "error");
      const error = pieces[failedAt];
      if (error?.kind === "error") {
        // What was written before an error is paid for and passed on; the error follows it.
        wasAtWork ||= pieces.slice(0, failedAt).some(isOutput);
        if (!wasAtWork) throw new ReportedFault(error);
      }
      wasAtWork ||= pieces.some(isOutput);
      if (error !== undefined || pieces.some(({ kind }) => kind !== "usage" && kind !== "end")) {
        this.#first = held;
        this.#landing.answer.begun?.();
        return;
      }
      heard();
      if (pieces.length > 0 && pieces.at(-1)?.kind === "end") throw nothingSaid();
      if (heldBytes > maxSilentBytes) {
        throw new StreamCutShort("upstream.garbled", `the provider's stream says nothing in ${maxSilentBytes} bytes`);
      }
    }
  }

  /** The next blocks; undefined at the good end. @throws The upstream's failure, also for an error that the stream reports. */
  async next(): Promise<readonly Item[] | undefined> {
    if (this.#failure !== undefined) throw this.#failure;
    const items = this.#first ?? (this.#ended ? undefined : await this.#pull());
    this.#first = undefined;
    if (items === undefined) return undefined;
    for (const { pieces } of items) {
      for (const piece of pieces) {
        if (piece.kind === "finish") this.#finished = true;
        if (piece.kind === "end") this.#ended = true;
        if (piece.kind === "error") return this.#before(items, piece);
      }
    }
    return items;
  }

  /** What came before an error, which is passed on first, without the block that says it. @throws The error where nothing did. */
  #before(items: readonly Item[], error: Extract<StreamEvent, { readonly kind: "error" }>): readonly Item[] {
    const i = items.findIndex(({ pieces }) => pieces.includes(error));
    const pieces = items[i]?.pieces ?? [];
    const at = pieces.indexOf(error);
    const failure = reportedFault(this.#provider, error);
    if (i + at === 0) throw failure;
    this.#failure = failure;
    return [...items.slice(0, i), ...(at === 0 ? [] : [{ raw: Buffer.alloc(0), pieces: pieces.slice(0, at) }])];
  }

  /** The answer has been passed on to its end: the connection is free as soon as the rest of the body is in. */
  complete(): void {
    this.#landing.complete();
    void this.#drain();
  }

  /** The stream is given up. */
  broke(error: unknown): void {
    this.#landing.broke(error);
  }

  async #pull(): Promise<Item[] | undefined> {
    const bytes = await this.#bytes();
    const blocks: readonly SseBlock[] = bytes === undefined ? this.#decoder.close() : this.#decoder.feed(bytes);
    const isOver = this.#stretch.isOver((bytes?.length ?? 0) + blocks.length * blockWork);
    if (isOver) await yieldToEventLoop(this.#stretch);
    const items: Item[] = this.#items(blocks);
    if (bytes !== undefined) return items;
    const last = this.#closed ? [] : this.#reader.close();
    if (last.length > 0) items.push(...itemsOf(Buffer.alloc(0), last, this.#reader.mended));
    this.#closed = true;
    if (items.length > 0) return items;
    if (!this.#ended && !this.#finished && this.#first === undefined) {
      throw new StreamCutShort("upstream.failed", "the provider's stream stopped before its end", "no end");
    }
    return undefined;
  }

  /** Blocks with what they say; those in a row that say nothing are one item. */
  #items(blocks: readonly SseBlock[]): Item[] {
    const items: Item[] = [];
    let silent: Buffer[] = [];
    const flush = (): void => {
      if (silent.length > 0) items.push({ raw: Buffer.concat(silent), pieces: [] });
      silent = [];
    };
    for (const block of blocks) {
      const raw = ownWords(block);
      if (block.event === undefined) {
        silent.push(raw);
        continue;
      }
      flush();
      const pieces = this.#reader.read(block.event);
      const { mended } = this.#reader;
      if (mended === undefined && raw === block.raw) items.push({ raw, text: block.text, pieces });
      else items.push(...itemsOf(raw, pieces, mended));
    }
    flush();
    return items;
  }

  /** The next bytes, of a long chunk a part: it may hold tens of thousands of events. Undefined at the end. */
  async #bytes(): Promise<Buffer | undefined> {
    let bytes = this.#rest;
    if (bytes === undefined) {
      const chunk = await this.#chunks.next();
      if (chunk.done === true) return undefined;
      bytes = chunk.value;
    }
    this.#rest = bytes.length > partBytes ? bytes.subarray(partBytes) : undefined;
    return this.#rest === undefined ? bytes : bytes.subarray(0, partBytes);
  }

  /** What follows the end says nothing; it is taken so that the connection can be used again, or dropped. */
  async #drain(): Promise<void> {
    try {
      for (let i = 0; i < maxTrailingChunks; i++) if ((await this.#chunks.next()).done === true) return;
      this.#landing.answer.cancel();
    } catch {
      // The answer was complete before this.
    }
  }
}

/** Bytes that are decoded in one go; they hold at most as many events, which takes some milliseconds. */
const partBytes = 4096;
/** What a block counts for on top of its bytes, in characters that are looked at meanwhile. */
const blockWork = 256;

/** Most bytes before the first piece that says something; what keeps a connection awake for minutes is a few thousand. */
const maxSilentBytes = 1024 * 1024;
/** Most chunks after the end of a stream that are waited for before its connection is closed. */
const maxTrailingChunks = 4;

/** The bytes of a block without comments that could be taken for Charter's own. */
function ownWords({ raw, text, event }: SseBlock): Buffer {
  if (!text.includes("charter") || !likeOurs.test(text)) return raw;
  return event === undefined ? Buffer.alloc(0) : Buffer.from(sseFrame(event.data, event.event));
}

/** A comment as `factsComment` writes it, with whatever white space. */
const likeOurs = /(?:^\uFEFF?|[\r\n]):[ \t]*charter/;

/** The items of one event: as it came, or as its reader put it right. */
function itemsOf(raw: Buffer, pieces: Item["pieces"], mended: StreamReader["mended"]): readonly Item[] {
  if (mended === undefined) return [{ raw, pieces }];
  const frames = mended.map(({ data, event }) => Buffer.from(data === "" ? "" : sseFrame(data, event)));
  const last = frames.pop() ?? raw;
  if (frames.length === 0) return [{ raw: last, pieces }];
  return [
    { raw: Buffer.concat(frames), pieces: pieces.slice(0, -1) },
    { raw: last, pieces: pieces.slice(-1) },
  ];
}

/** Whether a piece shows that the model has written something. */
function isOutput(piece: StreamEvent): boolean {
  if ("text" in piece) return piece.text !== "";
  if (piece.kind !== "usage") return piece.kind === "tool_start" || piece.kind === "image";
  return saysOutput(piece.raw);
}

/** Whether an account shows that the model has written something. */
export function saysOutput(account: Readonly<Record<string, unknown>>): boolean {
  return outputFields.some((field) => Number(account[field]) > 0);
}

/** Where the APIs say how many tokens were written. */
const outputFields = ["completion_tokens", "output_tokens", "candidatesTokenCount", "thoughtsTokenCount"];

function nothingSaid(): Fault {
  return new StreamCutShort("upstream.garbled", "the provider's stream ended before it began", "no reply");
}
