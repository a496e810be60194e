// Bodies that are already in memory, in the shape that streamed ones have.

/** One chunk, as a body. */
export async function* bodyOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}
