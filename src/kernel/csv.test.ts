import { describe, expect, it } from "vitest";
import { csvOf } from "./csv.ts";

describe("a table for spreadsheets", () => {
  it("has a heading, a line for each row, and nothing where there is nothing", () => {
    expect(
      csvOf(
        ["a", "b"],
        [
          ["x", 1],
          [null, -2],
        ],
      ),
    ).toBe("a,b\r\nx,1\r\n,-2\r\n");
    expect(csvOf(["a"], [])).toBe("a\r\n");
  });

  it.each([
    ["a,b", '"a,b"'],
    ['say "x"', '"say ""x"""'],
    ["two\nlines", '"two\nlines"'],
  ])("quotes %j", (cell, written) => {
    expect(csvOf(["c"], [[cell]])).toBe(`c\r\n${written}\r\n`);
  });

  it.each(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "%0a", "|calc"])("has no formula of %j", (cell) => {
    const [, written = ""] = csvOf(["c"], [[cell]]).split(/(?<=^c\r\n)/);
    expect(written).toMatch(/^"?'/);
  });

  it.each([
    ["a;=1+1;b", "a;'=1+1;b"],
    ["a; -1", "a;' -1"],
    ['a;"=1"', '"a;\'""=1"""'],
    ["a\t@b", '"a\t\'@b"'],
    ["a\n=1", '"a\n\'=1"'],
    ["\0=1", "'\0=1"],
    ["\u200b+1", "'\u200b+1"],
    ["gpt-5;x=1", "gpt-5;x=1"],
  ])("has none of %j where other marks end cells", (cell, written) => {
    expect(csvOf(["c"], [[cell]])).toBe(`c\r\n${written}\r\n`);
  });
});
