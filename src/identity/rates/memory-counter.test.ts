import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { counterContract } from "../../../test/contract/counters.ts";
import { MemoryCounter } from "./memory-counter.ts";

const startMs = Date.UTC(2026, 0, 1);

/** A counter on a clock of its own. */
function rig(maxKeys?: number) {
  let nowMs = startMs;
  const counter = new MemoryCounter({ nowMs: () => nowMs }, maxKeys);
  return { counter, pass: (ms: number) => (nowMs += ms), set: (ms: number) => (nowMs = ms), nowMs: () => nowMs };
}

counterContract("memory", async () => {
  const { counter, pass } = rig();
  return {
    counter,
    wait: async (ms) => void pass(ms),
    [Symbol.asyncDispose]: () => counter[Symbol.asyncDispose](),
  };
});

describe("the memory counter", () => {
  const windowMs = 1000;
  const steps = fc.array(
    fc.record({
      gapMs: fc.oneof(fc.integer({ min: 0, max: 400 }), fc.constantFrom(999, 1000, 1001, 2500)),
      units: fc.integer({ min: 1, max: 3 }),
    }),
    { maxLength: 120 },
  );

  it("admits in no window more than the technique allows, and in an aligned one never more than the limit", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.nat({ max: 999 }), steps, (limit, phaseMs, plan) => {
        const { counter, pass, nowMs } = rig();
        pass(phaseMs);
        const admitted: { readonly atMs: number; readonly units: number }[] = [];
        for (const { gapMs, units } of plan) {
          pass(gapMs);
          if (counter.take("key", { limit, windowMs }, units).allowed) admitted.push({ atMs: nowMs(), units });
        }
        const between = (fromMs: number, toMs: number) =>
          admitted.reduce((sum, { atMs, units }) => (atMs >= fromMs && atMs < toMs ? sum + units : sum), 0);
        for (const { atMs } of admitted) {
          const edgeMs = atMs - (atMs % windowMs);
          expect(between(edgeMs, edgeMs + windowMs)).toBeLessThanOrEqual(limit);
          // The window that ends with this take, and the part of it behind the aligned edge.
          const share = (atMs - edgeMs) / windowMs;
          expect(between(atMs - windowMs + 1, atMs + 1)).toBeLessThanOrEqual(limit * (1 + share));
        }
      }),
      { numRuns: 500 },
    );
  });

  it("admits a caller that stays one below the limit's pace for ever", () => {
    const { counter, pass } = rig();
    const limit = { limit: 11, windowMs };
    for (let i = 0; i < 1000; i++) {
      pass(100);
      expect(counter.take("key", limit).allowed).toBe(true);
    }
  });

  it("names the first millisecond at which a unit is free", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), steps, (limit, plan) => {
        const { counter, pass } = rig();
        for (const { gapMs, units } of plan) {
          pass(gapMs);
          counter.take("key", { limit, windowMs }, units);
        }
        const { resetMs } = counter.peek("key", { limit, windowMs });
        if (resetMs > 0) {
          pass(resetMs - 1);
          expect(counter.peek("key", { limit, windowMs })).toMatchObject({ allowed: false, resetMs: 1 });
          pass(1);
        }
        expect(counter.peek("key", { limit, windowMs })).toMatchObject({ allowed: true, resetMs: 0 });
      }),
    );
  });

  it("gives no key a fresh start when others flood it", () => {
    const { counter } = rig(100);
    const limit = { limit: 2, windowMs };
    counter.take("victim", limit);
    counter.take("victim", limit);
    for (let i = 0; i < 50_000; i++) counter.take(`flood-${i}`, { limit: 1_000_000, windowMs });
    expect(counter.take("victim", limit)).toMatchObject({ allowed: false });
    // Nor one that came when the memory was full already; the cell it shares may have used some of its limit.
    let admitted = 0;
    while (counter.take("late", limit).allowed) admitted++;
    expect(admitted).toBeLessThanOrEqual(2);
    for (let i = 0; i < 5000; i++) counter.take(`more-${i}`, { limit: 1_000_000, windowMs });
    expect(counter.take("late", limit)).toMatchObject({ allowed: false });
  });

  it("lets a flood of one group crowd out its own keys and those of no other group", () => {
    const { counter } = rig(100);
    const flood = { limit: 1_000_000, windowMs, group: "models of A" };
    for (let i = 0; i < 50_000; i++) counter.take(`flood-${i}`, flood, 1000);
    const limit = { limit: 2, windowMs };
    for (const group of ["models of B", "data", undefined]) {
      const taken = [1, 2, 3].map(() => counter.take("late", { ...limit, ...(group ? { group } : {}) }).allowed);
      expect([group, taken]).toEqual([group, [true, true, false]]);
    }
    expect(counter.take("late", { ...limit, group: "models of A" }).allowed).toBe(false);
  });

  it("keeps counting a late key when a place has become free", () => {
    const { counter } = rig(1);
    const limit = { limit: 2, windowMs };
    counter.take("first", limit);
    counter.take("late", limit, 2);
    counter.clear("first");
    expect(counter.take("late", limit)).toMatchObject({ allowed: false });
  });

  it("drops what no longer counts, so that a flood ends with its windows", () => {
    const { counter, pass } = rig(10);
    const limit = { limit: 1, windowMs };
    for (let i = 0; i < 50_000; i++) counter.take(`flood-${i}`, limit);
    pass(2 * windowMs);
    for (let i = 0; i < 10; i++) expect(counter.take(`new-${i}`, limit).allowed).toBe(true);
  });
});
