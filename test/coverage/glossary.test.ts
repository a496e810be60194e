// The glossary: each of its words is a word of the code, stands there once, and has a meaning.
import { globSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const rows = [...readFileSync("docs/glossary.md", "utf8").matchAll(/^\| (\S.*?) +\| (.*?) +\|$/gm)]
  .map(([, word = "", meaning = ""]) => ({ word, meaning }))
  .filter(({ word }) => word !== "word" && !/^-+$/.test(word));

/** The words of all identifiers and comments, in lower case: `readLeaf` is `read` and `leaf`. */
const words = new Set(
  globSync("src/**/*.ts")
    .filter((file) => !file.endsWith(".test.ts"))
    .flatMap((file) => readFileSync(file, "utf8").match(/[A-Z]?[a-z]+/g) ?? [])
    .map((word) => word.toLowerCase()),
);

describe("the glossary", () => {
  it("has as many words as a newcomer can read, and the code enough to hold them to", () => {
    expect(rows.length).toBeGreaterThanOrEqual(30);
    expect(rows.length).toBeLessThanOrEqual(60);
    expect(words.size).toBeGreaterThan(1000);
    expect(words.has("flubber")).toBe(false);
  });

  it("has each word once, with a meaning of one sentence or two", () => {
    expect(new Set(rows.map(({ word }) => word)).size).toBe(rows.length);
    for (const { word, meaning } of rows) expect(meaning, word).toMatch(/^\S.{10,220}\.$/);
  });

  it.each(rows)("has $word, which the code has too", ({ word }) => {
    expect(words.has(word)).toBe(true);
  });
});
