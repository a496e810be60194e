// Waiting, but not for ever.

/** Waits for an answer, but not for longer than so many milliseconds. What comes later is dropped. */
export async function within<T>(limitMs: number, answer: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  // A busy process may notice the time before the answer that already lies in the socket: it reads that first.
  const timer = setTimeout(() => setImmediate(() => reject(new Error(`no answer in ${limitMs} ms`))), limitMs);
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
