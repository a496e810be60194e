// What the calibrated analyser promises for any text, and how it judges a few that need no label.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scoreOf } from "./calibrated.ts";
import { featureNames } from "./features.ts";
import { openAnalyser } from "./index.ts";
import { modelFrom } from "./model.ts";
import type { PackedModel } from "./model.ts";
import weights from "./weights.json" with { type: "json" };

const analyser = openAnalyser("calibrated");
const scoreFor = (text: string) => analyser.analyse(text).score;

const question = "Which of these rivers is the longest?\nA. Nile\nB. Rhine\nC. Thames\nD. Seine";

describe("the calibrated analyser", () => {
  for (const text of [
    "",
    " \n\t",
    "hi",
    "Hello!",
    "thanks",
    "Thank you so much!",
    "ok",
    "no",
    "gracias",
    "你好",
    "👍",
  ]) {
    it(`calls small talk nano: ${JSON.stringify(text)}`, () => {
      expect(analyser.analyse(text)).toMatchObject({ score: 0, level: 1 });
    });
  }

  for (const text of [
    "Prove that every finite group of odd order is solvable.",
    "Give a rigorous proof of the theorem that the fundamental group of a compact Riemann surface is residually finite.",
    "State and prove a sharper form of the lemma, then derive its corollary for number fields of class number one.",
  ]) {
    it(`calls a proof expert: ${text.slice(0, 40)}`, () => {
      expect(analyser.analyse(text).level).toBe(5);
    });
  }

  it("asks less for a known fact than for a word problem, and less for that than for a proof", () => {
    const fact = scoreFor("What is the capital of France?");
    const problem = scoreFor(
      "Ann has 3 apples and twice as many pears as Tom, who has 5 more than a third of Eve's 12. How many fruits do they have altogether?",
    );
    const proof = scoreFor("Prove the theorem that there are infinitely many primes of the form 4k + 3, rigorously.");
    expect(fact).toBeLessThan(problem);
    expect(problem).toBeLessThan(proof);
  });

  it("takes no two words for a question of small talk that asks for something", () => {
    expect(scoreFor("no, because the second argument is wrong")).toBeGreaterThan(0);
    expect(scoreFor("hello, what is 7 * 8?")).toBeGreaterThan(0);
  });

  for (const [what, same] of [
    ["an answer's prompt at the end", `${question}\nAnswer:`],
    ["blank space around it", `\n  ${question}  \n\n`],
    ["other brackets around the letters", question.replace(/^([A-D])\. /gm, "($1) ")],
    ["a name in front", `Question: ${question}`],
  ] as const) {
    it(`hardly moves for ${what}`, () => {
      expect(Math.abs(scoreFor(same) - scoreFor(question))).toBeLessThan(0.15);
    });
  }

  it("answers any text with a score, a level and reasons that add up to its own rules", () => {
    const texts = fc.oneof(
      fc.string({ unit: "binary", maxLength: 300 }),
      fc.string({ unit: "grapheme", maxLength: 300 }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const { score, level, reasons } = analyser.analyse(text);
        expect(score).toBeGreaterThanOrEqual(0);
        expect(score).toBeLessThanOrEqual(1);
        expect(level).toBe(1 + weights.levels.filter((start) => score >= start).length);
        expect(reasons.length).toBeLessThanOrEqual(4);
        const sizes = reasons.map(({ contribution }) => Math.abs(contribution));
        expect(sizes).toEqual(sizes.toSorted((left, right) => right - left));
      }),
    );
  });

  it("answers the same whatever was asked before, and whoever asks", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 200 }), { minLength: 1, maxLength: 5 }), (texts) => {
        const first = texts.map((text) => openAnalyser("calibrated").analyse(text));
        expect(texts.toReversed().map((text) => analyser.analyse(text))).toEqual(first.toReversed());
      }),
      { numRuns: 10 },
    );
  });

  for (const [what, text] of [
    ["a megabyte of words", "why not ".repeat(131_072)],
    ["a megabyte without a space", "x".repeat(1_048_576)],
    ["a megabyte of digits", "7".repeat(1_048_576)],
    ["a megabyte of blanks", " ".repeat(1_048_576)],
    ["a megabyte of options", "A. x\nB. y\n".repeat(104_858)],
    ["lone surrogates", "\ud800 \udfff\ud800x"],
    ["NUL and controls", "\u0000\u0001 why \u001b[31m?"],
  ] as const) {
    it(`answers ${what}`, () => {
      const { score } = analyser.analyse(text);
      expect(score >= 0 && score <= 1).toBe(true);
    });
  }

  it("reads nothing between the head and the tail of a long text", () => {
    const text = (middle: string) =>
      `${"The sum of 3 and 4. ".repeat(400)}${middle.padEnd(4000)}${"And why? ".repeat(300)}`;
    expect(analyser.analyse(text("prove the theorem"))).toEqual(analyser.analyse(text("hello")));
  });

  for (const [language, text] of [
    ["German", "Wie hoch ist der höchste Berg der Alpen, und wer bestieg ihn zuerst?"],
    ["Russian", "Какая река самая длинная в Европе?"],
    ["Arabic", "ما هي عاصمة مصر ولماذا اختيرت؟"],
    ["Hindi", "भारत की राजधानी क्या है और क्यों?"],
    ["Japanese", "日本で一番高い山は何ですか。理由も説明してください。"],
    ["Chinese", "请证明存在无穷多个素数，并说明每一步的理由。"],
    ["Korean", "한국의 수도는 어디이며 그 이유는 무엇입니까?"],
    ["Thai", "เมืองหลวงของประเทศไทยคืออะไรและทำไม"],
  ] as const) {
    it(`judges ${language}, and not as small talk`, () => {
      expect(scoreFor(text)).toBeGreaterThan(0);
    });
  }

  it("asks a little more where tools, a schema, images or turns come with the text, never less", () => {
    const plain = scoreFor(question);
    for (const hints of [{ hasTools: true }, { hasSchema: true }, { images: 2 }, { turns: 8 }]) {
      expect(analyser.analyse(question, hints).score).toBeGreaterThan(plain);
    }
    expect(analyser.analyse(question, { hasTools: false, images: 0, turns: 1 }).score).toBe(plain);
  });

  it("names features as reasons and never words of the text", () => {
    const known = new Set<string>([...featureNames, "wording", "proof", "brevity", "smallTalk", "hints"]);
    for (const text of ["Prove Zorn's lemma xyzzy.", "hi", "12", question]) {
      for (const { feature } of analyser.analyse(text, { hasTools: true }).reasons) expect(known).toContain(feature);
    }
  });
});

describe("the scale of scores", () => {
  it("rises strictly, also beyond the labelled prompts, and stays inside 0 and 1", () => {
    const knots = Float64Array.from(weights.knots);
    const raw = fc.double({ min: -1.5, max: 2, noNaN: true });
    fc.assert(
      fc.property(raw, raw, (left, right) => {
        fc.pre(right - left > 1e-6);
        const [low, high] = [scoreOf(knots, left), scoreOf(knots, right)];
        expect(low).toBeLessThan(high);
        expect(low > 0 && high < 1).toBe(true);
      }),
    );
  });
});

describe("the committed weights", () => {
  it("say where they come from", () => {
    expect(weights.provenance).toMatchObject({ command: "node scripts/fit-analyser.ts" });
    expect(weights.provenance.data.join()).toMatch(/Apache-2.0.*MIT/);
  });

  it("are refused when they were fitted for other features", () => {
    const other: PackedModel = { ...weights, features: weights.features.slice(1) };
    expect(() => modelFrom(other)).toThrow(/fit-analyser/);
  });
});
