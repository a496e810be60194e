// The recorded streams of providers mean the same behind every front door, wherever their bytes are cut.
import { readdirSync, readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainCall } from "../../test/support/gateway/model-call.ts";
import type { DialectName, StreamEvent } from "./conversation.ts";
import { frontDialects, upstreamDialects } from "./dialect-tables.ts";
import { SseDecoder } from "./wire/sse.ts";

const folder = new URL("fixtures/", import.meta.url);
const prefixes: Readonly<Record<string, DialectName>> = {
  "openai-chat": "openai-chat",
  "openai-responses": "openai-responses",
  anthropic: "anthropic-messages",
  gemini: "gemini",
};
const streams = readdirSync(folder)
  .filter((name) => name.endsWith(".sse"))
  .map((name) => [name, Object.entries(prefixes).find(([prefix]) => name.startsWith(prefix))?.[1]] as const);
const fronts = ["openai-chat", "anthropic-messages", "openai-responses"] as const;

/** What a reader makes of pieces of bytes: what it says, and the events that it put right. */
function read(name: DialectName, chunks: readonly Buffer[]): { pieces: StreamEvent[]; mended: unknown[] } {
  const reader = upstreamDialects[name]!.streamReader({ id: "made" });
  const decoder = new SseDecoder();
  const pieces: StreamEvent[] = [];
  const mended: unknown[] = [];
  for (const { event } of [...chunks.flatMap((chunk) => decoder.feed(chunk)), ...decoder.close()]) {
    if (event === undefined) continue;
    pieces.push(...reader.read(event));
    mended.push(reader.mended);
  }
  return { pieces: [...pieces, ...reader.close()], mended };
}

describe.each(streams)("%s", (file, name) => {
  const bytes = readFileSync(new URL(file, folder));

  it("is told the same to callers of every API, wherever it is cut", () => {
    if (name === undefined) throw new Error(`${file} is of no known API`);
    const whole = read(name, [bytes]);
    const told = (pieces: readonly StreamEvent[]): string[] =>
      fronts.map((front) => {
        const writer = frontDialects[front]!.streamWriter(plainCall(), { id: "made", createdMs: 0 });
        return pieces.map((piece) => writer.write(piece)).join("");
      });
    const asked = told(whole.pieces);
    const cuts = fc.uniqueArray(fc.nat(bytes.length), { maxLength: 40 });
    fc.assert(
      fc.property(cuts, (places) => {
        const sorted = [0, ...places.toSorted((a, b) => a - b), bytes.length];
        const cut = read(
          name,
          sorted.slice(1).map((end, i) => bytes.subarray(sorted[i], end)),
        );
        expect(cut).toEqual(whole);
        expect(told(cut.pieces)).toEqual(asked);
      }),
      { numRuns: 40 },
    );
  });
});
