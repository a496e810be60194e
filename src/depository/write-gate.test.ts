import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openWriteGate } from "./write-gate.ts";

describe("the write gate", () => {
  it("lets a hundred writers in, turns the next away with a time to come back, and reopens below seventy-five", () => {
    const gate = openWriteGate({ pauseAt: 100, reopenBelow: 75, retryAfterSeconds: 3 });
    const writers = Array.from({ length: 100 }, () => gate.enter());
    expect(() => gate.enter()).toThrow(
      expect.objectContaining({ code: "writes.paused", facts: expect.objectContaining({ retryAfterSeconds: 3 }) }),
    );
    for (const writer of writers.splice(0, 25)) writer[Symbol.dispose]();
    expect(gate.inside).toBe(75);
    expect(() => gate.enter()).toThrow();
    writers.pop()?.[Symbol.dispose]();
    expect(gate.paused).toBe(false);
    gate.enter();
    expect(gate.inside).toBe(75);
  });

  it("is shut for a product beyond its fair share, and for no other", () => {
    const gate = openWriteGate({ pauseAt: 100, reopenBelow: 75, retryAfterSeconds: 3 });
    const writers = Array.from({ length: 80 }, () => gate.enter("A"));
    expect(() => gate.enter("A")).toThrow(expect.objectContaining({ code: "writes.paused" }));
    expect(gate.paused).toBe(false);
    for (let i = 0; i < 16; i++) gate.enter("B");
    // It opens again for the product below the same share of what it had.
    for (const writer of writers.splice(0, 20)) writer[Symbol.dispose]();
    expect(() => gate.enter("A")).toThrow();
    writers.pop()?.[Symbol.dispose]();
    expect(gate.enter("A")).toBeDefined();
  });

  it("counts a writer out once, however often it leaves", () => {
    const gate = openWriteGate({ pauseAt: 2, reopenBelow: 2, retryAfterSeconds: 3 });
    const writer = gate.enter();
    writer[Symbol.dispose]();
    writer[Symbol.dispose]();
    expect(gate.inside).toBe(0);
  });

  it("never holds more than its limit nor fewer than none", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 400 }), (arrivals) => {
        const gate = openWriteGate({ pauseAt: 10, reopenBelow: 7, retryAfterSeconds: 3 });
        const inside: Disposable[] = [];
        for (const arrives of arrivals) {
          if (arrives) {
            try {
              inside.push(gate.enter());
            } catch {
              expect(gate.paused).toBe(true);
            }
          } else inside.pop()?.[Symbol.dispose]();
          expect(gate.inside).toBe(inside.length);
          expect(gate.inside).toBeLessThanOrEqual(10);
        }
      }),
    );
  });
});
