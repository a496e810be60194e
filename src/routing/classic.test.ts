// The documents' rules, one by one.
import { describe, expect, it } from "vitest";
import { levelNames } from "./analyser.ts";
import { classicAnalysis } from "./classic.ts";

/** A text of so many words that hold no keyword. */
const words = (count: number) => Array.from({ length: count }, () => "blue").join(" ");
const levelOf = (...args: Parameters<typeof classicAnalysis>) => levelNames[classicAnalysis(...args).level - 1];
const free = { complianceRequired: false } as const;

describe("the classic rules", () => {
  for (const [count, level] of [
    [0, "nano"],
    [4, "nano"],
    [5, "easy"],
    [19, "easy"],
    [20, "medium"],
    [49, "medium"],
    [50, "hard"],
    [99, "hard"],
    [100, "expert"],
  ] as const) {
    it(`calls ${count} words ${level}`, () => {
      expect(levelOf(words(count), free)).toBe(level);
    });
  }

  for (const [text, level] of [
    // Length alone gives easy 0.4, so two keywords of another level win with 0.6.
    [`hello thanks ${words(5)}`, "nano"],
    [`analyze and compare ${words(5)}`, "medium"],
    [`a complex detailed ${words(5)}`, "hard"],
    [`academic research ${words(5)}`, "expert"],
  ] as const) {
    it(`finds ${level} keywords in "${text.slice(0, 20)}"`, () => {
      expect(levelOf(text, free)).toBe(level);
    });
  }

  it("finds keywords inside other words, as the documents have it", () => {
    expect(levelOf(`machine know ${words(5)}`, free)).toBe("nano");
  });

  it("counts a keyword once, however often it stands", () => {
    expect(levelOf(`research research research ${words(5)}`, free)).toBe("easy");
  });

  it("lets ties go to the lower level, also where sums of tenths are not exact", () => {
    // medium and hard have two keywords each.
    expect(levelOf(`compare why complex detailed ${words(5)}`, free)).toBe("medium");
    // hard: 0.4 of length and 0.2 of compliance; expert: 0.1 + 0.3 + 0.2, which is more by a rounding error.
    const terms = { queryType: "ethical_reasoning" };
    expect(levelOf(`research ${words(8)}`, terms)).toBe("expert");
    expect(levelOf(`research complex ${words(8)}`, terms)).toBe("hard");
  });

  it("raises hard by 0.2 and expert by 0.1 for compliance, unless it is not required", () => {
    expect(levelOf(`complex ${words(10)}`)).toBe("hard");
    expect(levelOf(`complex ${words(10)}`, free)).toBe("easy");
  });

  for (const [queryType, text, level] of [
    // hard 0.3 + 0.3 of a keyword against easy 0.4
    ["constitutional_analysis", "complex", "hard"],
    ["policy_governance", "complex", "hard"],
    ["ethical_reasoning", "complex", "hard"],
    // medium 0.3 + 0.3 against easy 0.4 and hard 0.2
    ["code_generation", "compare", "medium"],
    ["technical_analysis", "compare", "medium"],
  ] as const) {
    it(`gives points for the query type ${queryType}`, () => {
      expect(levelOf(`${text} ${words(8)}`, { ...free, queryType })).toBe(level);
      expect(levelOf(`${text} ${words(8)}`, free)).toBe("easy");
    });
  }

  it("sums what the query type and compliance give", () => {
    // hard: 0.2 + 0.3 = 0.5 against easy 0.4.
    expect(levelOf(words(8), { queryType: "ethical_reasoning" })).toBe("hard");
    // medium: 0.3, hard: 0.4, easy: 0.4, and ties go down.
    expect(levelOf(words(8), { queryType: "code_generation" })).toBe("easy");
    expect(levelOf(words(30), { queryType: "code_generation" })).toBe("medium");
  });

  it("scores the level's place", () => {
    expect(classicAnalysis(words(100), free)).toEqual({
      score: 1,
      level: 5,
      reasons: [{ feature: "expert: length", contribution: 0.4 }],
    });
  });
});
