import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairShare, holderOf } from "./fair-share.ts";

/** Takes as much as is given. */
function greedy(share: FairShare, holder: string): number {
  while (share.take(holder));
  return share.heldBy(holder);
}

describe("a fair share", () => {
  it("leaves a fifth to others when one takes all it can, and something to each that comes after", () => {
    const share = new FairShare(100);
    expect(["a", "b", "c"].map((holder) => greedy(share, holder))).toEqual([80, 16, 3]);
    expect(share.take("e")).toBe(true);
    expect(share.take("f")).toBe(false);
  });

  it("gives the last unit to one that holds nothing, and never more than there is", () => {
    const share = new FairShare(1);
    expect([share.take("a"), share.take("a"), share.take("b")]).toEqual([true, false, false]);
    share.give("a");
    expect(share.take("b")).toBe(true);
    expect(new FairShare(2).take("a", 3)).toBe(false);
  });

  it("counts what is taken and given back, whatever the order", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.boolean(), fc.integer({ min: 1, max: 30 })), {
          maxLength: 200,
        }),
        (steps) => {
          const share = new FairShare(60);
          for (const [holder, takes, units] of steps) {
            if (takes) share.take(holder, units);
            else if (share.heldBy(holder) >= units) share.give(holder, units);
            const held = ["a", "b", "c"].map((each) => share.heldBy(each));
            expect(share.held).toBe(held.reduce((sum, each) => sum + each, 0));
            expect(share.held).toBeLessThanOrEqual(60);
          }
        },
      ),
    );
  });

  it("refuses to be given more than was taken", () => {
    expect(() => new FairShare(1).give("a")).toThrow("more is given back");
  });

  it("knows products by name and callers of none by a name that no product has", () => {
    expect([holderOf("none"), holderOf(null)]).toEqual(["product:none", "none"]);
  });
});
