import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Bag } from "./bag.ts";

const thing = (name: number) => ({ name, place: -1 });

describe("a bag", () => {
  it("holds what was put in and not taken out, whatever the order", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20 })), (names) => {
        const bag = new Bag<ReturnType<typeof thing>>();
        const known = new Map<number, ReturnType<typeof thing>>();
        for (const name of names) {
          const inside = known.get(name);
          known.delete(name);
          if (inside !== undefined) bag.take(inside);
          else {
            known.set(name, thing(name));
            bag.put(known.get(name)!);
          }
          expect(bag.size).toBe(known.size);
          expect(new Set(bag)).toEqual(new Set(known.values()));
        }
      }),
    );
  });

  it("takes out once what is taken out twice", () => {
    const bag = new Bag();
    const [one, other] = [thing(1), thing(2)];
    bag.put(one);
    bag.put(other);
    bag.take(one);
    bag.take(one);
    expect([...bag]).toEqual([other]);
  });

  it("shows all that was in it, although some is taken out meanwhile", () => {
    const bag = new Bag<ReturnType<typeof thing>>();
    const all = [1, 2, 3, 4].map(thing);
    for (const each of all) bag.put(each);
    const seen: number[] = [];
    for (const each of bag) {
      seen.push(each.name);
      bag.take(each);
    }
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(bag.size).toBe(0);
  });
});
