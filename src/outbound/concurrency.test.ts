import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Concurrency } from "./concurrency.ts";
import type { ConcurrencyTerms, Place } from "./concurrency.ts";

const never = new AbortController().signal;

function rig(terms: Partial<ConcurrencyTerms> = {}) {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs };
  const places = new Concurrency({ maxInFlight: 2, maxWaiting: 3, maxWaitMs: 60_000, ...terms }, clock);
  return { places, pass: (ms: number) => (nowMs += ms) };
}

/** Lets everything that is ready run. */
const settled = () => new Promise(setImmediate);

describe("the places of a deployment", () => {
  it("are given at once while there are any", () => {
    const { places } = rig();
    expect([places.tryEnter(), places.tryEnter()]).not.toContain(undefined);
    expect(places.tryEnter()).toBeUndefined();
    expect(places.figures()).toMatchObject({ inFlight: 2, waiting: 0, maxInFlight: 2 });
  });

  it("are given to those who wait in the order in which they came", async () => {
    const { places } = rig();
    const held = [places.tryEnter()!, places.tryEnter()!];
    const order: number[] = [];
    const waiting = [0, 1, 2].map((at) =>
      places.enter(never).then((place) => {
        order.push(at);
        return place!;
      }),
    );
    expect(places.figures()).toMatchObject({ inFlight: 2, waiting: 3 });
    held[0]!.complete();
    held[1]![Symbol.dispose]();
    await settled();
    expect(order).toEqual([0, 1]);
    (await waiting[0]!).complete();
    await Promise.all(waiting);
    expect(order).toEqual([0, 1, 2]);
    expect(places.figures()).toMatchObject({ inFlight: 2, waiting: 0 });
  });

  it("are refused when the line is full", async () => {
    const { places } = rig({ maxInFlight: 1, maxWaiting: 1 });
    const held = places.tryEnter()!;
    const waiter = places.enter(never);
    expect(await places.enter(never)).toBeUndefined();
    held.complete();
    expect(await waiter).toBeDefined();
  });

  it("are refused to who has waited long enough", async () => {
    const { places } = rig({ maxInFlight: 1, maxWaitMs: 20 });
    using held = places.tryEnter();
    expect(held).toBeDefined();
    expect(await places.enter(never)).toBeUndefined();
    expect(places.figures()).toMatchObject({ inFlight: 1, waiting: 0 });
  });

  it("are not given to who has left the line, and the line closes up", async () => {
    const { places } = rig({ maxInFlight: 1 });
    const held = places.tryEnter()!;
    const gone = new AbortController();
    const reason = new Error("gone");
    const [first, second, third] = [places.enter(never), places.enter(gone.signal), places.enter(never)];
    const left = expect(second).rejects.toBe(reason);
    gone.abort(reason);
    await left;
    expect(places.figures().waiting).toBe(2);
    held.complete();
    (await first)!.complete();
    expect(await third).toBeDefined();
    await expect(places.enter(gone.signal)).rejects.toBe(reason);
  });

  it("are given back once, however often it is said", () => {
    const { places } = rig();
    const place = places.tryEnter()!;
    place.complete();
    place.complete();
    place[Symbol.dispose]();
    expect(places.figures().inFlight).toBe(0);
  });

  it("are never more than there are, whatever happens in which order", async () => {
    const step = fc.tuple(fc.constantFrom("enter", "leave", "abort"), fc.nat());
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        const { places } = rig();
        const held: Place[] = [];
        const line: AbortController[] = [];
        let most = 0;
        for (const [what, which] of steps) {
          if (what === "enter") {
            const gone = new AbortController();
            line.push(gone);
            void places.enter(gone.signal).then(
              (place) => place && held.push(place),
              () => {},
            );
          } else if (what === "leave") held.splice(which % Math.max(1, held.length), 1)[0]?.complete();
          else line[which % Math.max(1, line.length)]?.abort();
          await Promise.resolve();
          most = Math.max(most, held.length);
          expect(places.figures().inFlight).toBeLessThanOrEqual(2);
          expect(places.figures().waiting).toBeLessThanOrEqual(3);
        }
        for (const gone of line) gone.abort();
        await settled();
        while (held.length > 0) held.pop()!.complete();
        expect(most).toBeLessThanOrEqual(2);
        expect(places.figures()).toMatchObject({ inFlight: 0, waiting: 0 });
      }),
      { numRuns: 50 },
    );
  });
});

describe("the figures of a deployment", () => {
  it("follow what calls took, the newest most", () => {
    const { places, pass } = rig();
    expect(places.figures()).toMatchObject({ latencyMs: null, firstByteMs: null });
    const call = (firstMs: number, restMs: number): void => {
      const place = places.tryEnter()!;
      pass(firstMs);
      place.firstByte();
      pass(restMs);
      place.firstByte();
      place.complete();
    };
    call(100, 900);
    expect(places.figures()).toMatchObject({ firstByteMs: 100, latencyMs: 1000 });
    call(200, 1800);
    expect(places.figures()).toMatchObject({ firstByteMs: 120, latencyMs: 1200 });
  });

  it("learn nothing from a call that failed", () => {
    const { places, pass } = rig();
    {
      using place = places.tryEnter();
      expect(place).toBeDefined();
      pass(5);
    }
    expect(places.figures()).toMatchObject({ latencyMs: null, inFlight: 0 });
  });
});
