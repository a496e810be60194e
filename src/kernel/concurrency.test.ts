import { setImmediate as nextTurn } from "node:timers/promises";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyedMutex, Semaphore } from "./concurrency.ts";
import type { SemaphoreTerms } from "./concurrency.ts";

/** Jobs that end when they are told to, and in which order they began. */
function rig(terms: SemaphoreTerms) {
  const semaphore = new Semaphore(terms);
  const began: string[] = [];
  const inside: Disposable[] = [];
  const run = async (holder?: string): Promise<"refused" | "entered"> => {
    const place = await semaphore.enter(holder);
    if (place === undefined) return "refused";
    began.push(holder ?? "");
    inside.push(place);
    return "entered";
  };
  const endAll = async (): Promise<void> => {
    await nextTurn();
    while (inside.length > 0) {
      inside.shift()?.[Symbol.dispose]();
      await nextTurn();
    }
  };
  return { semaphore, run, began, endAll };
}

describe("a semaphore", () => {
  it("refuses a flood of one holder while another one still finds room in the line", async () => {
    const { run, endAll } = rig({ maxInside: 1, maxWaiting: 100 });
    const flood = Array.from({ length: 200 }, () => run("flood"));
    const other = run("other");
    await endAll();
    expect(await other).toBe("entered");
    expect((await Promise.all(flood)).filter((result) => result === "refused")).toHaveLength(200 - 1 - 80);
  });

  it("lets one holder in beyond its share of the places only where they are not shared", async () => {
    for (const sharesPlaces of [true, false]) {
      const semaphore = new Semaphore({ maxInside: 100, sharesPlaces });
      let entered = 0;
      while (semaphore.tryEnter("flood") !== undefined) entered++;
      expect(entered).toBe(sharesPlaces ? 80 : 100);
      expect(semaphore.tryEnter("other") !== undefined).toBe(sharesPlaces);
    }
  });

  it("gives places in turns, holder by holder, and in each line in the order of asking", async () => {
    const { run, began, endAll } = rig({ maxInside: 1, maxWaiting: 100 });
    const all = ["a", "a", "a", "a", "b", "c", "b"].map(run);
    await endAll();
    await Promise.all(all);
    expect(began).toEqual(["a", "a", "b", "c", "a", "b", "a"]);
  });

  it("holds the whole line for one that names no holder, and no more", async () => {
    const { run, endAll } = rig({ maxInside: 1, maxWaiting: 2 });
    const all = [undefined, undefined, undefined].map(run);
    expect(await run()).toBe("refused");
    await endAll();
    expect(await Promise.all(all)).toEqual(["entered", "entered", "entered"]);
  });

  it("lets nobody wait unless it is told how many", async () => {
    const semaphore = new Semaphore({ maxInside: 1 });
    using _place = semaphore.tryEnter();
    expect(await semaphore.enter()).toBeUndefined();
  });

  it("sends away who has waited too long, and who has gone", async () => {
    const semaphore = new Semaphore({ maxInside: 1, maxWaiting: 5, maxWaitMs: 20 });
    const place = semaphore.tryEnter();
    expect(await semaphore.enter("late")).toBeUndefined();
    const gone = new AbortController();
    const left = semaphore.enter("gone", gone.signal);
    gone.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    await expect(semaphore.enter("gone", gone.signal)).rejects.toThrow("gone");
    expect([semaphore.inside, semaphore.waiting]).toEqual([1, 0]);
    place?.[Symbol.dispose]();
    place?.[Symbol.dispose]();
    expect(semaphore.inside).toBe(0);
  });

  it("never exceeds its bounds and never keeps a free place from who waits", async () => {
    const step = fc.tuple(fc.constantFrom("enter", "leave", "abort"), fc.nat(), fc.constantFrom("", "a", "b", "c"));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), fc.boolean(), async (steps, sharesPlaces) => {
        const semaphore = new Semaphore({ maxInside: 3, maxWaiting: 4, sharesPlaces });
        const inside: Disposable[] = [];
        const asking: AbortController[] = [];
        for (const [what, which, holder] of steps) {
          if (what === "enter") {
            const gone = new AbortController();
            asking.push(gone);
            void semaphore.enter(holder, gone.signal).then(
              (place) => place && inside.push(place),
              () => {},
            );
          } else if (what === "leave") {
            inside.splice(which % Math.max(1, inside.length), 1)[0]?.[Symbol.dispose]();
          } else asking[which % Math.max(1, asking.length)]?.abort();
          await nextTurn();
          expect(semaphore.inside).toBe(inside.length);
          expect(semaphore.inside).toBeLessThanOrEqual(3);
          expect(semaphore.waiting).toBeLessThanOrEqual(4);
          if (semaphore.inside === 0) expect(semaphore.waiting).toBe(0);
        }
        while (inside.length > 0) {
          inside.pop()?.[Symbol.dispose]();
          await nextTurn();
        }
        expect([semaphore.inside, semaphore.waiting]).toEqual([0, 0]);
      }),
      { numRuns: 60 },
    );
  });
});

describe("a keyed mutex", () => {
  it("runs work of one key in the order of asking, one at a time, and other keys beside it", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom("a", "b"), fc.boolean()), { maxLength: 30 }),
        async (asked) => {
          const mutex = new KeyedMutex();
          const running = new Set<string>();
          const ended: Record<string, number[]> = { a: [], b: [] };
          const results = asked.map(([key, fails], at) =>
            mutex.run(key, async () => {
              expect(running.has(key)).toBe(false);
              running.add(key);
              await nextTurn();
              running.delete(key);
              ended[key]?.push(at);
              if (fails) throw new Error(String(at));
              return at;
            }),
          );
          for (const [at, result] of (await Promise.allSettled(results)).entries()) {
            if (asked[at]?.[1]) expect(result).toMatchObject({ status: "rejected", reason: { message: String(at) } });
            else expect(result).toEqual({ status: "fulfilled", value: at });
          }
          for (const order of Object.values(ended)) expect(order).toEqual(order.toSorted((x, y) => x - y));
        },
      ),
      { numRuns: 40 },
    );
  });

  it("does not hold one key up for another", async () => {
    const mutex = new KeyedMutex();
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow = [mutex.run("a", () => promise), mutex.run("a", async () => {})];
    expect(await mutex.run("b", async () => 1)).toBe(1);
    expect(["a", "b"].map((key) => mutex.countOf(key))).toEqual([2, 0]);
    resolve();
    await Promise.all(slow);
    expect(mutex.countOf("a")).toBe(0);
  });
});
