// Server-sent events (WHATWG HTML, section "Server-sent events"), read from chunks of bytes and written as frames.
//
// 1. The blocks of a stream cover its bytes without gap or overlap, so that they can be forwarded as they came.
// 2. How the bytes are cut into chunks changes nothing. A byte is looked at once and copied at most once.
// 3. One event is at most 16 MiB, as a picture in base64 takes; a longer one, or one of very many lines, is refused, so that a
//    stream that never ends an event costs bounded memory and time.
import { modelFault } from "../errors.ts";
import type { SseEvent } from "../conversation.ts";
import { collected } from "../../outbound/index.ts";
import type { UpstreamAnswer } from "../../outbound/index.ts";

/** The most bytes of one event, its line ends included. A chunk of a reply has some hundred, one with a picture millions. */
export const maxEventBytes = 16 * 1024 * 1024;

/** The most lines of one event: they are gone through in one go, and providers write two. */
export const maxEventLines = 65_536;

/** A stretch of a stream that ends with an empty line. */
export interface SseBlock {
  /** The bytes as they came. */
  readonly raw: Buffer;
  /** The same as text. */
  readonly text: string;
  /** What they say; undefined for comments and empty lines. */
  readonly event: SseEvent | undefined;
}

const lf = 0x0a;
const cr = 0x0d;

/** Reads one stream. */
export class SseDecoder {
  /** The bytes of the block that is not finished yet. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** The current line has no byte yet, so that a line end now ends the block. */
  #lineEmpty = true;
  /** The last byte was a carriage return: a line feed that follows belongs to the same line end. */
  #afterCr = false;
  #first = true;

  /**
   * The blocks that end in this chunk.
   * @throws `upstream.garbled` for an event of more than `maxEventBytes`.
   */
  feed(chunk: Buffer): SseBlock[] {
    const blocks: SseBlock[] = [];
    const plain = !this.#afterCr && !chunk.includes(cr);
    const start = plain ? this.#feedPlain(chunk, blocks) : this.#feedAny(chunk, blocks);
    if (start < chunk.length) this.#hold(start === 0 ? chunk : chunk.subarray(start));
    return blocks;
  }

  /** What is left when the stream closes. Servers forget the last empty line, so whole lines count; a cut line does not. */
  close(): SseBlock[] {
    if (this.#heldBytes === 0) return [];
    const whole = this.#lineEmpty;
    const raw = this.#take(Buffer.alloc(0));
    const text = raw.toString("utf8");
    return [{ raw, text, event: whole ? this.#parse(text) : undefined }];
  }

  /** Only line feeds end lines here. Gives where the unfinished rest begins. */
  #feedPlain(chunk: Buffer, blocks: SseBlock[]): number {
    let start = 0;
    let line = 0;
    for (let end = chunk.indexOf(lf); end !== -1; end = chunk.indexOf(lf, line)) {
      if (end === line && this.#lineEmpty) {
        const isAll = start === 0 && end + 1 === chunk.length;
        this.#push(isAll ? chunk : chunk.subarray(start, end + 1), blocks);
        start = end + 1;
      }
      this.#lineEmpty = true;
      line = end + 1;
    }
    if (line < chunk.length) this.#lineEmpty = false;
    return start;
  }

  #feedAny(chunk: Buffer, blocks: SseBlock[]): number {
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      const sameEnd = byte === lf && this.#afterCr;
      this.#afterCr = byte === cr;
      if (sameEnd) continue;
      if (byte !== lf && byte !== cr) {
        this.#lineEmpty = false;
        continue;
      }
      if (this.#lineEmpty) {
        // The second half of this line end, if it is here already, belongs to the block.
        if (byte === cr && chunk[at + 1] === lf) {
          at++;
          this.#afterCr = false;
        }
        this.#push(chunk.subarray(start, at + 1), blocks);
        start = at + 1;
      }
      this.#lineEmpty = true;
    }
    return start;
  }

  #push(tail: Buffer, blocks: SseBlock[]): void {
    const raw = this.#take(tail);
    const text = raw.toString("utf8");
    blocks.push({ raw, text, event: this.#parse(text) });
  }

  #hold(bytes: Buffer): void {
    this.#heldBytes += bytes.length;
    limited(this.#heldBytes);
    this.#held.push(bytes);
  }

  #take(tail: Buffer): Buffer {
    limited(this.#heldBytes + tail.length);
    if (this.#heldBytes === 0) return tail;
    this.#held.push(tail);
    const raw = Buffer.concat(this.#held, this.#heldBytes + tail.length);
    this.#held = [];
    this.#heldBytes = 0;
    return raw;
  }

  #parse(block: string): SseEvent | undefined {
    const text = this.#first && block.startsWith("\uFEFF") ? block.slice(1) : block;
    this.#first = false;
    return parseBlock(text.includes("\r") ? text.replaceAll("\r\n", "\n").replaceAll("\r", "\n") : text);
  }
}

/**
 * Whether bytes begin as a stream of events does, whatever they are labelled: with a field or a comment. Undefined where too
 * little has come to tell.
 */
export function beginsAsEvents(head: Buffer): boolean | undefined {
  const text = head
    .subarray(0, 64)
    .toString("latin1")
    .replace(/^\u00ef\u00bb\u00bf/, "")
    .trimStart();
  if (/^(?:data|event|id|retry)?:/.test(text)) return true;
  const isPart = ["data:", "event:", "id:", "retry:", "\u00ef\u00bb\u00bf"].some((name) => name.startsWith(text));
  return isPart && head.length < 64 ? undefined : false;
}

/** The body of an answer to a call for a stream, and whether it is one; as much of it is read as tells. */
export async function openedAnswer({ body, headers }: Pick<UpstreamAnswer, "body" | "headers">): Promise<{
  readonly rest: Pick<UpstreamAnswer, "body" | "collect">;
  readonly isEvents: boolean;
}> {
  const pieces = body[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  let isEvents: boolean | undefined;
  while (isEvents === undefined) {
    const piece = await pieces.next();
    if (piece.done === true) break;
    head = head.length === 0 ? piece.value : Buffer.concat([head, piece.value]);
    isEvents = beginsAsEvents(head);
  }
  const rest = begunWith(head, pieces);
  const isLabelled = /^text\/event-stream\b/i.test(headers["content-type"] ?? "");
  const isJson = /^\s*[[{]/.test(head.subarray(0, 64).toString("latin1"));
  return {
    rest: { body: rest, collect: (maxBytes) => collected(rest, maxBytes) },
    isEvents: isEvents === true || (isLabelled && !isJson),
  };
}

/** What has been read, and then the pieces that follow. */
function begunWith(head: Buffer, pieces: AsyncIterator<Buffer>): AsyncIterableIterator<Buffer> {
  let isRead = head.length === 0;
  const all: AsyncIterableIterator<Buffer> = {
    next: () => {
      if (isRead) return pieces.next();
      isRead = true;
      return Promise.resolve({ done: false, value: head });
    },
    return: async () => (await pieces.return?.()) ?? { done: true, value: undefined },
    [Symbol.asyncIterator]: () => all,
  };
  return all;
}

function limited(bytes: number): void {
  if (bytes <= maxEventBytes) return;
  const sentence = `an event of the provider's stream is larger than ${maxEventBytes} bytes`;
  throw modelFault("upstream.garbled", sentence, { limit: "maxEventBytes" });
}

/** Reads the fields of one block whose lines end with line feeds. `id` and `retry` mean nothing to a call. */
function parseBlock(text: string): SseEvent | undefined {
  let data: string | undefined;
  let event = "";
  let start = 0;
  let lines = 0;
  for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
    if (++lines > maxEventLines) {
      const sentence = `an event of the provider's stream has more than ${maxEventLines} lines`;
      throw modelFault("upstream.garbled", sentence, { limit: "maxEventLines" });
    }
    if (text.startsWith("data", start)) {
      const value = fieldValue(text, start + "data".length, end);
      if (value !== undefined) data = data === undefined ? value : `${data}\n${value}`;
    } else if (text.startsWith("event", start)) {
      event = fieldValue(text, start + "event".length, end) ?? event;
    }
    start = end + 1;
  }
  if (data === undefined) return undefined;
  return event === "" ? { data } : { event, data };
}

/** What follows a field's name: nothing, or a colon and the value without one leading space. */
function fieldValue(text: string, at: number, end: number): string | undefined {
  if (at === end) return "";
  if (text[at] !== ":") return undefined;
  return text.slice(text[at + 1] === " " ? at + 2 : at + 1, end);
}

/** One event as a frame. */
export function sseFrame(data: string, event?: string): string {
  const lines = data.includes("\n") || data.includes("\r") ? data.replaceAll(/\r\n|\r|\n/g, "\ndata: ") : data;
  return event === undefined ? `data: ${lines}\n\n` : `event: ${event}\ndata: ${lines}\n\n`;
}
