// Numbers, tables, bars and trees as people see them.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printable } from "./io.ts";
import { lineageTree } from "./lineage-tree.ts";
import { progressLine } from "./progress.ts";
import { durationText, sizeText } from "./quantity.ts";
import { alignColumns } from "./table.ts";
import { tileFiles } from "./tile-layout.ts";

describe("quantities", () => {
  it("writes sizes in decimal units", () => {
    const sizes = [0, 999, 1000, 1500, 99_950, 999_499, 999_500, 524_288_000, 4e11].map(sizeText);
    expect(sizes).toEqual(["0 B", "999 B", "1.0 kB", "1.5 kB", "100 kB", "999 kB", "1.0 MB", "524 MB", "400 GB"]);
  });

  it("writes durations", () => {
    expect([0, 7, 750, 3723, Number.NaN, Infinity].map(durationText)).toEqual([
      "0:00",
      "0:07",
      "12:30",
      "1:02:03",
      "-:--",
      "-:--",
    ]);
  });
});

describe("progress", () => {
  it("fits into the terminal, however narrow it and long the name", () => {
    const cases = fc.tuple(
      fc.string({ maxLength: 200 }),
      fc.nat(),
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 1, max: 200 }),
    );
    fc.assert(
      fc.property(cases, ([label, done, total, rate, columns]) => {
        expect(progressLine({ label, done, total, rate, amount: sizeText }, columns).length).toBeLessThanOrEqual(
          columns,
        );
      }),
    );
  });

  it("shows share, rate and time left", () => {
    const line = progressLine({ label: "a.bin", done: 25e6, total: 100e6, rate: 15e6, amount: sizeText }, 100);
    expect(line).toBe("a.bin [##########..............................]  25%  25.0 MB of 100 MB  15.0 MB/s  ETA 0:05");
  });
});

describe("tables", () => {
  it("aligns columns and pads no last one", () => {
    expect(
      alignColumns(
        [
          ["a", "1", "x"],
          ["bbb", "22", "y"],
        ],
        [1],
      ),
    ).toEqual(["a     1  x", "bbb  22  y"]);
  });

  it("shows control and direction characters of others as question marks", () => {
    expect(printable("a\u001b[2Jb\u202ec\nd")).toBe("a?[2Jb?c\nd");
  });
});

describe("the files of a log", () => {
  it("names tiles and bundles as tlog-tiles does", () => {
    expect([...tileFiles(0)]).toEqual([]);
    expect([...tileFiles(1)].map(({ path }) => path)).toEqual(["tile/entries/000.p/1", "tile/0/000.p/1"]);
    const paths = [...tileFiles(70_000)].map(({ path }) => path);
    expect(paths.filter((path) => path.startsWith("tile/0/"))).toHaveLength(274);
    expect(paths).toEqual(
      expect.arrayContaining(["tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]),
    );
    expect([...tileFiles(256 * 1_068)].some(({ path }) => path === "tile/entries/x001/067")).toBe(true);
  });

  it("covers every entry and every hash of every level exactly once", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300_000 }), (size) => {
        const widths = new Map<string, number>();
        for (const { path, isFull } of tileFiles(size)) {
          const level = path.split("/")[1]!;
          const width = isFull ? 256 : Number(path.split("/").at(-1));
          widths.set(level, (widths.get(level) ?? 0) + width);
        }
        expect(widths.get("entries")).toBe(size);
        for (let level = 0; level < widths.size - 1; level++) {
          expect(widths.get(String(level))).toBe(Math.floor(size / 256 ** level));
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe("lineage", () => {
  it("draws both directions from edges", () => {
    const edge = (child: string, parent: string) => ({ child, parent });
    const up = { edges: [edge("c", "a"), edge("c", "b"), edge("a", "z")] };
    expect(lineageTree("c", up, "ancestors")).toEqual(["|- a", "|  `- z", "`- b"]);
    expect(lineageTree("c", { edges: [edge("d", "c")] }, "descendants")).toEqual(["`- d"]);
    expect(lineageTree("c", {}, "descendants")).toEqual([]);
  });

  it("ends on a cycle", () => {
    expect(lineageTree("a", { edges: [{ child: "a", parent: "a" }] }, "ancestors")).toHaveLength(32);
  });
});
