import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leafHash } from "./merkle.ts";
import { salvage } from "./salvage.ts";
import { frameEntry } from "./tiles.ts";

const contents = Array.from({ length: 40 }, (_, index) =>
  Buffer.from(`{"entry":${index},"text":"${"x".repeat(index)}"}`),
);
const framed = contents.map(frameEntry);
const bundle = Buffer.concat(framed);
const tile = Buffer.concat(contents.map(leafHash));
const starts = framed.map((_, index) => framed.slice(0, index).reduce((sum, entry) => sum + entry.length, 0));

describe("salvage", () => {
  it("finds every entry of a bundle whose lengths are damaged", () => {
    fc.assert(
      fc.property(fc.nat(framed.length - 1), fc.integer({ min: 1, max: 65_535 }), (index, mask) => {
        const damaged = Buffer.from(bundle);
        const at = starts[index]!;
        damaged.writeUInt16BE(damaged.readUInt16BE(at) ^ mask, at);
        expect(salvage(damaged, tile)).toEqual(framed);
      }),
    );
  });

  it("loses only the entry whose content is damaged", () => {
    fc.assert(
      fc.property(fc.nat(framed.length - 1), fc.nat(), fc.integer({ min: 1, max: 255 }), (index, place, mask) => {
        const damaged = Buffer.from(bundle);
        const at = starts[index]! + 2 + (place % contents[index]!.length);
        damaged[at] = damaged[at]! ^ mask;
        const expected = framed.map((entry, other) => (other === index ? undefined : entry));
        expect(salvage(damaged, tile)).toEqual(expected);
      }),
    );
  });

  it("finds what a cut or missing bundle still holds", () => {
    expect(salvage(Buffer.alloc(0), tile)).toEqual(framed.map(() => undefined));
    const cut = salvage(bundle.subarray(0, starts[20]! + 5), tile);
    expect(cut.slice(0, 20)).toEqual(framed.slice(0, 20));
    expect(cut.slice(20).every((entry) => entry === undefined)).toBe(true);
  });
});
