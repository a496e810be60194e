import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testAddress, testAnswer, testQuery, testReply, textOf, turnOf } from "../../test/contract/answer-cache.ts";
import { silentLog } from "../kernel/ctx.ts";
import type { StreamEvent } from "../models/conversation.ts";
import { AnswerCache } from "./answer-cache.ts";
import type { AnswerCacheParts, Query } from "./answer-cache.ts";
import { readCacheControl } from "./cache-control.ts";
import type { Producer } from "./single-flight.ts";
import { MemoryCache } from "./memory-cache.ts";

const clock = { nowMs: () => Date.UTC(2026, 0, 1) };
const end = { deployment: "d", usage: null, facts: {} };
const text = (words: string): StreamEvent => ({ kind: "text", choice: 0, text: words });
const finish: StreamEvent = { kind: "finish", choice: 0, finish: "stop" };

function rig(changes: Partial<AnswerCacheParts> = {}) {
  const cache = new AnswerCache({ near: new MemoryCache({ clock }), clock, log: silentLog, ...changes });
  const ask = async (query: Partial<Query> = {}, words = "call") => cache.ask(testQuery(testAddress(words), query));
  const lead = async (query: Partial<Query> = {}): Promise<Producer> => turnOf(await ask(query), "lead").lead;
  return { cache, ask, lead };
}

/** Lets everything happen that can happen. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

async function textsOf(pieces: AsyncIterable<StreamEvent>): Promise<string[]> {
  const texts: string[] = [];
  for await (const piece of pieces) if (piece.kind === "text") texts.push(piece.text);
  return texts;
}

describe("identical calls at the same time", () => {
  it("are made once, and all get the answer", async () => {
    const { ask, lead, cache } = rig();
    const first = await lead();
    const others = Array.from({ length: 50 }, () => ask());
    const streamed = Array.from({ length: 50 }, () => ask({ stream: true }));
    await settled();
    first.settle(testAnswer("shared"));
    for (const turn of await Promise.all([...others, ...streamed])) {
      const hit = turnOf(turn, "hit");
      expect([textOf(hit.answer), hit.coalesced, hit.ageSeconds]).toEqual(["shared", true, 0]);
    }
    expect(cache.stats()).toMatchObject({ misses: 1, coalesced: 100, flights: 0, kept: 1, heldBytes: 0 });
  });

  it("are not made once when the caller wants a fresh answer or none that is shared", async () => {
    const { ask, lead } = rig();
    const first = await lead();
    const fresh = await lead({ control: readCacheControl("no-cache") });
    expect((await ask({ control: readCacheControl("no-store") })).kind).toBe("bypass");
    await expect(ask({ control: readCacheControl("only-if-cached") })).rejects.toMatchObject({
      code: "cache.not_stored",
    });
    // Who comes now follows the one that was first.
    const follower = ask();
    fresh.settle(testAnswer("fresh"));
    first.settle(testAnswer("first"));
    expect(textOf(turnOf(await follower, "hit").answer)).toBe("first");
  });

  it("do not share a failure: one tries for the others, twice, then each for itself", async () => {
    const { ask, lead, cache } = rig();
    const turns = [];
    let leads = [await lead()];
    const waiting = new Set(Array.from({ length: 10 }, () => ask()));
    for (const turn of waiting) void turn.then(() => waiting.delete(turn));
    const rounds: number[] = [];
    while (waiting.size > 0) {
      await settled();
      const before = [...waiting];
      for (const each of leads) each.fail(new Error("upstream"));
      await settled();
      const come = await Promise.all(before.filter((turn) => !waiting.has(turn)));
      leads = come.map((turn) => turnOf(turn, "lead").lead);
      rounds.push(leads.length);
      turns.push(...come);
    }
    expect(rounds).toEqual([1, 9]);
    expect(turns.map(({ kind }) => kind)).toEqual(turns.map(() => "lead"));
    expect(cache.stats()).toMatchObject({ misses: 11, coalesced: 0 });
  });

  it("share the second try when it succeeds", async () => {
    const { ask, lead } = rig();
    const first = await lead();
    const waiting = [ask(), ask(), ask()];
    await settled();
    first.fail(new Error("upstream"));
    turnOf(await waiting[0]!, "lead").lead.settle(testAnswer("second"));
    for (const turn of await Promise.all(waiting.slice(1))) {
      expect(textOf(turnOf(turn, "hit").answer)).toBe("second");
    }
  });

  it("do not share an answer that is not worth keeping", async () => {
    const { ask, lead } = rig();
    const first = await lead();
    const follower = ask();
    await settled();
    first.settle(testAnswer("", { reply: testReply("", { choices: [{ parts: [], finish: "content_filter" }] }) }));
    expect((await follower).kind).toBe("lead");
  });

  it("go on for those who stay when the leader leaves, and end when the last one has left", async () => {
    const { ask, lead, cache } = rig();
    const callers = Array.from({ length: 3 }, () => new AbortController());
    const [one, two, three] = callers.map(({ signal }) => signal);
    const first = await lead({ signal: one! });
    const second = ask({ signal: two! });
    const third = ask({ signal: three! });
    const leaving = new Error("left");
    callers[0]!.abort(leaving);
    expect(first.signal.aborted).toBe(false);
    callers[1]!.abort(leaving);
    await expect(second).rejects.toBe(leaving);
    expect(first.signal.aborted).toBe(false);
    // Someone who comes now may still follow.
    const fourth = ask();
    first.settle(testAnswer("for those who stayed"));
    expect(textOf(turnOf(await third, "hit").answer)).toBe("for those who stayed");
    expect((await fourth).kind).toBe("hit");
    expect(first.signal.aborted).toBe(false);

    const gone = new AbortController();
    const alone = turnOf(await ask({ signal: gone.signal }, "alone"), "lead").lead;
    gone.abort(leaving);
    expect(alone.signal.aborted).toBe(true);
    expect(alone.signal.reason).toBe(leaving);
    expect(cache.stats().flights).toBe(0);
    expect((await ask({}, "alone")).kind).toBe("lead");
    expect(alone.settle(testAnswer("too late"))).toBe(false);
  });

  it("end when the leader and then the last reader of the stream have left", async () => {
    const { ask, lead } = rig();
    const [one, two] = [new AbortController(), new AbortController()];
    const first = await lead({ signal: one.signal, stream: true });
    first.push(text("a"));
    const { pieces } = turnOf(await ask({ signal: two.signal, stream: true }), "follow");
    const { pieces: others } = turnOf(await ask({ stream: true }), "follow");
    one.abort();
    for await (const piece of others) {
      expect(piece).toEqual(text("a"));
      break;
    }
    expect(first.signal.aborted).toBe(false);
    // This one never begins to read; its caller's signal counts it out all the same.
    two.abort();
    expect(first.signal.aborted).toBe(true);
    await expect(textsOf(pieces)).rejects.toThrow();
  });

  it("give way to nobody whose caller has already gone", async () => {
    const { cache, lead } = rig();
    const first = await lead({ signal: AbortSignal.abort() });
    expect(first.signal.aborted).toBe(true);
    expect(cache.stats().flights).toBe(0);
  });
});

describe("a stream that others follow", () => {
  it("reaches every follower whole and in order, whenever it comes and however slowly it reads", async () => {
    const follower = fc.record({ comes: fc.nat({ max: 12 }), pauses: fc.nat({ max: 3 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string(), { minLength: 1, maxLength: 12 }),
        fc.array(follower, { maxLength: 5 }),
        async (words, followers) => {
          const { ask, lead, cache } = rig();
          const first = await lead({ stream: true });
          const read = async (pauses: number): Promise<string[]> => {
            const turn = await ask({ stream: true });
            const texts: string[] = [];
            if (turn.kind === "lead") throw new Error("two calls are made");
            if (turn.kind === "hit") {
              return turn.answer.pieces().flatMap((piece) => (piece.kind === "text" ? [piece.text] : []));
            }
            for await (const piece of turnOf(turn, "follow").pieces) {
              for (let i = 0; i < pauses; i++) await settled();
              if (piece.kind === "text") texts.push(piece.text);
            }
            return texts;
          };
          const readers: Promise<string[]>[] = [];
          for (const [i, word] of words.entries()) {
            for (const { comes, pauses } of followers) if (comes === i) readers.push(read(pauses));
            if (i % 2 === 0) await settled();
            first.push(text(word));
          }
          first.push(finish);
          expect(first.settleStream(end)).toBe(true);
          for (const { comes, pauses } of followers) if (comes >= words.length) readers.push(read(pauses));
          for (const texts of await Promise.all(readers)) expect(texts).toEqual(words);
          expect(cache.stats()).toMatchObject({ flights: 0, heldBytes: 0 });
        },
      ),
      { numRuns: 100 },
    );
  });

  it("has not begun before something is shown: until then a failure is the leader's alone", async () => {
    const { ask, lead } = rig();
    const first = await lead({ stream: true });
    first.push({ kind: "start", id: "r", model: "m" });
    const follower = ask({ stream: true });
    await settled();
    first.push({ kind: "error", code: "overloaded", message: "later" });
    first.fail(new Error("upstream"));
    expect((await follower).kind).toBe("lead");
  });

  it("breaks for its followers as it broke for its leader once it has begun, and is not kept", async () => {
    const { ask, lead, cache } = rig();
    const first = await lead({ stream: true });
    first.push(text("half"));
    const { pieces } = turnOf(await ask({ stream: true }), "follow");
    const whole = ask();
    const broke = new Error("upstream");
    first.fail(broke);
    const seen: StreamEvent[] = [];
    await expect(
      (async () => {
        for await (const piece of pieces) seen.push(piece);
      })(),
    ).rejects.toBe(broke);
    expect(seen).toEqual([text("half")]);
    // Who wanted it whole has seen nothing, and tries again.
    turnOf(await whole, "lead").lead.fail(broke);
    expect(cache.stats().kept).toBe(0);
  });

  it("ends well for its readers even when it is not worth keeping", async () => {
    const { ask, lead, cache } = rig();
    const first = await lead({ stream: true });
    first.push(text("x"));
    const { pieces } = turnOf(await ask({ stream: true }), "follow");
    first.push({ kind: "finish", choice: 0, finish: "content_filter" });
    expect(first.settleStream(end)).toBe(false);
    expect(await textsOf(pieces)).toEqual(["x"]);
    expect(cache.stats().kept).toBe(0);
  });

  it("that is too long to hold is not kept, is followed by nobody new, and cuts off who lies too far behind", async () => {
    const { ask, lead, cache } = rig({ maxAnswerBytes: 20_000 });
    const first = await lead({ stream: true });
    first.push(text("0"));
    const slow = turnOf(await ask({ stream: true }), "follow").pieces;
    const quick = textsOf(turnOf(await ask({ stream: true }), "follow").pieces);
    const whole = ask();
    for (let i = 1; i <= 100; i++) {
      first.push(text(String(i).padEnd(200)));
      await settled();
      expect(cache.stats().heldBytes).toBeLessThanOrEqual(20_000);
    }
    expect((await whole).kind).toBe("lead");
    first.push(finish);
    expect(first.settleStream(end)).toBe(false);
    expect((await quick).map(Number)).toEqual(Array.from({ length: 101 }, (_, i) => i));
    await expect(textsOf(slow)).rejects.toMatchObject({ code: "cache.left_behind" });
    expect(cache.stats()).toMatchObject({ heldBytes: 0, kept: 0 });
  });

  it("counts out a follower who leaves without ever having read: its leader's end is the end, and nothing is held", async () => {
    const { ask, lead, cache } = rig();
    const leader = new AbortController();
    const first = await lead({ stream: true, signal: leader.signal });
    first.push(text("begun"));
    const followers = await Promise.all(
      [1, 2].map(async () => turnOf(await ask({ stream: true }), "follow").pieces[Symbol.asyncIterator]()),
    );
    leader.abort();
    expect(first.signal.aborted).toBe(false);
    // The first asks for nothing; the second has asked, and leaves while it waits for more.
    await followers[0]?.return?.();
    await followers[1]?.next();
    expect(first.signal.aborted).toBe(false);
    await followers[1]?.return?.();
    expect(first.signal.aborted).toBe(true);
    expect(cache.stats()).toMatchObject({ heldBytes: 0, flights: 0 });
  });

  it("holds nothing more once it is too long and nobody follows it", async () => {
    const { lead, cache, ask } = rig({ maxHeldBytes: 5000 });
    const first = await lead({ stream: true });
    for (let i = 0; i < 100; i++) first.push(text("x".repeat(100)));
    expect(cache.stats()).toMatchObject({ heldBytes: 0, flights: 0 });
    const second = await lead({ stream: true });
    second.push(text("short"));
    second.push(finish);
    expect(second.settleStream(end)).toBe(true);
    expect(first.settleStream(end)).toBe(false);
    expect((await ask()).kind).toBe("hit");
    expect(cache.stats().heldBytes).toBe(0);
  });
});
