// The arriving bytes of one put: counted against the limit, and given up as soon as the caller goes.
import { Fault, faultsOf } from "../../kernel/fault.ts";
import { contentCodes } from "./errors.ts";

const fault = faultsOf(contentCodes);

/** Reads a body piece by piece. `close` must be called whatever happens; it tells the source to stop. */
export interface BodyReader {
  /**
   * The next piece, never empty; undefined at the end.
   * @throws Fault `content.too_large` once more than the limit arrived, `content.aborted` when the source or the caller gave up.
   */
  next(): Promise<Uint8Array | undefined>;
  /** Bytes delivered so far. */
  readonly sizeBytes: number;
  close(): void;
}

/** Opens a body for reading; waiting for the next piece ends when `signal` aborts, even if the source hangs. */
export function openIntake(body: AsyncIterable<Uint8Array>, maxBytes: number, signal: AbortSignal): BodyReader {
  const source = body[Symbol.asyncIterator]();
  let sizeBytes = 0;
  let ended = false;
  let giveUp: ((reason: unknown) => void) | undefined;
  const onAbort = () => giveUp?.(aborted(signal.reason));
  signal.addEventListener("abort", onAbort, { once: true });

  // One promise per piece rather than a race against a shared one, which would hold a reaction per piece for ever.
  const piece = () =>
    new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
      giveUp = reject;
      source.next().then(resolve, (error: unknown) => reject(error instanceof Fault ? error : aborted(error)));
    });

  return {
    async next() {
      while (!ended) {
        if (signal.aborted) throw aborted(signal.reason);
        const { done, value } = await piece();
        ended = done === true;
        if (ended || value.length === 0) continue;
        sizeBytes += value.length;
        if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
        return value;
      }
      return undefined;
    },
    get sizeBytes() {
      return sizeBytes;
    },
    close() {
      signal.removeEventListener("abort", onAbort);
      if (ended) return;
      // Not awaited: a source that hangs in `next` would also hang here.
      Promise.resolve(source.return?.()).catch(() => {});
    },
  };
}

/** Who ended the call from here has said why; everything else is content that stopped arriving. */
function aborted(cause: unknown): Fault {
  if (cause instanceof Fault) return cause;
  return fault("content.aborted", "The content stopped arriving before it was complete.", {}, cause);
}

function tooLarge(maxBytes: number): Fault {
  return fault("content.too_large", `The content is longer than ${maxBytes} bytes.`, {
    limit: `${maxBytes} bytes`,
    remedy: "Send fewer bytes, or split the content into several artifacts.",
  });
}

/** Bytes gathered up to a bound, and the piece that went beyond it, if one did. */
export interface Gathered {
  readonly bytes: Buffer;
  readonly beyond?: Uint8Array;
}

/** Gathers an intake into one buffer until it ends or would pass `maxBytes`. Copies, so sources may reuse theirs. */
export async function gather(intake: BodyReader, maxBytes: number): Promise<Gathered> {
  let buffer: Buffer = Buffer.alloc(0);
  let fill = 0;
  for (;;) {
    const piece = await intake.next();
    if (piece === undefined) return { bytes: buffer.subarray(0, fill) };
    if (fill + piece.length > maxBytes) return { bytes: buffer.subarray(0, fill), beyond: piece };
    if (fill + piece.length > buffer.length) buffer = grown(buffer, fill, fill + piece.length);
    buffer.set(piece, fill);
    fill += piece.length;
  }
}

/** Doubles, so that many small pieces cost linear time; not pooled, so that a slice does not pin other buffers. */
function grown(buffer: Buffer, fill: number, needed: number): Buffer {
  const next = Buffer.allocUnsafeSlow(fill === 0 ? needed : Math.max(needed, buffer.length * 2));
  buffer.copy(next, 0, 0, fill);
  return next;
}
