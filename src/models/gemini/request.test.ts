import { describe, expect, it } from "vitest";
import { plainCall } from "../../../test/support/gateway/model-call.ts";
import type { ModelCall, Part } from "../conversation.ts";
import { geminiUpstream } from "./dialect.ts";
import { tagSeal } from "./seal.ts";

/** A call as another dialect reads it. */
function callOf(fields: Partial<ModelCall>): ModelCall {
  return plainCall({ turns: [{ role: "user", parts: [{ kind: "text", text: "hello" }] }], ...fields });
}

function bodyOf(
  fields: Partial<ModelCall>,
  model = "gemini-2.5-flash",
  unsupported: "drop" | "refuse" = "drop",
): Readonly<Record<string, unknown>> {
  return geminiUpstream.writeCall(callOf(fields), { model, defaultMaxOutputTokens: 4096, unsupported }).body;
}

/** The contents of an assistant's turn that asks for tools and of the results. */
function contentsOf(parts: readonly Part[], model: string): unknown {
  return (bodyOf({ turns: [{ role: "assistant", parts }] }, model)["contents"] as { parts: unknown }[])[0]?.parts;
}

const unsupported = expect.objectContaining({ code: "dialect.unsupported" });

describe("writing a call to the Gemini API", () => {
  it("names the model and the method in the path", () => {
    const target = { model: "models/gemini-2.5-flash", defaultMaxOutputTokens: 1 };
    expect(geminiUpstream.writeCall(callOf({}), target)).toEqual({
      path: "/models/gemini-2.5-flash:generateContent",
      headers: {},
      body: { contents: [{ role: "user", parts: [{ text: "hello" }] }] },
      dropped: [],
    });
    const streamed = geminiUpstream.writeCall(callOf({ stream: true }), { ...target, model: "../files/a b?c" });
    expect(streamed.path).toBe("/models/..%2Ffiles%2Fa%20b%3Fc:streamGenerateContent?alt=sse");
  });

  it("hoists instructions, merges turns of one role, and gives results the names of their calls", () => {
    const body = bodyOf({
      turns: [
        { role: "system", parts: [{ kind: "text", text: "be brief" }] },
        { role: "user", parts: [{ kind: "text", text: "weather?" }] },
        { role: "user", parts: [{ kind: "text", text: "and time?" }] },
        {
          role: "assistant",
          parts: [
            { kind: "reasoning", text: "not sealed" },
            { kind: "tool_call", id: "c1", name: "get_weather", arguments: '{"city":"Paris"}' },
            { kind: "tool_call", id: "c2", name: "get_time", arguments: "" },
          ],
        },
        {
          role: "user",
          parts: [
            { kind: "tool_result", id: "c1", parts: [{ kind: "text", text: "sunny" }] },
            { kind: "tool_result", id: "c2", isError: true, parts: [{ kind: "text", text: "no clock" }] },
          ],
        },
      ],
    });
    expect(body).toEqual({
      systemInstruction: { parts: [{ text: "be brief" }] },
      contents: [
        { role: "user", parts: [{ text: "weather?" }, { text: "and time?" }] },
        {
          role: "model",
          parts: [
            { functionCall: { id: "c1", name: "get_weather", args: { city: "Paris" } } },
            { functionCall: { id: "c2", name: "get_time", args: {} } },
          ],
        },
        {
          role: "user",
          parts: [
            { functionResponse: { id: "c1", name: "get_weather", response: { output: "sunny" } } },
            { functionResponse: { id: "c2", name: "get_time", response: { error: "no clock" } } },
          ],
        },
      ],
    });
  });

  it("says media inline, or by a URL whose ending tells the type", () => {
    const parts: Part[] = [
      { kind: "image", source: { kind: "base64", mediaType: "image/png", data: "aW1n" } },
      { kind: "image", source: { kind: "url", url: "https://example.com/A.JPG?size=2" } },
      { kind: "file", name: "r.pdf", source: { kind: "base64", mediaType: "application/pdf", data: "cGRm" } },
      { kind: "audio", format: "wav", data: "d2F2" },
    ];
    expect(bodyOf({ turns: [{ role: "user", parts }] })["contents"]).toEqual([
      {
        role: "user",
        parts: [
          { inlineData: { mimeType: "image/png", data: "aW1n" } },
          { fileData: { fileUri: "https://example.com/A.JPG?size=2", mimeType: "image/jpeg" } },
          { inlineData: { mimeType: "application/pdf", data: "cGRm" } },
          { inlineData: { mimeType: "audio/wav", data: "d2F2" } },
        ],
      },
    ]);
  });

  it("offers tools as functions, without a schema where there are no arguments", () => {
    const parameters = { type: "object", properties: { city: { type: "string", pattern: "x" } } };
    const tools = [
      { name: "a", description: "does a", parameters },
      { name: "b", parameters: { type: "object", properties: {} } },
      { name: "c" },
      { name: "d", parameters: { type: "object", additionalProperties: { type: "string" } } },
    ];
    expect(bodyOf({ tools })).toMatchObject({
      tools: [
        {
          functionDeclarations: [
            { name: "a", description: "does a", parametersJsonSchema: parameters },
            { name: "b" },
            { name: "c" },
            { name: "d", parametersJsonSchema: { type: "object", additionalProperties: { type: "string" } } },
          ],
        },
      ],
    });
    expect(JSON.stringify(bodyOf({ tools }))).not.toContain('"properties":{}');
    const config = (toolChoice: NonNullable<ModelCall["toolChoice"]>) => bodyOf({ tools, toolChoice })["toolConfig"];
    expect(config("auto")).toEqual({ functionCallingConfig: { mode: "AUTO" } });
    expect(config("none")).toEqual({ functionCallingConfig: { mode: "NONE" } });
    expect(config("required")).toEqual({ functionCallingConfig: { mode: "ANY" } });
    expect(config({ name: "a" })).toEqual({ functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["a"] } });
    expect(bodyOf({ tools })["toolConfig"]).toBeUndefined();
  });

  it("says how long, how freely and how often to answer", () => {
    const fields = {
      maxOutputTokens: 100,
      temperature: 1.5,
      topP: 0.9,
      topK: 40,
      seed: 7,
      stop: ["END"],
      choices: 2,
      logprobs: true,
    };
    expect(bodyOf(fields)["generationConfig"]).toEqual({
      maxOutputTokens: 100,
      temperature: 1.5,
      topP: 0.9,
      topK: 40,
      seed: 7,
      stopSequences: ["END"],
      candidateCount: 2,
      responseLogprobs: true,
    });
  });

  it.each<[string, Partial<ModelCall>, string?]>([
    ["what has no neutral form", { untranslated: ["/logit_bias"] }],
    ["several streamed answers", { choices: 2, stream: true }],
    ["one tool call at a time", { tools: [{ name: "a" }], parallelToolCalls: false }],
    ["a form beside tools before Gemini 3", { tools: [{ name: "a" }], form: { kind: "json" } }],
    ["instructions alone", { turns: [{ role: "system", parts: [{ kind: "text", text: "x" }] }] }],
    [
      "a URL that tells no type",
      { turns: [{ role: "user", parts: [{ kind: "image", source: { kind: "url", url: "https://example.com/a" } }] }] },
    ],
    ["reasoning of a model without it", { reasoning: { effort: "low" } }, "gemini-2.0-flash"],
  ])("refuses %s", (_what, fields, model) => {
    expect(() => bodyOf(fields, model, "refuse")).toThrow(unsupported);
  });

  it("says media inside results from Gemini 3 on, and behind them before", () => {
    const turns: ModelCall["turns"] = [
      { role: "assistant", parts: [{ kind: "tool_call", id: "c", name: "draw", arguments: "{}" }] },
      {
        role: "user",
        parts: [
          {
            kind: "tool_result",
            id: "c",
            parts: [{ kind: "image", source: { kind: "base64", mediaType: "image/png", data: "aW1n" } }],
          },
        ],
      },
    ];
    expect((bodyOf({ turns })["contents"] as unknown[])[1]).toMatchObject({
      parts: [
        { functionResponse: { name: "draw", response: { output: "" } } },
        { inlineData: { mimeType: "image/png", data: "aW1n" } },
      ],
    });
    expect((bodyOf({ turns }, "gemini-3-pro")["contents"] as unknown[])[1]).toMatchObject({
      parts: [{ functionResponse: { name: "draw", parts: [{ inlineData: { mimeType: "image/png", data: "aW1n" } }] } }],
    });
  });
});

describe("asking Gemini for a form", () => {
  const form = (schema: object, strict = true) => ({ kind: "schema", name: "r", schema, strict }) as const;

  it("asks for JSON, and for a schema as it stands", () => {
    expect(bodyOf({ form: { kind: "json" } })["generationConfig"]).toEqual({ responseMimeType: "application/json" });
    const schema = {
      type: "object",
      properties: { a: { anyOf: [{ type: "string" }, { type: "null" }] } },
      additionalProperties: false,
    };
    expect(bodyOf({ form: form(schema) })["generationConfig"]).toEqual({
      responseMimeType: "application/json",
      responseJsonSchema: schema,
    });
  });

  it("writes a constant as a list of one value, but not a property of that name", () => {
    const schema = {
      type: "object",
      properties: { const: { const: "a" }, b: { const: 3, default: { const: "kept" } } },
    };
    expect(bodyOf({ form: form(schema) })["generationConfig"]).toMatchObject({
      responseJsonSchema: {
        type: "object",
        properties: { const: { enum: ["a"] }, b: { enum: [3], default: { const: "kept" } } },
      },
    });
  });

  it.each([
    { pattern: "^a" },
    { minLength: 2 },
    { allOf: [{ type: "string" }] },
    { not: { type: "null" } },
    { const: true },
  ])("refuses a strict form with %o, which Gemini passes over, and sends it where the form is not strict", (rule) => {
    const schema = { type: "object", properties: { a: { items: { ...rule } } } };
    expect(() => bodyOf({ form: form(schema) })).toThrow(unsupported);
    expect(bodyOf({ form: form(schema, false) })["generationConfig"]).toMatchObject({ responseJsonSchema: schema });
  });
});

describe("asking Gemini to reason", () => {
  it.each<[string, ModelCall["reasoning"], object]>([
    ["gemini-2.5-flash", { effort: "none" }, { includeThoughts: false, thinkingBudget: 0 }],
    ["gemini-2.5-pro", { effort: "medium" }, { includeThoughts: true, thinkingBudget: 8192 }],
    ["gemini-2.5-pro", { budgetTokens: 77 }, { includeThoughts: true, thinkingBudget: 77 }],
    ["gemini-3-pro-preview", { effort: "medium" }, { includeThoughts: true, thinkingLevel: "HIGH" }],
    ["gemini-3.1-pro", { effort: "medium" }, { includeThoughts: true, thinkingLevel: "MEDIUM" }],
    ["gemini-3-flash", { effort: "minimal" }, { includeThoughts: true, thinkingLevel: "MINIMAL" }],
    ["gemini-flash-latest", { effort: "xhigh" }, { includeThoughts: true, thinkingLevel: "HIGH" }],
    ["gemini-3-pro", { effort: "none" }, { includeThoughts: false, thinkingLevel: "LOW" }],
  ])("asks %s for %o", (model, reasoning, thinkingConfig) => {
    expect(bodyOf({ reasoning: reasoning! }, model)["generationConfig"]).toEqual({ thinkingConfig });
  });
});

describe("Gemini's seals", () => {
  const call = { kind: "tool_call", id: "c", name: "a", arguments: "{}" } as const;
  const functionCall = { id: "c", name: "a", args: {} };

  it("go back on the call that they came with, without their tag", () => {
    const parts: Part[] = [{ kind: "reasoning", text: "hm", signature: tagSeal("c2VhbA==") }, call, call];
    expect(contentsOf(parts, "gemini-3-pro")).toEqual([
      { functionCall, thoughtSignature: "c2VhbA==" },
      { functionCall },
    ]);
  });

  it("go back each, where one follows the other", () => {
    const parts: Part[] = [
      { kind: "reasoning", text: "hm", signature: tagSeal("YQ==") },
      { kind: "reasoning", text: "", signature: tagSeal("Yg==") },
      call,
    ];
    expect(contentsOf(parts, "gemini-3-pro")).toEqual([
      { text: "", thoughtSignature: "YQ==" },
      { functionCall, thoughtSignature: "Yg==" },
    ]);
  });

  it("go back alone where no call follows", () => {
    const parts: Part[] = [
      { kind: "text", text: "hi" },
      { kind: "reasoning", text: "", signature: tagSeal("c2VhbA==") },
    ];
    expect(contentsOf(parts, "gemini-3-pro")).toEqual([{ text: "hi" }, { text: "", thoughtSignature: "c2VhbA==" }]);
  });

  it("are stood in for where another model asked for the tool, from Gemini 3 on", () => {
    const parts: Part[] = [{ kind: "reasoning", text: "hm", signature: "anthropics" }, call, call];
    expect(contentsOf(parts, "gemini-3-pro")).toEqual([
      { functionCall, thoughtSignature: "skip_thought_signature_validator" },
      { functionCall },
    ]);
    expect(contentsOf(parts, "gemini-2.5-pro")).toEqual([{ functionCall }, { functionCall }]);
  });
});
