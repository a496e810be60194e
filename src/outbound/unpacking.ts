// Answers that are compressed although they were asked for as they are: proxies on the way do that. They are unpacked while they
// are read.
//
// 1. How the bytes are cut into pieces changes nothing, and what can be unpacked of a piece is handed out at once.
// 2. A body that says to be compressed and is not passes as it is: some proxies unpack it and leave the header.
// 3. A short body may unpack to a very long one, so the length of what is unpacked is limited.
import { pipeline, Readable } from "node:stream";
import type { Transform } from "node:stream";
import { constants, createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from "node:zlib";
import { createZstdDecompress } from "node:zlib";
import { collected, oversizeFault, UpstreamFault } from "./upstream.ts";
import type { UpstreamAnswer } from "./upstream.ts";

/** Most bytes that one body may unpack to; a reply that is not streamed has a smaller limit of its own. */
export const maxUnpackedBytes = 256 * 1024 * 1024;
/** Most encodings on top of each other. */
const maxEncodings = 3;

/** Gives a way to unpack by the first bytes; undefined where they are not packed so. */
type Unpacker = (head: Buffer) => Transform | undefined;

// Servers end a packed stream without its trailer when they close the connection; what came until then is whole.
const lenient = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };

const gunzip: Unpacker = (head) => (head[0] === 0x1f && (head[1] ?? 0x8b) === 0x8b ? createGunzip(lenient) : undefined);

/** `deflate` is zlib's format (RFC 9110, 8.4.1.2), and servers send it without its head. */
const inflate: Unpacker = (head) => {
  if (isPlain(head)) return undefined;
  const [first = 0, second] = head;
  const hasHead = (first & 0x0f) === 8 && (second === undefined || ((first << 8) | second) % 31 === 0);
  return hasHead ? createInflate(lenient) : createInflateRaw(lenient);
};

const unbrotli: Unpacker = (head) =>
  isPlain(head)
    ? undefined
    : createBrotliDecompress({
        flush: constants.BROTLI_OPERATION_FLUSH,
        finishFlush: constants.BROTLI_OPERATION_FLUSH,
      });

const unzstd: Unpacker = (head) =>
  head[0] === 0x28 && (head[1] ?? 0xb5) === 0xb5
    ? createZstdDecompress({ flush: constants.ZSTD_e_flush, finishFlush: constants.ZSTD_e_flush })
    : undefined;

const unpackers: ReadonlyMap<string, Unpacker> = new Map([
  ["gzip", gunzip],
  ["x-gzip", gunzip],
  ["deflate", inflate],
  ["br", unbrotli],
  ["zstd", unzstd],
]);

/** Encodings that change nothing, and a charset that some servers write in their place. */
const noEncodings: ReadonlySet<string> = new Set(["", "identity", "none", "utf-8", "utf8"]);

/** Whether a body begins as JSON or as events do; no packed one begins so. */
function isPlain(head: Buffer): boolean {
  return /^(?:\uFEFF?\s*[[{]["\s\]}{[]|data:|event:|:[ \w\n]|id:|retry:)/.test(head.subarray(0, 16).toString("utf8"));
}

/** An answer with its body unpacked. @param encoding What its head says of it. */
export function unpacked(answer: UpstreamAnswer, encoding: string): UpstreamAnswer {
  const names = encoding
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => !noEncodings.has(name));
  return names.length === 0 ? answer : new UnpackedAnswer(answer, names);
}

class UnpackedAnswer implements UpstreamAnswer {
  readonly status: number;
  readonly headers: UpstreamAnswer["headers"];
  readonly #packed: UpstreamAnswer;
  readonly #names: readonly string[];
  #body: AsyncIterable<Buffer> | undefined;

  constructor(packed: UpstreamAnswer, names: readonly string[]) {
    this.status = packed.status;
    this.headers = packed.headers;
    this.#packed = packed;
    this.#names = names;
  }

  get body(): AsyncIterable<Buffer> {
    return (this.#body ??= limited(this.#unpacked()));
  }

  collect(maxBytes: number): Promise<Buffer> {
    return collected(this.body, maxBytes);
  }

  cancel(): void {
    this.#packed.cancel();
  }

  #unpacked(): AsyncIterable<Buffer> {
    let body = this.#packed.body;
    if (this.#names.length > maxEncodings) throw unknownEncoding();
    for (const name of this.#names.toReversed()) {
      const unpacker = unpackers.get(name);
      if (unpacker === undefined) {
        this.cancel();
        throw unknownEncoding();
      }
      body = passedThrough(body, unpacker);
    }
    return body;
  }
}

async function* passedThrough(body: AsyncIterable<Buffer>, unpacker: Unpacker): AsyncGenerator<Buffer, void> {
  const pieces = body[Symbol.asyncIterator]();
  const first = await pieces.next();
  if (first.done === true) return;
  const rest: AsyncIterable<Buffer> = { [Symbol.asyncIterator]: () => pieces };
  async function* whole(): AsyncGenerator<Buffer, void> {
    yield first.value as Buffer;
    yield* rest;
  }
  const transform = unpacker(first.value);
  if (transform === undefined) {
    yield* whole();
    return;
  }
  // What breaks on either side is thrown to anyone who reads.
  pipeline(Readable.from(whole()), transform, () => {});
  try {
    for await (const piece of transform) yield piece as Buffer;
  } catch (error) {
    if (isZlibError(error)) throw garbledFault(error);
    throw error;
  }
}

async function* limited(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > maxUnpackedBytes) throw oversizeFault();
    yield piece;
  }
}

function isZlibError(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" && /^(?:Z_|ERR_|ZSTD_|BROTLI_)/.test(code);
}

const standing = { retryable: true, reachedUpstream: true, hasAnswered: true };

/** Of the cause only its code is kept: it could hold bytes of the answer. */
function garbledFault(error: unknown): UpstreamFault {
  const { code } = error as { readonly code: string };
  const detail = "The provider's answer is compressed and cannot be unpacked.";
  return new UpstreamFault("upstream.garbled", detail, standing, {}, code);
}

function unknownEncoding(): UpstreamFault {
  const detail = "The provider compressed its answer in a way that Charter does not read.";
  return new UpstreamFault("upstream.garbled", detail, standing);
}
