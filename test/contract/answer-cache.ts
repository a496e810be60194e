// What a store of answers promises on every driver, and what the cache promises over each of them.
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  addressOf,
  AnswerCache,
  canonicalCall,
  noWishes,
  partitionOf,
  readCacheControl,
} from "../../src/answer-cache/index.ts";
import type {
  Address,
  Answer,
  AnswerStore,
  CanonicalCall,
  HeldAnswer,
  NearStore,
  Query,
  Turn,
} from "../../src/answer-cache/index.ts";
import type { ModelCall, Reply } from "../../src/models/conversation.ts";
import { sha256Hex } from "../../src/kernel/hash.ts";
import type { Clock } from "../../src/kernel/clock.ts";
import { silentLog } from "../../src/kernel/ctx.ts";
import { plainCall } from "../support/gateway/model-call.ts";

/** A store and a way to let time pass for it. */
export interface StorePlace extends AsyncDisposable {
  readonly store: AnswerStore;
  readonly clock: Clock;
  wait(ms: number): Promise<void>;
}

const hourMs = 3_600_000;
/** Ends soon enough to be waited for on a real clock. */
const soonMs = 300;

/** An address for words that stand for a call. */
export function testAddress(words: string, product: string | null = "shop", constitutionHash = "c1"): Address {
  const canonical = sha256Hex(words) as CanonicalCall;
  return addressOf({ partition: partitionOf(product), type: "completion", constitutionHash, canonical });
}

/** A whole reply of one text. */
export function testReply(text: string, changes: Partial<Reply> = {}): Reply {
  return {
    id: "r-1",
    model: "simulated-1",
    choices: [{ parts: [{ kind: "text", text }], finish: "stop" }],
    rawUsage: { prompt_tokens: 3, completion_tokens: 2 },
    usage: null,
    ...changes,
  };
}

/** An answer of one text. */
export function testAnswer(text: string, changes: Partial<Answer> = {}): Answer {
  return { reply: testReply(text), deployment: "simulated", facts: { tier: 1 }, ...changes };
}

/** A chat call with one user text. */
export function testCall(raw: Readonly<Record<string, unknown>>, changes: Partial<ModelCall> = {}): ModelCall {
  return plainCall({ raw, model: "any", stream: raw["stream"] === true, ...changes });
}

/** A question with the least that it needs. */
export function testQuery(address: Address, changes: Partial<Query> = {}): Query {
  return { address, ttlMs: hourMs, control: noWishes, stream: false, signal: new AbortController().signal, ...changes };
}

/** The text of a whole answer. */
export function textOf(answer: HeldAnswer): string {
  const part = answer.reply().choices[0]?.parts[0];
  return part?.kind === "text" ? part.text : "";
}

/** Narrows a turn. @throws Error when it is of another kind. */
export function turnOf<Kind extends Turn["kind"]>(turn: Turn, kind: Kind): Extract<Turn, { kind: Kind }> {
  if (turn.kind !== kind) throw new Error(`the turn is a ${turn.kind}, not a ${kind}`);
  return turn as Extract<Turn, { kind: Kind }>;
}

/** Runs the suite on one driver. */
export function answerStoreContract(name: string, open: () => Promise<StorePlace>): void {
  describe(`a store of answers in ${name}`, () => {
    let place: StorePlace;
    let store: AnswerStore;
    let words = 0;
    const newAddress = (product: string | null = "shop") => testAddress(`call ${words++}`, product);

    beforeAll(async () => {
      place = await open();
      ({ store } = place);
    });
    afterAll(() => place[Symbol.asyncDispose]());

    it("gives back byte for byte what was put, as often as asked", async () => {
      const address = newAddress();
      const record = Buffer.from(Uint8Array.from({ length: 70_000 }, (_, i) => i));
      await store.put(address, record, hourMs);
      expect(record.equals((await store.get(address)) ?? Buffer.alloc(0))).toBe(true);
      expect(record.equals((await store.get(address)) ?? Buffer.alloc(0))).toBe(true);
    });

    it("has nothing for what was never put", async () => {
      const before = store.stats();
      expect(await store.get(newAddress())).toBeUndefined();
      expect(store.stats().misses).toBe(before.misses + 1);
    });

    it("replaces", async () => {
      const address = newAddress();
      await store.put(address, Buffer.from("first"), hourMs);
      await store.put(address, Buffer.from("second, longer"), hourMs);
      expect((await store.get(address))?.toString()).toBe("second, longer");
    });

    it("forgets one record when told to", async () => {
      const [gone, stays] = [newAddress(), newAddress()];
      await store.put(gone, Buffer.from("gone"), hourMs);
      await store.put(stays, Buffer.from("stays"), hourMs);
      await store.drop(gone);
      expect(await store.get(gone)).toBeUndefined();
      expect((await store.get(stays))?.toString()).toBe("stays");
    });

    it("forgets a record when its time is over", async () => {
      const address = newAddress();
      await store.put(address, Buffer.from("brief"), soonMs);
      expect((await store.get(address))?.toString()).toBe("brief");
      await place.wait(soonMs);
      expect(await store.get(address)).toBeUndefined();
    });

    it("keeps nothing that has no time to live", async () => {
      const address = newAddress();
      await store.put(address, Buffer.from("none"), 0);
      await store.put(address, Buffer.from("none"), -5);
      expect(await store.get(address)).toBeUndefined();
    });

    it("clears one partition and no other, in every type", async () => {
      const mine = [newAddress("alpha"), newAddress("alpha")];
      const embedding = addressOf({ ...newAddress("alpha"), type: "embedding" });
      const others = [newAddress("alph"), newAddress("alphas"), newAddress(null)];
      for (const address of [...mine, embedding, ...others]) await store.put(address, Buffer.from(address.key), hourMs);
      await store.clear(partitionOf("alpha"));
      for (const address of [...mine, embedding]) expect(await store.get(address)).toBeUndefined();
      for (const address of others) expect((await store.get(address))?.toString()).toBe(address.key);
    });
  });

  describe(`the cache of answers before a store in ${name}`, () => {
    let place: StorePlace;
    beforeAll(async () => {
      place = await open();
    });
    afterAll(() => place[Symbol.asyncDispose]());

    /** A cache that has only this store: what is near forgets at once. */
    const openCache = () => new AnswerCache({ near: forgetful, far: place.store, clock: place.clock, log: silentLog });

    it("answers a second process with what the first one kept", async () => {
      const address = testAddress("two processes");
      const { lead } = turnOf(await openCache().ask(testQuery(address)), "lead");
      expect(lead.settle(testAnswer("shared"))).toBe(true);
      const hit = turnOf(await openCache().ask(testQuery(address)), "hit");
      expect(textOf(hit.answer)).toBe("shared");
      expect(hit.coalesced).toBe(false);
    });

    it("finds nothing under another constitution, and nothing for another product", async () => {
      const parts = testAddress("constitutions", "shop", "c1");
      turnOf(await openCache().ask(testQuery(parts)), "lead").lead.settle(testAnswer("old"));
      const others = [
        addressOf({ ...parts, constitutionHash: "c2" }),
        addressOf({ ...parts, partition: partitionOf("bank") }),
        addressOf({ ...parts, partition: partitionOf(null) }),
        addressOf({ ...parts, type: "embedding" }),
      ];
      for (const other of others) {
        expect((await openCache().ask(testQuery(other))).kind).toBe("lead");
        // Not even when a store or a key mixes them up.
        expect((await openCache().ask(testQuery({ ...other, key: parts.key }))).kind).toBe("lead");
        turnOf(await openCache().ask(testQuery(parts, { control: readCacheControl("no-cache") })), "lead").lead.settle(
          testAnswer("old"),
        );
      }
    });

    it("never gives an answer of one product to another, in whatever order they ask alike", async () => {
      const products = ["a", "b", "ab", "", "none", "product:a", null];
      const step = fc.record({
        product: fc.constantFrom(...products),
        call: fc.constantFrom("a", "b", "product:a"),
        constitution: fc.constantFrom("c1", "c2"),
        stream: fc.boolean(),
        hold: fc.boolean(),
        control: fc.constantFrom(undefined, "no-cache", "max-age=5"),
      });
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          const cache = openCache();
          const salt = String(run++);
          const waiting: Promise<void>[] = [];
          const open: (() => void)[] = [];
          for (const { product, call, constitution, stream, hold, control } of steps) {
            const canonical = canonicalCall(testCall({ messages: [{ role: "user", content: call }] }), { salt });
            if (canonical === undefined) throw new Error("the call has no digest");
            const constitutionHash = constitution;
            const partition = partitionOf(product);
            const address = addressOf({ partition, type: "completion", constitutionHash, canonical });
            const expected = JSON.stringify([product, call, constitution]);
            const query = testQuery(address, { stream, control: readCacheControl(control) });
            const ended = (async () => {
              const turn = await cache.ask(query);
              if (turn.kind === "hit") expect(textOf(turn.answer)).toBe(expected);
              if (turn.kind === "follow") {
                for await (const piece of turn.pieces) if (piece.kind === "text") expect(piece.text).toBe(expected);
              }
              if (turn.kind !== "lead") return;
              const { lead } = turn;
              if (stream) lead.push({ kind: "text", choice: 0, text: expected });
              const settle = () => {
                if (stream) {
                  lead.push({ kind: "finish", choice: 0, finish: "stop" });
                  lead.settleStream({ deployment: "simulated", usage: null, facts: {} });
                } else {
                  lead.settle(testAnswer(expected));
                }
              };
              if (hold) open.push(settle);
              else settle();
            })();
            waiting.push(ended);
            if (open.length > 3) open.shift()?.();
          }
          // Those who lead may come late, so that what is held is let go until everybody has an answer.
          const left = new Set(waiting);
          for (const ended of waiting) void ended.catch(() => {}).finally(() => left.delete(ended));
          while (left.size > 0) {
            open.shift()?.();
            await new Promise((resolve) => setImmediate(resolve));
          }
          await Promise.all(waiting);
        }),
        { numRuns: 60 },
      );
    });
  });
}

const empty = { hits: 0, misses: 0, evictions: 0, rejected: 0, entries: 0, bytes: 0 };
/** A place in memory without room. */
const forgetful: NearStore = {
  get: () => undefined,
  put: () => {},
  drop: () => {},
  clear: () => {},
  stats: () => empty,
  [Symbol.asyncDispose]: async () => {},
};
