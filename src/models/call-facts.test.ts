// About how many tokens a call is, and which of its words say what is wanted.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainCall } from "../../test/support/gateway/model-call.ts";
import {
  hasPart,
  inputTokensOf,
  lastWords,
  outputTokensOf,
  textOf,
  TokenEstimator,
  tokensOfText,
} from "./call-facts.ts";
import type { ModelCall, Part, Turn } from "./conversation.ts";

const said = (role: Turn["role"], ...parts: readonly (Part | string)[]): Turn => ({
  role,
  parts: parts.map((part) => (typeof part === "string" ? { kind: "text", text: part } : part)),
});

const image: Part = { kind: "image", source: { kind: "url", url: "https://example.org/sea.png" } };
const text = fc.string({ unit: "binary", maxLength: 200 });

describe("the tokens of a text", () => {
  it.each([
    ["", 0],
    ["a", 1],
    ["four", 1],
    ["fives", 2],
    ["Ünïçödé", 2],
    ["海は青い", 4],
    ["море", 4],
    ["ab海", 2],
  ])("of %j are about %i", (words, tokens) => {
    expect(tokensOfText(words)).toBe(tokens);
  });

  it("are at least one for any text, and never more than its characters", () => {
    fc.assert(
      fc.property(
        text.filter((words) => words !== ""),
        (words) => {
          expect(tokensOfText(words)).toBeGreaterThanOrEqual(1);
          expect(tokensOfText(words)).toBeLessThanOrEqual(words.length);
        },
      ),
    );
  });

  it("never become fewer when words are added, before or behind", () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        const both = tokensOfText(one + other);
        expect(both).toBeGreaterThanOrEqual(tokensOfText(one));
        expect(both).toBeGreaterThanOrEqual(tokensOfText(other));
        // No more than rounding is lost by cutting a text in two.
        expect(both).toBeLessThanOrEqual(tokensOfText(one) + tokensOfText(other));
      }),
    );
  });

  it("are the same for a stream in pieces as for the whole, wherever it is cut", () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 20 }), (pieces) => {
        const tally = new TokenEstimator();
        for (const piece of pieces) tally.add(piece);
        expect(tally.tokens).toBe(tokensOfText(pieces.join("")));
      }),
    );
  });
});

describe("the tokens of a call", () => {
  it("are never 0 for a call that says anything", () => {
    fc.assert(
      fc.property(
        text.filter((words) => words !== ""),
        (words) => {
          expect(inputTokensOf(plainCall({ turns: [said("user", words)] }))).toBeGreaterThan(0);
          expect(inputTokensOf(plainCall({ dialect: "embeddings", inputs: [words] }))).toBeGreaterThan(0);
        },
      ),
    );
  });

  it("become more with every turn, whoever says it", () => {
    const turn = fc.record({ role: fc.constantFrom("system", "user", "assistant"), words: text });
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 6 }), turn, (turns, more) => {
        const before = turns.map(({ role, words }) => said(role, words));
        const after = [...before, said(more.role, more.words)];
        expect(inputTokensOf(plainCall({ turns: after }))).toBeGreaterThan(inputTokensOf(plainCall({ turns: before })));
      }),
    );
  });

  const base64 = "A".repeat(1600);
  const parts: readonly (readonly [string, Part, number])[] = [
    ["an image by URL", image, 1500],
    ["an image inline", { kind: "image", source: { kind: "base64", mediaType: "image/png", data: base64 } }, 1500],
    ["a recording", { kind: "audio", format: "wav", data: base64 }, 100],
    ["a file inline", { kind: "file", source: { kind: "base64", mediaType: "application/pdf", data: base64 } }, 100],
    ["a file by URL", { kind: "file", source: { kind: "url", url: "https://example.org/sea.pdf" } }, 1500],
    ["reasoning", { kind: "reasoning", text: "twelve chars" }, 3],
    ["a refusal", { kind: "refusal", text: "twelve chars" }, 3],
    ["a tool call", { kind: "tool_call", id: "1", name: "tide", arguments: '{"at":1}' }, 4 + 1 + 2],
    ["a tool's result", { kind: "tool_result", id: "1", parts: [{ kind: "text", text: "high" }, image] }, 4 + 1 + 1500],
  ];
  it.each(parts)("count %s", (_name, part, tokens) => {
    expect(inputTokensOf(plainCall({ turns: [said("user", part)] }))).toBe(4 + tokens);
  });

  it("count tools, the form of the reply and token numbers, which all are paid for", () => {
    const parameters = { type: "object" };
    const schema = { type: "object", properties: { height: { type: "number" } } };
    expect(inputTokensOf(plainCall({ tools: [{ name: "tide", description: "Says it.", parameters }] }))).toBe(
      4 + 1 + 2 + Math.ceil(JSON.stringify(parameters).length / 4),
    );
    expect(inputTokensOf(plainCall({ form: { kind: "schema", name: "sea", schema, strict: true } }))).toBe(
      Math.ceil(JSON.stringify(schema).length / 4),
    );
    expect(inputTokensOf(plainCall({ dialect: "embeddings", inputs: [], inputTokens: 700 }))).toBe(700);
  });
});

describe("the tokens that may come out of a call", () => {
  const most = (raw: Record<string, unknown>, more: Partial<ModelCall> = {}) =>
    outputTokensOf(plainCall({ raw, ...more }), 1000);

  it.each([
    ["nothing", {}, {}, 1000],
    ["a limit", { max_tokens: 50 }, { maxOutputTokens: 50 }, 50],
    ["a limit and several answers", { max_tokens: 50, n: 3 }, { maxOutputTokens: 50, choices: 3 }, 150],
    ["two limits", { max_tokens: 5000, max_completion_tokens: 50 }, { maxOutputTokens: 50 }, 5000],
    ["a limit by a name that another API uses", { num_predict: 7000 }, { maxOutputTokens: 50 }, 7000],
    ["answers that are made and not shown", { max_tokens: 50, best_of: 20 }, { maxOutputTokens: 50 }, 1000],
    ["a fraction", { max_new_tokens: 2000.5 }, {}, 2001],
    ["limits that are none", { max_tokens: -1, n: "many", best_of: null }, {}, 1000],
  ])("are reckoned from whatever a server could go by: %s", (_name, raw, more, expected) => {
    expect(most(raw, more)).toBe(expected);
  });

  it("stay an exact count, whatever is asked for", () => {
    fc.assert(
      fc.property(fc.double(), fc.double(), fc.maxSafeInteger(), (limit, answers, choices) => {
        const tokens = most({ max_tokens: limit, n: answers }, { choices: Math.max(1, choices) });
        expect(Number.isSafeInteger(tokens) && tokens >= 1000).toBe(true);
      }),
    );
  });
});

describe("the words that say what is wanted", () => {
  it("are the last that the user said in text", () => {
    const turns = [
      said("system", "Be brief."),
      said("user", "Is it high?"),
      said("assistant", "Yes."),
      said("user", "How high", image, "exactly?"),
      said("user", { kind: "tool_result", id: "1", parts: [{ kind: "text", text: "2 m" }] }),
      said("assistant", "Two metres."),
    ];
    expect(lastWords(plainCall({ turns }))).toBe("How high\nexactly?");
  });

  it("are the first input of embeddings, and empty where nothing was said", () => {
    expect(lastWords(plainCall({ dialect: "embeddings", inputs: ["sea", "sky"] }))).toBe("sea");
    expect(lastWords(plainCall({ turns: [said("system", "Be brief.")] }))).toBe("");
    expect(lastWords(plainCall())).toBe("");
  });

  it("leave out whatever is no text", () => {
    expect(textOf([image, { kind: "text", text: "sea" }, { kind: "reasoning", text: "hm" }])).toBe("sea");
    expect(textOf([image])).toBe("");
  });
});

describe("the parts of a call", () => {
  it("are found in any turn", () => {
    const call = plainCall({ turns: [said("user", image), said("user", "And now?")] });
    expect(hasPart(call, "image")).toBe(true);
    expect(hasPart(call, "audio")).toBe(false);
  });
});
