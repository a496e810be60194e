// A streamed account costs what the whole one costs.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mergeUsage, openPrices } from "./index.ts";

const prices = openPrices({ clock: { nowMs: () => Date.parse("2026-06-01T12:00:00Z") } });

/** A whole account as it stands in an answer of Anthropic's that was not streamed. */
const account = fc
  .record({
    plain: fc.nat(400_000),
    read: fc.nat(400_000),
    write5m: fc.nat(100_000),
    write1h: fc.nat(100_000),
    output: fc.nat(100_000),
    searches: fc.nat(9),
  })
  .map(({ plain, read, write5m, write1h, output, searches }) => ({
    input_tokens: plain,
    cache_read_input_tokens: read,
    cache_creation_input_tokens: write5m + write1h,
    cache_creation: { ephemeral_5m_input_tokens: write5m, ephemeral_1h_input_tokens: write1h },
    output_tokens: output,
    server_tool_use: { web_search_requests: searches, web_fetch_requests: 0 },
  }));

describe("a streamed account", () => {
  it("costs what the whole one costs, however Anthropic spreads it over its frames", () => {
    const models = fc.constantFrom("claude-sonnet-4-5", "claude-3-5-haiku-latest", "claude-opus-4-1");
    const early = fc.record({ shown: fc.nat(10), repeats: fc.boolean(), nulls: fc.boolean(), deltas: fc.nat(3) });
    fc.assert(
      fc.property(account, models, early, (whole, model, { shown, repeats, nulls, deltas }) => {
        const { output_tokens: total, server_tool_use: tools, ...prompt } = whole;
        let merged = mergeUsage(null, { ...prompt, output_tokens: Math.min(shown, total), service_tier: "standard" });
        for (let i = 1; i <= deltas; i++) {
          merged = mergeUsage(merged, { output_tokens: Math.floor((total * i) / (deltas + 1)), server_tool_use: null });
        }
        const absent = nulls ? { input_tokens: null, cache_read_input_tokens: null } : {};
        const last = { ...absent, ...(repeats ? prompt : {}), output_tokens: total, server_tool_use: tools };
        merged = mergeUsage(merged, last);
        expect(prices.price("anthropic", model, merged)).toEqual(prices.price("anthropic", model, whole));
      }),
    );
  });

  it("costs what the last of Gemini's running totals says", () => {
    const counts = fc.array(fc.tuple(fc.nat(1000), fc.nat(1000)), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.nat(300_000), counts, (prompt, steps) => {
        let [answer, thoughts] = [0, 0];
        let merged: Record<string, unknown> = {};
        let frame = {};
        for (const [more, thought] of steps) {
          answer += more;
          thoughts += thought;
          frame = { promptTokenCount: prompt, candidatesTokenCount: answer, thoughtsTokenCount: thoughts };
          merged = mergeUsage(merged, frame);
        }
        expect(prices.price("google", "gemini-2.5-pro", merged)).toEqual(
          prices.price("google", "gemini-2.5-pro", frame as Record<string, unknown>),
        );
      }),
    );
  });
});

describe("two accounts merged", () => {
  it("hold what the later one says and keep what it leaves out", () => {
    const earlier = { a: 1, b: 2, deep: { x: 1, y: 2 }, list: [1, 2] };
    const later = { a: 5, b: null, c: null, deep: { y: 7 }, list: [3] };
    expect(mergeUsage(earlier, later)).toEqual({ a: 5, b: 2, c: null, deep: { x: 1, y: 7 }, list: [3] });
    expect(earlier).toEqual({ a: 1, b: 2, deep: { x: 1, y: 2 }, list: [1, 2] });
    expect(mergeUsage(null, null)).toEqual({});
  });

  it("never reach the prototype of objects", () => {
    const hostile = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}') as object;
    const merged = mergeUsage({ a: 1 }, { ...hostile });
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("end on accounts that nest without end", () => {
    let deep: Record<string, unknown> = {};
    for (let i = 0; i < 100_000; i++) deep = { deep };
    expect(mergeUsage(deep, deep)).toHaveProperty("deep");
  });
});
