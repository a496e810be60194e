// Lines of JSON on stdin, for commands that answer each with a line.

import { maxJsonBodyBytes } from "../kernel/limits.ts";

/** Longest line that is read, UTF-16 units: what a document may measure in bytes. A longer one is given as far as it came. */
export const maxLineLength = maxJsonBodyBytes;

/** The lines of a stream, as many at a time as have arrived; the last one may lack its end. */
export async function* linesOf(stream: NodeJS.ReadableStream): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    // Only LF ends a line: readline would also cut at U+2028, which JSON allows inside text.
    const lines = (rest + (typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true }))).split("\n");
    rest = lines.pop() ?? "";
    yield lines;
    if (rest.length > maxLineLength) {
      yield [rest];
      return;
    }
  }
  yield [rest + decoder.decode()];
}
