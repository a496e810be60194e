import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BoundedMap } from "./bounded-map.ts";

describe("a bounded map", () => {
  it("drops what was used longest ago", () => {
    const map = new BoundedMap<string, number>(2);
    map.set("a", 1);
    map.set("b", 2);
    expect(map.get("a")).toBe(1);
    map.set("c", 3);
    expect([map.get("a"), map.get("b"), map.get("c"), map.size]).toEqual([1, undefined, 3, 2]);
  });

  it("makes a value once, and none when making it fails", () => {
    const map = new BoundedMap<string, number>(2);
    let made = 0;
    const make = (): number => ++made;
    expect([map.getOrMake("a", make), map.getOrMake("a", make)]).toEqual([1, 1]);
    const fail = (): never => {
      throw new Error("no");
    };
    expect(() => map.getOrMake("b", fail)).toThrow("no");
    expect(map.get("b")).toBeUndefined();
  });

  it("does not keep a value that is heavier than all may be", () => {
    const map = new BoundedMap<string, string>(3, (value) => value.length);
    map.set("a", "xx");
    map.set("b", "xxxx");
    expect([map.get("b"), map.size, map.weight]).toEqual([undefined, 0, 0]);
  });

  it("holds what a list in order of use holds, whatever is done with it", () => {
    const step = fc.tuple(fc.constantFrom("get", "set", "delete", "clear"), fc.nat({ max: 7 }), fc.nat({ max: 6 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 1, max: 12 }), (steps, max) => {
        const map = new BoundedMap<number, { readonly weight: number }>(max, ({ weight }) => weight);
        let list: (readonly [key: number, value: { readonly weight: number }])[] = [];
        const total = (): number => list.reduce((sum, [, { weight }]) => sum + weight, 0);
        for (const [what, key, weight] of steps) {
          const known = list.find(([each]) => each === key);
          if (what === "clear") {
            map.clear();
            list = [];
          } else if (what === "get") {
            expect(map.get(key)).toBe(known?.[1]);
            if (known !== undefined) list = [...list.filter((each) => each !== known), known];
          } else {
            list = list.filter((each) => each !== known);
            if (what === "delete") expect(map.delete(key)).toBe(known !== undefined);
            else {
              const value = { weight };
              map.set(key, value);
              list.push([key, value]);
              while (total() > max) list.shift();
            }
          }
          expect([map.size, map.weight]).toEqual([list.length, total()]);
          expect(map.weight).toBeLessThanOrEqual(max);
        }
        for (const [key, value] of list) expect(map.get(key)).toBe(value);
      }),
    );
  });
});
