// What a counter of rate limits promises on every driver. Windows are long where a test only counts, so that none of
// them ends meanwhile, and short where a test waits.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Counter, Limit, Taken } from "../../src/identity/rates/index.ts";

/** A counter and a way to let time pass for it. */
export interface CounterPlace extends AsyncDisposable {
  readonly counter: Counter;
  wait(ms: number): Promise<void>;
}

const hourMs = 3_600_000;
/** Ends soon enough to be waited for on a real clock. */
const soonMs = 400;

/** Runs the suite on one driver. */
export function counterContract(name: string, open: () => Promise<CounterPlace>): void {
  describe(`a counter in ${name}`, () => {
    let place: CounterPlace;
    let counter: Counter;
    let keys = 0;
    const newKey = (): string => `key-${keys++}`;

    beforeAll(async () => {
      place = await open();
      ({ counter } = place);
    });

    afterAll(() => place[Symbol.asyncDispose]());

    const five: Limit = { limit: 5, windowMs: hourMs };

    const takeAll = async (key: string, limit: Limit, times: number): Promise<Taken[]> => {
      const taken: Taken[] = [];
      for (let i = 0; i < times; i++) taken.push(await counter.take(key, limit));
      return taken;
    };

    it("admits exactly the limit, counting down", async () => {
      const taken = await takeAll(newKey(), five, 7);
      expect(taken.map(({ allowed }) => allowed)).toEqual([true, true, true, true, true, false, false]);
      expect(taken.map(({ remaining }) => remaining)).toEqual([4, 3, 2, 1, 0, 0, 0]);
    });

    it("says when a unit is free again, and when all are", async () => {
      const taken = await takeAll(newKey(), five, 6);
      expect(taken.slice(0, 4).map(({ resetMs }) => resetMs)).toEqual([0, 0, 0, 0]);
      for (const { resetMs, freshMs } of taken.slice(4)) {
        expect(resetMs).toBeGreaterThan(0);
        expect(freshMs).toBeGreaterThan(resetMs);
        expect(freshMs).toBeLessThanOrEqual(2 * hourMs);
      }
    });

    it("lets a refused take cost nothing", async () => {
      const key = newKey();
      const limit = { limit: 2, windowMs: soonMs };
      const refused = (await takeAll(key, limit, 20)).at(-1);
      await place.wait(refused?.freshMs ?? 0);
      expect(await counter.take(key, limit)).toMatchObject({ allowed: true, remaining: 1 });
    });

    it("admits a unit after the time it named", async () => {
      const key = newKey();
      const limit = { limit: 3, windowMs: soonMs };
      await takeAll(key, limit, 3);
      await place.wait((await counter.peek(key, limit)).resetMs);
      expect(await counter.take(key, limit)).toMatchObject({ allowed: true });
    });

    it("weighs the older bucket by what the window still covers of it", async () => {
      const key = newKey();
      const limit = { limit: 100, windowMs: soonMs };
      const { freshMs } = await counter.take(key, limit, 100);
      // Into the next bucket, where nothing but the older one counts, and what is left of it ends with the window.
      await place.wait(freshMs - soonMs + soonMs / 4);
      const { remaining, freshMs: left } = await counter.peek(key, limit);
      expect(left).toBeLessThanOrEqual((soonMs * 3) / 4);
      expect(remaining).toBe(100 - Math.ceil((100 * left) / soonMs));
    });

    it("is fresh again after the time it named", async () => {
      const key = newKey();
      const limit = { limit: 4, windowMs: soonMs };
      const { freshMs } = await counter.take(key, limit, 4);
      await place.wait(freshMs);
      expect(await counter.peek(key, limit)).toEqual({ allowed: true, remaining: 4, resetMs: 0, freshMs: 0 });
    });

    it("takes several units at once, or none of them", async () => {
      const key = newKey();
      expect(await counter.take(key, five, 3)).toMatchObject({ allowed: true, remaining: 2 });
      expect(await counter.take(key, five, 3)).toMatchObject({ allowed: false, remaining: 2, resetMs: 0 });
      expect(await counter.take(key, five, 2)).toMatchObject({ allowed: true, remaining: 0 });
      expect(await counter.take(newKey(), five, 6)).toMatchObject({ allowed: false, remaining: 5 });
    });

    it("looks without counting", async () => {
      const key = newKey();
      const fresh = { allowed: true, remaining: 5, resetMs: 0, freshMs: 0 };
      expect(await counter.peek(key, five)).toEqual(fresh);
      expect(await counter.peek(key, five)).toEqual(fresh);
      await takeAll(key, five, 5);
      expect(await counter.peek(key, five)).toMatchObject({ allowed: false, remaining: 0 });
    });

    it("forgets a key on demand and no other", async () => {
      const [key, other] = [newKey(), newKey()];
      await takeAll(key, five, 5);
      await takeAll(other, five, 5);
      await counter.clear(key);
      expect(await counter.take(key, five)).toMatchObject({ allowed: true, remaining: 4 });
      expect(await counter.take(other, five)).toMatchObject({ allowed: false });
      await counter.clear(newKey());
    });

    it("counts no more what was given back, and gives back no more than was taken", async () => {
      const [key, other] = [newKey(), newKey()];
      await counter.take(key, five, 3);
      await counter.take(other, five, 2);
      await counter.give(key, five, 2);
      expect(await counter.peek(key, five)).toMatchObject({ allowed: true, remaining: 4 });
      await counter.give(key, five, 1);
      await counter.give(key, five, 1_000);
      expect(await counter.peek(key, five)).toEqual({ allowed: true, remaining: 5, resetMs: 0, freshMs: 0 });
      expect((await takeAll(key, five, 7)).filter(({ allowed }) => allowed)).toHaveLength(5);
      expect(await counter.peek(other, five)).toMatchObject({ remaining: 3 });
      await counter.give(newKey(), five);
      const soon = { limit: 4, windowMs: soonMs };
      const { freshMs } = await counter.take(key + key, soon, 4);
      // Beyond the edge it is the older bucket that holds them.
      await place.wait(freshMs - soonMs + soonMs / 4);
      await counter.give(key + key, soon, 4);
      expect(await counter.peek(key + key, soon)).toMatchObject({ remaining: 4, freshMs: 0 });
    });

    it("keeps keys apart, whatever they are made of", async () => {
      const odd = ["a", "a ", "A", "a:b", "a:b:", "{a}", "ключ", "__proto__", "constructor", "\r\n", "x".repeat(256)];
      for (const key of odd) expect(await counter.take(key, five)).toMatchObject({ allowed: true, remaining: 4 });
    });

    it("follows a limit that was raised or lowered", async () => {
      const key = newKey();
      await takeAll(key, five, 5);
      expect(await counter.take(key, { ...five, limit: 7 })).toMatchObject({ allowed: true, remaining: 1 });
      expect(await counter.take(key, { ...five, limit: 2 })).toMatchObject({ allowed: false, remaining: 0 });
    });

    it("admits one limit to many that take at the same time", async () => {
      const key = newKey();
      const limit = { limit: 10, windowMs: hourMs };
      const taken = await Promise.all(Array.from({ length: 200 }, async () => counter.take(key, limit)));
      expect(taken.filter(({ allowed }) => allowed)).toHaveLength(10);
    });

    it("counts large limits exactly", async () => {
      const key = newKey();
      const limit = { limit: 1_000_000_000, windowMs: hourMs };
      expect(await counter.take(key, limit, 999_999_999)).toMatchObject({ allowed: true, remaining: 1 });
      expect(await counter.take(key, limit)).toMatchObject({ allowed: true, remaining: 0 });
      expect(await counter.take(key, limit)).toMatchObject({ allowed: false, remaining: 0 });
    });
  });
}
