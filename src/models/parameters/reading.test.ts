// What is read from a body, whatever spelling and depth it comes in.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maxParameterValues } from "../../kernel/limits.ts";
import type { ModelCall } from "../conversation.ts";
import { frontDialects } from "../dialects.ts";
import { decisiveNames, mergedObjects } from "./governed.ts";
import { governedRows } from "./governed-rows.ts";
import { canonicalName } from "./names.ts";
import { ordinaryNames } from "./ordinary.ts";
import { readAsked } from "./reading.ts";

const plain = { model: "m", messages: [{ role: "user", content: "Hi" }] };

/** A chat with some parameters. */
function chat(more: Readonly<Record<string, unknown>>): ModelCall {
  const front = frontDialects["openai-chat"];
  if (front === undefined) throw new Error("nobody reads chats");
  return front.readCall({ ...plain, ...more });
}

const everyName = governedRows.flatMap((row) => row.names.split(" ").map((name) => ({ name, row })));

/** Ways in which some server reads a name as the same name. */
const spelling = fc.constantFrom<(name: string) => string>(
  (name) => name,
  (name) => name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
  (name) => name.toUpperCase(),
  (name) => name.replaceAll("_", "-"),
  (name) => name.replaceAll("s", "\u017f"),
  (name) => name.replaceAll("k", "\u212a"),
  (name) => `_${name}_`,
);
const container = fc.constantFrom("extra_body", "extraBody", "additional_params", "providerOptions");

describe("a governed parameter", () => {
  it("is found in every spelling and inside whatever is merged into the body", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...everyName),
        spelling,
        fc.array(container, { maxLength: 3 }),
        ({ name, row }, spell, way) => {
          const body = way.reduceRight<Record<string, unknown>>((inner, key) => ({ [key]: inner }), {
            [spell(name)]: "asked",
          });
          const { uses, unknown } = readAsked(chat(body));
          expect(uses.map((use) => use.name)).toContain(name);
          expect(uses.find((use) => use.name === name)?.effects).toEqual(row.effects);
          expect(unknown).toEqual([]);
        },
      ),
    );
  });

  it("of those that count anywhere is found inside parameters that nothing is known of", () => {
    const anywhere = everyName.filter(({ row }) => row.counts === "anywhere");
    fc.assert(
      fc.property(
        fc.constantFrom(...anywhere),
        spelling,
        fc.array(fc.constantFrom("a", "b"), { maxLength: 4 }),
        ({ name }, spell, way) => {
          const inner = way.reduceRight<unknown>((value, key) => [{ [key]: value }], { [spell(name)]: "asked" });
          expect(readAsked(chat({ frobnicate: inner })).uses.map((use) => use.name)).toContain(name);
        },
      ),
    );
  });

  it("asks for nothing when it is null, an empty list, or at an ordinary value", () => {
    for (const { name, row } of everyName) {
      for (const value of [null, [], ...(row.ordinary ?? [])]) {
        expect(readAsked(chat({ [name]: value })).uses, `${name}: ${String(value)}`).toEqual([]);
      }
    }
  });
});

describe("what Charter decides by", () => {
  it("may stand there in one spelling only", () => {
    fc.assert(
      fc.property(fc.constantFrom(...decisiveNames.values()), spelling, (name, spell) => {
        const key = spell(name);
        fc.pre(key !== name);
        const front = frontDialects["openai-chat"]!;
        expect(() => readAsked(front.readCall({ ...plain, [key]: 1 }))).toThrow(
          expect.objectContaining({ code: "dialect.invalid", facts: expect.objectContaining({ at: `/${key}` }) }),
        );
      }),
    );
  });
});

describe("a limit by which room is reserved", () => {
  it.each<[object, at: string]>([
    [{ best_of: "20" }, "/best_of"],
    [{ max_new_tokens: "100000" }, "/max_new_tokens"],
    [{ num_predict: -1 }, "/num_predict"],
    [{ max_output_tokens: [9] }, "/max_output_tokens"],
    [{ min_tokens: "9" }, "/min_tokens"],
    [{ thinking_budget: "100000" }, "/thinking_budget"],
    [{ thinking_budget: -1 }, "/thinking_budget"],
    [{ reasoning: { max_tokens: "100000" } }, "/reasoning/max_tokens"],
    [{ thinking: { budget_tokens: "unlimited" } }, "/thinking/budget_tokens"],
    [{ chat_template_kwargs: { thinkingBudget: "1e5" } }, "/chat_template_kwargs/thinkingBudget"],
    [{ reasoning_effort: "100000" }, "/reasoning_effort"],
  ])("is a number of at least zero: %j", (more, at) => {
    expect(() => readAsked(chat({ ...more }))).toThrow(
      expect.objectContaining({ code: "dialect.invalid", facts: expect.objectContaining({ at }) }),
    );
  });

  it("may be left out, null or a fraction", () => {
    expect(readAsked(chat({ best_of: null, max_new_tokens: 5.5, thinking_budget: 0, reasoning: {} })).uses).toEqual([]);
  });
});

describe("the tables", () => {
  it("call no name both ordinary and governed, and none twice", () => {
    const names = everyName.map(({ name }) => canonicalName(name));
    expect(names.length).toBe(new Set(names).size);
    for (const { canonical } of Object.values(ordinaryNames)) {
      expect([...canonical].filter((name) => names.includes(name) || mergedObjects.has(name))).toEqual([]);
    }
    expect(names.filter((name) => mergedObjects.has(name) || decisiveNames.has(name))).toEqual([]);
  });
});

describe("content", () => {
  it("is not looked at: words, schemas and metadata may say anything", () => {
    const words = fc.constantFrom("models", "api_base", "server_url", "service_tier", "store");
    fc.assert(
      fc.property(words, words, (key, value) => {
        const schema = { type: "object", properties: { [key]: { type: "string" }, model: { type: "string" } } };
        const { uses } = readAsked(
          chat({
            messages: [{ role: "user", content: `${key}: ${value}` }],
            metadata: { [key]: value },
            tools: [{ type: "function", function: { name: key, parameters: schema } }],
            response_format: { type: "json_schema", json_schema: { name: "x", schema } },
            guided_json: schema,
            logit_bias: { [key]: 1 },
          }),
        );
        expect(uses).toEqual([]);
      }),
    );
  });
});

describe("a parameter that nothing is known of", () => {
  it("is named once, and none that is known is", () => {
    const known = new Set([
      ...ordinaryNames["openai-chat"].canonical,
      ...everyName.map(({ name }) => canonicalName(name)),
    ]);
    const name = fc.stringMatching(/^[a-z]{3,8}(_[a-z]{3,8})?$/).filter((each) => !known.has(canonicalName(each)));
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 5 }), (names) => {
        fc.pre(names.every((each) => !decisiveNames.has(canonicalName(each))));
        const { unknown } = readAsked(chat(Object.fromEntries(names.map((each) => [each, 1]))));
        expect(unknown).toEqual(names);
      }),
    );
  });

  it("may hold so many values and no more", () => {
    const values = (count: number): object => ({ a: Array.from({ length: count }, () => 0) });
    expect(readAsked(chat({ frobnicate: values(maxParameterValues - 4) })).unknown).toEqual(["frobnicate"]);
    expect(() => readAsked(chat({ frobnicate: values(maxParameterValues - 3) }))).toThrow(
      expect.objectContaining({ facts: expect.objectContaining({ limit: "maxParameterValues" }) }),
    );
  });
});

describe("an address", () => {
  it("does not hide what its name says", () => {
    const effectsIn = (more: Readonly<Record<string, unknown>>) =>
      readAsked(chat(more)).uses.flatMap(({ effects }) => effects);
    for (const more of [
      { x: { api_base: "https://a.test" } },
      { my_endpoint: "https://a.test" },
      { base_url: "wss://a" },
    ]) {
      expect(effectsIn(more)).toEqual(expect.arrayContaining(["place", "reach"]));
    }
    expect(effectsIn({ plugin_callback: "x" })).toEqual(expect.arrayContaining(["tools", "reach"]));
  });
});
