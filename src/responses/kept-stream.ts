// A streamed response on its way to its caller, of which the end is kept before it leaves.
import { isItem, parsed } from "./kept-text.ts";

/** A stream whose last bytes leave when its response is kept. */
export async function* keptAtTheEnd(
  bytes: AsyncIterable<Buffer>,
  keep: (response: unknown) => Promise<void>,
): AsyncGenerator<Buffer, void> {
  for await (const piece of bytes) {
    const response =
      piece.includes('"response.completed"') || piece.includes('"response.incomplete"')
        ? await responseIn(piece)
        : undefined;
    if (response !== undefined) await keep(response);
    yield piece;
  }
}

/** The whole response in frames that hold the end of a stream. */
async function responseIn(frames: Buffer): Promise<unknown> {
  for (const frame of frames.toString("utf8").split(/\r?\n\r?\n/)) {
    const data = frame
      .split(/\r?\n/)
      .filter((line) => line.startsWith("data:"))
      .map((line) => line.slice("data:".length))
      .join("\n");
    if (!data.includes('"response.completed"') && !data.includes('"response.incomplete"')) continue;
    const event = await parsed(Buffer.from(data));
    if (isItem(event) && (event["type"] === "response.completed" || event["type"] === "response.incomplete")) {
      return event["response"];
    }
  }
  return undefined;
}
