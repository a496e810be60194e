import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answerStoreContract, testAddress } from "../../test/contract/answer-cache.ts";
import { addressOf, partitionOf } from "./address.ts";
import { entryOverheadBytes, MemoryCache } from "./memory-cache.ts";

/** A store on a clock of its own. */
function rig(limits: { readonly maxEntries?: number; readonly maxBytes?: number } = {}) {
  let nowMs = Date.UTC(2026, 0, 1);
  const clock = { nowMs: () => nowMs };
  return { store: new MemoryCache({ clock, ...limits }), clock, pass: (ms: number) => void (nowMs += ms) };
}

answerStoreContract("memory", async () => {
  const { store, clock, pass } = rig();
  return { store, clock, wait: async (ms) => pass(ms), [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
});

describe("the memory store of answers", () => {
  const minuteMs = 60_000;

  it("makes room at the cost of whoever keeps the most: one product's flood leaves another's answers", () => {
    for (const limits of [{ maxEntries: 20 }, { maxBytes: 20 * (entryOverheadBytes + 300) }]) {
      const { store } = rig(limits);
      const addressFor = (product: string, call: string) =>
        addressOf({ ...testAddress(call), partition: partitionOf(product) });
      const kept = ["1", "2", "3"].map((call) => addressFor("quiet", call));
      for (const address of kept) store.put(address, Buffer.alloc(100), minuteMs);
      for (let i = 0; i < 500; i++) store.put(addressFor("loud", String(i)), Buffer.alloc(100), minuteMs);
      expect(kept.map((address) => store.get(address)?.length)).toEqual([100, 100, 100]);
      expect(store.get(addressFor("loud", "499"))).toBeDefined();
      expect(store.stats().evictions).toBeGreaterThan(400);
    }
  });

  it("never holds more bytes or entries than allowed, and counts what it holds", () => {
    const step = fc.record({
      does: fc.constantFrom("put", "put", "put", "get", "drop", "clear"),
      call: fc.nat({ max: 30 }),
      product: fc.constantFrom("a", "b", null),
      bytes: fc.oneof(fc.nat({ max: 3000 }), fc.constantFrom(9000, 20_000)),
      lifetimeMs: fc.integer({ min: -1, max: 400_000 }),
      gapMs: fc.nat({ max: 50_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const { store, pass } = rig({ maxBytes: 12_000, maxEntries: 8 });
        for (const { does, call, product, bytes, lifetimeMs, gapMs } of steps) {
          pass(gapMs);
          const address = testAddress(`call ${call}`, product);
          const fill = 3 * call + ["a", "b", null].indexOf(product);
          if (does === "put") store.put(address, Buffer.alloc(bytes, fill), lifetimeMs);
          else if (does === "drop") store.drop(address);
          else if (does === "clear") store.clear(partitionOf(product));
          else if (store.get(address)?.some((byte) => byte !== fill)) throw new Error("another's bytes came back");
          const stats = store.stats();
          expect(stats.bytes).toBeLessThanOrEqual(12_000);
          expect(stats.entries).toBeLessThanOrEqual(8);
          expect(stats.bytes).toBeGreaterThanOrEqual(stats.entries * entryOverheadBytes);
        }
        for (const product of ["a", "b", null]) store.clear(partitionOf(product));
        expect(store.stats()).toMatchObject({ entries: 0, bytes: 0 });
      }),
      { numRuns: 300 },
    );
  });

  it("evicts what was used longest ago", () => {
    const { store } = rig({ maxEntries: 3 });
    const [one, two, three, four] = ["1", "2", "3", "4"].map((words) => testAddress(words));
    for (const address of [one!, two!, three!]) store.put(address, Buffer.from("x"), minuteMs);
    store.get(one!);
    store.put(four!, Buffer.from("x"), minuteMs);
    expect([one!, two!, three!, four!].map((address) => store.get(address) !== undefined)).toEqual([
      true,
      false,
      true,
      true,
    ]);
    expect(store.stats()).toMatchObject({ entries: 3, evictions: 1, hits: 4, misses: 1 });
  });

  it("keeps no record that is larger than all its room, and gives up none for it", () => {
    const { store } = rig({ maxBytes: 5000 });
    store.put(testAddress("small"), Buffer.alloc(100), minuteMs);
    store.put(testAddress("huge"), Buffer.alloc(5000), minuteMs);
    expect(store.get(testAddress("small"))).toBeDefined();
    expect(store.get(testAddress("huge"))).toBeUndefined();
  });

  it("keeps nothing for longer than five minutes, however long it lives", () => {
    const { store, pass } = rig();
    store.put(testAddress("day"), Buffer.from("x"), 24 * 60 * minuteMs);
    pass(5 * minuteMs - 1);
    expect(store.get(testAddress("day"))).toBeDefined();
    pass(1);
    expect(store.get(testAddress("day"))).toBeUndefined();
    expect(store.stats()).toMatchObject({ entries: 0, bytes: 0 });
  });

  it("keeps a record in memory of its own, so that what is counted is what is held", () => {
    const { store } = rig();
    const large = Buffer.alloc(100_000);
    store.put(testAddress("piece"), large.subarray(10, 20), minuteMs);
    expect(store.get(testAddress("piece"))?.buffer.byteLength).toBe(10);
  });
});
