import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { frameEntry, splitBundle, tilePath, tilesBetween, tileWidth, widthAt } from "./tiles.ts";

describe("tile names", () => {
  it("spell large indexes as the specification does", () => {
    expect(tilePath({ level: 0, index: 1_234_067, width: tileWidth })).toBe("tile/0/x001/x234/067");
    expect(tilePath({ level: "entries", index: 5, width: 17 })).toBe("tile/entries/005.p/17");
  });

  it("list the tiles of a tree of 70 000 entries as the specification does", () => {
    const hashTiles = [...tilesBetween(0, 70_000)].filter(({ level }) => level !== "entries");
    const partial = hashTiles.filter(({ width }) => width < tileWidth);
    expect(hashTiles.filter(({ level }) => level === 0)).toHaveLength(274);
    expect(partial.map(tilePath)).toEqual(["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
    expect([...tilesBetween(0, 256)].map(tilePath)).toEqual(["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
  });

  it("between two sizes are exactly the tiles that changed", () => {
    const sizes = fc.tuple(fc.nat(200_000), fc.nat(3_000));
    fc.assert(
      fc.property(sizes, ([from, growth]) => {
        const to = from + growth;
        const key = (level: number | "entries", index: number): string => `${level}/${index}`;
        const listed = new Map([...tilesBetween(from, to)].map((tile) => [key(tile.level, tile.index), tile.width]));
        for (const tile of tilesBetween(0, to)) {
          const changed = widthAt(tile.level, tile.index, from) !== tile.width;
          expect(listed.get(key(tile.level, tile.index))).toBe(changed ? tile.width : undefined);
        }
      }),
      { numRuns: 20 },
    );
  });
});

describe("entry bundles", () => {
  it("split into the entries they were made of, and refuse any other count or length", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 30 }), (entries) => {
        const framed = entries.map(frameEntry);
        const bundle = Buffer.concat(framed);
        expect(splitBundle(bundle, entries.length)).toEqual(framed);
        expect(splitBundle(bundle, entries.length + 1)).toBeUndefined();
        expect(splitBundle(bundle.subarray(0, -1), entries.length)).toBeUndefined();
      }),
    );
  });
});
