// Bodies: those that are already in memory, in the shape that streamed ones have, and a look at how one begins.

/** One chunk, as a body. */
export async function* bodyOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

/** First bytes of a body that are looked at: more than any signature of a media type needs. */
const headBytes = 64;

/** A body that passes through, and what it began with. */
export interface WatchedBody extends AsyncIterable<Uint8Array> {
  /** The first bytes that have passed, at most 64, in hexadecimal. */
  firstBytesHex(): string;
}

/** Watches how a body begins while someone else reads it. */
export function watched(body: AsyncIterable<Uint8Array>): WatchedBody {
  let head = Buffer.alloc(0);
  return {
    firstBytesHex: () => head.toString("hex"),
    [Symbol.asyncIterator]() {
      const source = body[Symbol.asyncIterator]();
      return {
        async next() {
          const piece = await source.next();
          if (piece.done !== true && head.length < headBytes) {
            head = Buffer.concat([head, piece.value.subarray(0, headBytes - head.length)]);
          }
          return piece;
        },
        return: async () => (await source.return?.()) ?? { done: true, value: undefined },
      };
    },
  };
}
