// A replay of work that looks like real work: few calls are most of the calls, new ones keep coming, several products
// ask alike, and answers take time, so that the same call comes again while it is under way.
import { describe, expect, it } from "vitest";
import { testAnswer, testCall, testQuery, textOf } from "../../test/contract/answer-cache.ts";
import { silentLog } from "../kernel/ctx.ts";
import { addressOf, partitionOf } from "./address.ts";
import { AnswerCache } from "./answer-cache.ts";
import { canonicalCall } from "./canonical-call.ts";
import type { Producer } from "./single-flight.ts";
import { lifetimeMsOf } from "./lifetimes.ts";
import { MemoryCache } from "./memory-cache.ts";

/** A small generator of numbers in [0, 1) with a seed (mulberry32), so that every run replays the same work. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Call {
  readonly product: string;
  readonly question: number;
}

/**
 * Calls of which 90 in 100 were made before by the same product: those that were asked first are asked most, as the
 * square of an even number prefers low ranks. All products ask the same questions.
 */
function* skewedCalls(count: number, products: readonly string[], random: () => number): Generator<Call> {
  const asked = new Map(products.map((product) => [product, 0]));
  for (let i = 0; i < count; i++) {
    const product = products[Math.floor(random() * products.length)] ?? "";
    const known = asked.get(product) ?? 0;
    if (known === 0 || random() < 0.1) {
      asked.set(product, known + 1);
      yield { product, question: known };
    } else {
      yield { product, question: Math.floor(random() ** 2 * known) };
    }
  }
}

/** Makes the calls one after the other, with up to `latency` calls between a question and its answer. */
async function replay(count: number, maxBytes: number, latency: number) {
  let nowMs = Date.UTC(2026, 0, 1);
  const clock = { nowMs: () => nowMs };
  const random = randomOf(7);
  const cache = new AnswerCache({ near: new MemoryCache({ clock, maxBytes }), clock, log: silentLog });
  const open: { readonly lead: Producer; readonly text: string; readonly due: number }[] = [];
  const followers: Promise<void>[] = [];
  let answered = 0;
  let wrong = 0;
  let mostBytes = 0;
  let i = 0;
  for (const { product, question } of skewedCalls(count, ["red", "green", "blue", "gold"], random)) {
    nowMs += 5;
    while (open[0] !== undefined && open[0].due <= i) {
      const { lead, text } = open.shift() ?? open[0];
      lead.settle(testAnswer(text));
    }
    const messages = [{ role: "user", content: `What about ${question}?` }];
    const canonical = canonicalCall(testCall({ model: "m", messages, user: String(i) }), { strategy: "balanced" });
    if (canonical === undefined) throw new Error("the call has no digest");
    const partition = partitionOf(product);
    const address = addressOf({ partition, type: "completion", constitutionHash: "c1", canonical });
    const text = `${product} ${question} ${"word ".repeat(question % 200)}`;
    const answer = async () => {
      const turn = await cache.ask(testQuery(address, { ttlMs: lifetimeMsOf("completion") }));
      answered++;
      if (turn.kind === "lead") open.push({ lead: turn.lead, text, due: i + Math.floor(random() * latency) });
      else if (turn.kind !== "hit" || textOf(turn.answer) !== text) wrong++;
    };
    followers.push(answer());
    await Promise.resolve();
    mostBytes = Math.max(mostBytes, cache.stats().near.bytes);
    i++;
  }
  for (const { lead, text } of open) lead.settle(testAnswer(text));
  await Promise.all(followers);
  const { hits, coalesced, misses } = cache.stats();
  return { ratio: (hits + coalesced) / (hits + coalesced + misses), coalesced, answered, wrong, mostBytes };
}

describe("a replay of skewed work in which 90 of 100 calls repeat", () => {
  it("is answered from the cache in more than 85 of 100 calls, never with another product's answer", async () => {
    const { ratio, coalesced, answered, wrong } = await replay(20_000, 64 * 1024 * 1024, 40);
    expect(ratio).toBeGreaterThan(0.85);
    expect(ratio).toBeLessThan(0.91);
    expect(coalesced).toBeGreaterThan(0);
    expect([answered, wrong]).toEqual([20_000, 0]);
  });

  it("stays within its memory when that is far too small, and still gives right answers", async () => {
    const { ratio, wrong, mostBytes } = await replay(5000, 256 * 1024, 40);
    expect(mostBytes).toBeLessThanOrEqual(256 * 1024);
    expect(mostBytes).toBeGreaterThan(128 * 1024);
    expect(ratio).toBeGreaterThan(0.3);
    expect(wrong).toBe(0);
  });
});
