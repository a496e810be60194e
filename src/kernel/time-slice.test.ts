// Holds long work to taking turns, and short work to being done at once.
import { describe, expect, it, vi } from "vitest";
import { inTurns, TimeSlice } from "./time-slice.ts";
import type { Steps } from "./time-slice.ts";

/** Work of so many stretches that notes each of them. */
function* work(name: string, stretches: number, notes: string[]): Steps<string> {
  for (let i = 0; i < stretches; i++) {
    notes.push(name);
    if (i + 1 < stretches) yield;
  }
  return name;
}

const round = () => new Promise<void>((resolve) => void setImmediate(resolve));

describe("work in stretches", () => {
  it("is done at once when it needs one stretch", () => {
    expect(inTurns(work("a", 1, []), new TimeSlice())).toBe("a");
  });

  it("goes on one stretch per round of the event loop, however much of it there is", async () => {
    const notes: string[] = [];
    const works = ["a", "b"].map((name) => Promise.resolve(inTurns(work(name, 4, notes), new TimeSlice())));
    const seen: number[] = [];
    while (notes.length < 8) {
      await round();
      seen.push(notes.length);
    }
    expect(await Promise.all(works)).toEqual(["a", "b"]);
    expect(notes.join("")).toBe("abababab");
    for (const [i, count] of seen.entries()) expect(count - (seen[i - 1] ?? 2)).toBeLessThanOrEqual(1);
  });

  it("is fair to holders: many works of one leave every second turn to another", async () => {
    const notes: string[] = [];
    const many = ["a", "b", "c", "d"].map((name) =>
      Promise.resolve(inTurns(work(name, 6, notes), new TimeSlice("many"))),
    );
    await inTurns(work("x", 6, notes), new TimeSlice("one"));
    // The first stretch of each is done at once.
    expect(notes.slice(0, 5)).toEqual(["a", "b", "c", "d", "x"]);
    expect(notes.length).toBeLessThanOrEqual(5 + 2 * 5 + 1);
    await Promise.all(many);
    expect(notes.length).toBe(30);
    expect(notes.slice(15).join("")).toMatch(/^(?:[abcd])*$/);
  });

  it("that begins in one round of the event loop shares one stretch of time", async () => {
    let looks = 0;
    function* busy(): Steps<void> {
      const stretch = new TimeSlice();
      const startMs = performance.now();
      while (!stretch.isOver(10_000) && performance.now() < startMs + 100);
      looks++;
      yield;
    }
    const before = process.threadCpuUsage();
    const works = Array.from({ length: 50 }, () => Promise.resolve(inTurns(busy(), new TimeSlice())));
    const { user, system } = process.threadCpuUsage(before);
    expect(looks).toBe(50);
    // One after the other they would work for fifty stretches of four milliseconds; processor time, because a busy machine
    // may take the core away.
    expect((user + system) / 1000).toBeLessThan(50);
    await Promise.all(works);
  });

  it("is given up when whoever waits for it has gone", async () => {
    const notes: string[] = [];
    const caller = new AbortController();
    const done = inTurns(work("a", 1000, notes), new TimeSlice(), caller.signal);
    await round();
    caller.abort(new Error("gone"));
    await expect(done).rejects.toThrow("gone");
    expect(notes.length).toBeLessThan(10);
  });

  it("does not keep others from their turn when it breaks", async () => {
    const breaks = inTurns(
      (function* (): Steps<string> {
        yield;
        throw new Error("broken");
      })(),
      new TimeSlice(),
    );
    const other = inTurns(work("b", 3, []), new TimeSlice());
    await expect(breaks).rejects.toThrow("broken");
    expect(await other).toBe("b");
  });
});

describe("a stretch", () => {
  it("does not end before some work was done, and ends when its time is up", () => {
    const stretch = new TimeSlice();
    expect(stretch.isOver(100)).toBe(false);
    const clock = vi.spyOn(performance, "now");
    try {
      clock.mockReturnValue(1000);
      expect(stretch.isOver(10_000)).toBe(false);
      clock.mockReturnValue(1020);
      expect(stretch.isOver(10)).toBe(false);
      expect(stretch.isOver(10_000)).toBe(true);
      stretch.renew();
      expect(stretch.isOver(10_000)).toBe(false);
    } finally {
      clock.mockRestore();
    }
  });
});
