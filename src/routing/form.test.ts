// Which form a prompt has, and what is seen in its options.
import { describe, expect, it } from "vitest";
import { choicesOf } from "./choices.ts";
import { excerptOf } from "./excerpt.ts";
import { featureNames, measure } from "./features.ts";
import { formOf } from "./form.ts";
import { Reader } from "./reading.ts";

function formFor(prompt: string): string {
  const features = new Float64Array(featureNames.length + 1);
  measure(new Reader().read(prompt), features);
  return formOf(features);
}

describe("the form of a prompt", () => {
  for (const [form, prompt] of [
    ["options", "Ann has 3 apples and 4 pears. How many fruits are there?\nA. 7\nB. 8"],
    ["quantities", "Ann has 3 apples and 4 pears. How many fruits are there?"],
    ["other", "Ann has 3 apples. How many fruits are there?"],
    ["other", "Ann has 3 apples and 4 pears."],
    ["other", "If $x^2 + 3 = 2x + 4$, what is $x$?"],
    ["other", "Why is the sky blue?"],
    ["other", ""],
  ] as const) {
    it(`is ${form}: ${JSON.stringify(prompt)}`, () => {
      expect(formFor(prompt)).toBe(form);
    });
  }
});

describe("the options of a question", () => {
  it("share words with the stem and with each other", () => {
    const { inStem, alike } = choicesOf(excerptOf("Is a whale a fish?\nA. The whale swims\nB. The whale sings"));
    expect(inStem).toBe(1 / 4);
    expect(alike).toBe(2 / 4);
  });

  it("are counted when they are single words, and when they begin with a capital letter", () => {
    const { oneWord, capitalised } = choicesOf(excerptOf("Where?\nA. Rome\nB. in Athens\nC. Évora\nD. 12"));
    expect(oneWord).toBe(3 / 4);
    expect(capitalised).toBe(2 / 4);
  });

  it("are nothing where there are none, and nothing in common where they are empty", () => {
    const nothing = { inStem: 0, alike: 0, oneWord: 0, capitalised: 0 };
    expect(choicesOf(excerptOf("Where is Rome?"))).toEqual(nothing);
    expect(choicesOf(excerptOf("Where?\nA. -\nB. -"))).toMatchObject({ inStem: 0, alike: 0 });
  });
});
