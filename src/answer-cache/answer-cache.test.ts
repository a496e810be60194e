import { describe, expect, it } from "vitest";
import { testAddress, testAnswer, testQuery, testReply, textOf, turnOf } from "../../test/contract/answer-cache.ts";
import { silentLog } from "../kernel/ctx.ts";
import type { Part } from "../models/conversation.ts";
import { addressOf, partitionOf } from "./address.ts";
import { AnswerCache, cacheWord } from "./answer-cache.ts";
import type { AnswerCacheParts, Query } from "./answer-cache.ts";
import { readCacheControl } from "./cache-control.ts";
import { MemoryCache } from "./memory-cache.ts";

/** A cache in memory on a clock of its own. */
function rig(changes: Partial<AnswerCacheParts> = {}) {
  let nowMs = Date.UTC(2026, 0, 1);
  const clock = { nowMs: () => nowMs };
  const errors: string[] = [];
  const log = { ...silentLog, error: (_fields: object, message: string) => void errors.push(message) };
  const near = new MemoryCache({ clock });
  const cache = new AnswerCache({ near, clock, log, ...changes });
  const ask = async (words: string, query: Partial<Query> = {}) => cache.ask(testQuery(testAddress(words), query));
  /** Asks, must lead, and answers. */
  const answer = async (words: string, text = words, query: Partial<Query> = {}) =>
    turnOf(await ask(words, query), "lead").lead.settle(testAnswer(text));
  return { cache, near, ask, answer, errors, pass: (ms: number) => void (nowMs += ms) };
}

const wishing = (header: string): Partial<Query> => ({ control: readCacheControl(header) });

describe("the cache of answers", () => {
  it("answers at once what it holds, with its age", async () => {
    const { cache, answer, pass } = rig();
    expect(await answer("hello", "world")).toBe(true);
    pass(2999);
    const turn = cache.ask(testQuery(testAddress("hello")));
    if (turn instanceof Promise) throw new Error("what is in memory is not waited for");
    const hit = turnOf(turn, "hit");
    expect([textOf(hit.answer), hit.ageSeconds, hit.coalesced]).toEqual(["world", 2, false]);
    expect(cache.stats()).toMatchObject({ hits: 1, misses: 1, coalesced: 0, kept: 1, rejected: 0, flights: 0 });
  });

  it("says hit, miss or bypass", async () => {
    const { ask, answer } = rig();
    expect(cacheWord(await ask("off", { ttlMs: 0 }))).toBe("bypass");
    const miss = await ask("on", { stream: true });
    expect(cacheWord(miss)).toBe("miss");
    const following = ask("on", { stream: true });
    turnOf(miss, "lead").lead.push({ kind: "text", choice: 0, text: "x" });
    expect(cacheWord(await following)).toBe("hit");
    await answer("other");
    expect(cacheWord(await ask("other"))).toBe("hit");
  });

  it("reads, keeps and shares nothing for a product that has not opted in", async () => {
    const { ask, answer, cache } = rig();
    await answer("a");
    for (const ttlMs of [0, -1, Number.NaN]) expect((await ask("a", { ttlMs })).kind).toBe("bypass");
    await ask("b");
    expect((await ask("b", { ttlMs: 0 })).kind).toBe("bypass");
    expect(cache.stats()).toMatchObject({ bypasses: 4, kept: 1, hits: 0 });
  });

  it("does not show an answer beyond its life, nor beyond one that has become shorter", async () => {
    const { ask, answer, pass } = rig();
    await answer("a", "a", { ttlMs: 10_000 });
    pass(5000);
    expect((await ask("a", { ttlMs: 10_000 })).kind).toBe("hit");
    expect((await ask("a", { ttlMs: 4000 })).kind).toBe("lead");
    const other = rig();
    await other.answer("a", "a", { ttlMs: 10_000 });
    other.pass(10_000);
    expect((await other.ask("a", { ttlMs: 3_600_000 })).kind).toBe("lead");
  });

  it("streams what was answered whole, and answers whole what was streamed", async () => {
    const { ask, answer } = rig();
    await answer("whole", "text");
    expect(turnOf(await ask("whole", { stream: true }), "hit").answer.pieces()).toContainEqual({
      kind: "text",
      choice: 0,
      text: "text",
    });
    const { lead } = turnOf(await ask("streamed", { stream: true }), "lead");
    lead.push({ kind: "start", id: "r", model: "m" });
    for (const text of ["a", "b", "c"]) lead.push({ kind: "text", choice: 0, text });
    lead.push({ kind: "finish", choice: 0, finish: "stop" });
    lead.push({ kind: "end" });
    expect(lead.settleStream({ deployment: "d", usage: null, facts: {} })).toBe(true);
    const { answer: held } = turnOf(await ask("streamed"), "hit");
    expect([textOf(held), held.model, held.deployment]).toEqual(["abc", "m", "d"]);
    const texts = held.pieces().flatMap((piece) => (piece.kind === "text" ? [piece.text] : []));
    expect(texts).toEqual(["a", "b", "c"]);
  });

  it("does not stream an answer that cannot be streamed", async () => {
    const { ask } = rig();
    const sound: Part = { kind: "audio", format: "wav", data: "" };
    const reply = testReply("", { choices: [{ parts: [sound], finish: "stop" }] });
    turnOf(await ask("a"), "lead").lead.settle(testAnswer("", { reply }));
    expect((await ask("a")).kind).toBe("hit");
    expect((await ask("a", { stream: true })).kind).toBe("lead");
  });

  it("keeps neither failures nor broken streams nor replies that ended badly nor too large ones", async () => {
    const { ask, cache } = rig({ maxAnswerBytes: 4000 });
    const lead = async () => turnOf(await ask("a"), "lead").lead;
    (await lead()).fail(new Error("upstream"));
    (await lead())[Symbol.dispose]();
    const broken = await lead();
    broken.push({ kind: "text", choice: 0, text: "half" });
    broken.push({ kind: "error", code: "e", message: "m" });
    expect(broken.settleStream({ deployment: "d", usage: null, facts: {} })).toBe(false);
    const filtered = testReply("", { choices: [{ parts: [{ kind: "text", text: "x" }], finish: "content_filter" }] });
    expect((await lead()).settle(testAnswer("", { reply: filtered }))).toBe(false);
    expect((await lead()).settle(testAnswer("x".repeat(4000)))).toBe(false);
    expect(cache.stats()).toMatchObject({ kept: 0, notKept: 3, hits: 0, misses: 5 });
    expect((await lead()).settle(testAnswer("fits"))).toBe(true);
  });

  it("counts an end once, whatever comes after it", async () => {
    const { ask, cache } = rig();
    const { lead } = turnOf(await ask("a"), "lead");
    expect(lead.settle(testAnswer("first"))).toBe(true);
    expect(lead.settle(testAnswer("second"))).toBe(false);
    expect(lead.settleStream({ deployment: "d", usage: null, facts: {} })).toBe(false);
    lead.fail(new Error("late"));
    lead.push({ kind: "text", choice: 0, text: "late" });
    expect(textOf(turnOf(await ask("a"), "hit").answer)).toBe("first");
    expect(cache.stats().kept).toBe(1);
  });

  it("honours no-store, no-cache, max-age and only-if-cached", async () => {
    const { ask, answer, pass } = rig();
    await answer("a", "old");
    pass(10_000);
    expect((await ask("a", wishing("no-store"))).kind).toBe("bypass");
    expect((await ask("a", wishing("max-age=10"))).kind).toBe("hit");
    expect((await ask("a", wishing("only-if-cached"))).kind).toBe("hit");
    const refused = { code: "cache.not_stored" };
    await expect(ask("a", wishing("only-if-cached, max-age=9"))).rejects.toMatchObject(refused);
    await expect(ask("b", wishing("only-if-cached"))).rejects.toMatchObject(refused);
    await expect(ask("a", wishing("only-if-cached, no-cache"))).rejects.toMatchObject(refused);
    await expect(ask("a", wishing("only-if-cached, no-store"))).rejects.toMatchObject(refused);
    await expect(ask("a", { ...wishing("only-if-cached"), ttlMs: 0 })).rejects.toMatchObject(refused);
    await answer("a", "new", wishing("no-cache"));
    expect(textOf(turnOf(await ask("a"), "hit").answer)).toBe("new");
    pass(9000);
    await answer("a", "newest", wishing("max-age=8"));
    expect(textOf(turnOf(await ask("a"), "hit").answer)).toBe("newest");
  });

  it("forgets a product when told to, and does not keep what is under way for it", async () => {
    const { ask, answer, cache } = rig();
    await answer("kept");
    const { lead } = turnOf(await ask("open"), "lead");
    await cache.clear(partitionOf("shop"));
    expect((await ask("kept")).kind).toBe("lead");
    const next = turnOf(await ask("open"), "lead");
    expect(lead.settle(testAnswer("before"))).toBe(false);
    expect(next.lead.settle(testAnswer("after"))).toBe(true);
    expect(textOf(turnOf(await ask("open"), "hit").answer)).toBe("after");
  });

  it("reports and drops what a store holds for somebody else", async () => {
    const { cache, near, answer, errors, ask } = rig();
    await answer("mine");
    const mine = testAddress("mine");
    const record = near.get(mine) ?? Buffer.alloc(0);
    const theirs = addressOf({ ...mine, partition: partitionOf("bank") });
    near.put(theirs, record, 60_000);
    expect((await cache.ask(testQuery(theirs))).kind).toBe("lead");
    expect(near.get(theirs)).toBeUndefined();
    expect(cache.stats().rejected).toBe(1);
    expect(errors).toHaveLength(1);
    expect((await ask("mine")).kind).toBe("hit");
  });

  it("does not follow a call of another product, even when a fault makes both keys the same", async () => {
    const { cache, ask, errors } = rig();
    const { lead } = turnOf(await ask("mine", { stream: true }), "lead");
    lead.push({ kind: "text", choice: 0, text: "secret" });
    const mine = testAddress("mine");
    const theirs = { ...addressOf({ ...mine, partition: partitionOf("bank") }), key: mine.key };
    expect((await cache.ask(testQuery(theirs, { stream: true }))).kind).toBe("lead");
    expect(errors).toHaveLength(1);
  });

  it("lets the gateway look for the answer of a neighbour that an index has found", async () => {
    const { cache, ask, answer } = rig();
    await answer("known", "text");
    const lead = turnOf(await ask("alike"), "lead").lead;
    const waiting = ask("alike");
    const held = await cache.peek(testQuery(testAddress("known")));
    expect(held === undefined ? undefined : textOf(held)).toBe("text");
    expect(await cache.peek(testQuery(testAddress("unknown")))).toBeUndefined();
    for (const header of ["no-cache", "no-store"]) {
      expect(await cache.peek(testQuery(testAddress("known"), wishing(header)))).toBeUndefined();
    }
    // Its own call is not made then: anyone who waits for it is told to ask again.
    lead[Symbol.dispose]();
    expect((await waiting).kind).toBe("lead");
  });
});
