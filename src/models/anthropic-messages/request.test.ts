import { describe, expect, it } from "vitest";
import { plainCall } from "../../../test/support/gateway/model-call.ts";
import type { ModelCall } from "../conversation.ts";
import { anthropicMessagesFront, anthropicMessagesUpstream } from "./dialect.ts";

const target = { model: "claude-opus-4-6", defaultMaxOutputTokens: 4096 };

/** A call as another dialect reads it. */
function callOf(fields: Partial<ModelCall>): ModelCall {
  return plainCall({ turns: [{ role: "user", parts: [{ kind: "text", text: "hello" }] }], ...fields });
}

function bodyOf(fields: Partial<ModelCall>, model = target.model): Readonly<Record<string, unknown>> {
  return anthropicMessagesUpstream.writeCall(callOf(fields), { ...target, model }).body;
}

const refused = (code: string) => expect.objectContaining({ code });

describe("writing a call to the Messages API", () => {
  it("sends the caller's own body, unknown parameters too, with the target's model", () => {
    const raw = {
      model: "auto",
      max_tokens: 5,
      messages: [{ role: "user", content: "hello" }],
      tools: [{ type: "web_search_20250305", name: "web_search" }],
      brand_new: { a: 1 },
    };
    const request = anthropicMessagesUpstream.writeCall(anthropicMessagesFront.readCall(raw), target);
    expect(request.path).toBe("/messages");
    expect(request.headers).toEqual({ "anthropic-version": "2023-06-01" });
    expect(request.body).toEqual({ ...raw, model: "claude-opus-4-6" });
  });

  it("takes the thinking of other providers out of the caller's own body", () => {
    const raw = {
      model: "auto",
      max_tokens: 5,
      messages: [
        { role: "user", content: "hello" },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "theirs", signature: "gemini:c2VhbA==" },
            { type: "thinking", thinking: "without a seal", signature: "" },
            { type: "thinking", thinking: "own", signature: "c2VhbA==" },
            { type: "text", text: "hi" },
          ],
        },
        { role: "user", content: "go on" },
        { role: "assistant", content: [{ type: "redacted_thinking", data: "gemini:x" }] },
        { role: "user", content: "go on" },
      ],
    };
    const { body } = anthropicMessagesUpstream.writeCall(anthropicMessagesFront.readCall(raw), target);
    expect(body["messages"]).toHaveLength(4);
    expect((body["messages"] as typeof raw.messages)[1]?.content).toEqual([
      { type: "thinking", thinking: "own", signature: "c2VhbA==" },
      { type: "text", text: "hi" },
    ]);
    expect(raw.messages[1]?.content).toHaveLength(4);
  });

  it("asks for a stream where the gateway wants one, whatever the caller's body says", () => {
    const raw = { model: "auto", max_tokens: 5, messages: [{ role: "user", content: "hello" }], stream: true };
    const call = anthropicMessagesFront.readCall(raw);
    expect(anthropicMessagesUpstream.writeCall({ ...call, stream: false }, target).body["stream"]).toBe(false);
    const quiet = anthropicMessagesFront.readCall({ ...raw, stream: undefined });
    expect(anthropicMessagesUpstream.writeCall({ ...quiet, stream: true }, target).body["stream"]).toBe(true);
    expect(anthropicMessagesUpstream.writeCall(quiet, target).body["stream"]).toBeUndefined();
    expect(bodyOf({ stream: true })["stream"]).toBe(true);
  });

  it("gives a tool without the type of its schema the one that the API asks for", () => {
    const tools = [{ name: "a", parameters: { properties: { x: {} } } }];
    expect(bodyOf({ tools })["tools"]).toEqual([
      { name: "a", input_schema: { type: "object", properties: { x: {} } } },
    ]);
  });

  it("hoists instructions, merges turns of one role, and puts results of tools first", () => {
    const body = bodyOf({
      turns: [
        { role: "system", parts: [{ kind: "text", text: "be brief", cache: "5m" }] },
        { role: "user", parts: [{ kind: "text", text: "weather?" }] },
        { role: "system", parts: [{ kind: "text", text: "and polite" }] },
        {
          role: "assistant",
          parts: [
            { kind: "reasoning", text: "not sealed" },
            { kind: "text", text: "" },
            { kind: "tool_call", id: "functions.a:0", name: "a", arguments: '{"x":1}' },
            { kind: "tool_call", id: "b", name: "b", arguments: "nonsense" },
          ],
        },
        { role: "user", parts: [{ kind: "tool_result", id: "functions.a:0", parts: [{ kind: "text", text: "one" }] }] },
        {
          role: "user",
          parts: [
            { kind: "text", text: "go on" },
            { kind: "tool_result", id: "b", isError: true, parts: [] },
          ],
        },
      ],
    });
    expect(body).toEqual({
      model: "claude-opus-4-6",
      max_tokens: 4096,
      system: [
        { type: "text", text: "be brief", cache_control: { type: "ephemeral" } },
        { type: "text", text: "and polite" },
      ],
      messages: [
        { role: "user", content: [{ type: "text", text: "weather?" }] },
        {
          role: "assistant",
          content: [
            { type: "tool_use", id: "functions_a_0", name: "a", input: { x: 1 } },
            { type: "tool_use", id: "b", name: "b", input: { INVALID_JSON: "nonsense" } },
          ],
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "functions_a_0", content: [{ type: "text", text: "one" }] },
            { type: "tool_result", tool_use_id: "b", content: [], is_error: true },
            { type: "text", text: "go on" },
          ],
        },
      ],
    });
  });

  it("says a temperature and a share of the probability only where they differ from the default", () => {
    expect(bodyOf({ temperature: 1, topP: 1 })).toEqual(bodyOf({}));
    expect(bodyOf({ temperature: 0, topP: 0.5, topK: 3, stop: ["a"] })).toMatchObject({
      temperature: 0,
      top_p: 0.5,
      top_k: 3,
      stop_sequences: ["a"],
    });
  });

  it.each<[string, Partial<ModelCall>]>([
    ["several answers", { choices: 2 }],
    ["probabilities", { logprobs: true }],
    ["a seed", { seed: 1 }],
    ["a tool with the name of the reply", { tools: [{ name: "charter_reply" }] }],
    ["a temperature above 1", { temperature: 1.2 }],
    ["what has no neutral form", { untranslated: ["/logit_bias"] }],
    ["instructions alone", { turns: [{ role: "system", parts: [{ kind: "text", text: "be brief" }] }] }],
    ["audio", { turns: [{ role: "user", parts: [{ kind: "audio", format: "wav", data: "" }] }] }],
    [
      "a file of another type",
      {
        turns: [
          {
            role: "user",
            parts: [{ kind: "file", source: { kind: "base64", mediaType: "application/zip", data: "" } }],
          },
        ],
      },
    ],
    [
      "a reply that is a list",
      { form: { kind: "schema", name: "r", strict: false, schema: { type: "array", items: { minimum: 1 } } } },
    ],
  ])("refuses %s", (_what, fields) => {
    const refusing = { ...target, unsupported: "refuse" } as const;
    expect(() => anthropicMessagesUpstream.writeCall(callOf(fields), refusing)).toThrow(refused("dialect.unsupported"));
  });

  it.each<[Partial<ModelCall>, unknown]>([
    [{}, undefined],
    [{ toolChoice: "auto" }, { type: "auto" }],
    [{ toolChoice: "none" }, { type: "none" }],
    [
      { toolChoice: "required", parallelToolCalls: false },
      { type: "any", disable_parallel_tool_use: true },
    ],
    [{ toolChoice: { name: "a" } }, { type: "tool", name: "a" }],
    [{ parallelToolCalls: false }, { type: "auto", disable_parallel_tool_use: true }],
    [{ parallelToolCalls: true }, undefined],
  ])("says the choice of tools %o", (fields, choice) => {
    const tools = [{ name: "a" }];
    expect(bodyOf({ tools, ...fields })["tool_choice"]).toEqual(choice);
    expect(bodyOf({ tools, ...fields })["tools"]).toEqual([
      { name: "a", input_schema: { type: "object", properties: {} } },
    ]);
    expect(bodyOf(fields)["tool_choice"]).toBeUndefined();
  });
});

describe("asking the Messages API for a form", () => {
  const schema = {
    type: "object",
    properties: { n: { type: "integer" } },
    required: ["n"],
    additionalProperties: false,
  };
  const form = { kind: "schema", name: "answer", schema, strict: true } as const;
  const forced = { type: "tool", name: "charter_reply", disable_parallel_tool_use: true };

  it("asks natively where structured outputs promise the schema", () => {
    expect(bodyOf({ form })).toMatchObject({ output_config: { format: { type: "json_schema", schema } } });
    expect(bodyOf({ form })["tools"]).toBeUndefined();
  });

  it.each([
    ["an older model", schema, "claude-sonnet-4-20250514"],
    ["another server's model", schema, "kimi-k3"],
    ["a bound", { ...schema, properties: { n: { type: "integer", minimum: 1 } } }, target.model],
    ["an unknown format", { ...schema, properties: { n: { type: "string", format: "colour" } } }, target.model],
    ["a least length", { ...schema, properties: { n: { type: "array", minItems: 2 } } }, target.model],
    ["a bound in a variant", { ...schema, properties: { n: { anyOf: [{ maximum: 2 }] } } }, target.model],
    ["an open object", { type: "object", properties: {} }, target.model],
    ["recursion", { ...schema, $defs: { a: { $ref: "#/$defs/a" } } }, target.model],
  ])("forces a tool whose input is the reply for %s", (_why, asked, model) => {
    const body = bodyOf({ form: { ...form, schema: asked }, reasoning: { effort: "high" } }, model);
    expect(body["tools"]).toEqual([expect.objectContaining({ name: "charter_reply", input_schema: asked })]);
    expect(body["tool_choice"]).toEqual(forced);
    expect(body["thinking"]).toBeUndefined();
    expect(body["output_config"] ?? {}).not.toHaveProperty("format");
  });

  it("offers the reply beside the caller's tools, and leaves it out where one of those must be called", () => {
    const tools = [{ name: "a" }];
    const json = { kind: "json" } as const;
    expect(bodyOf({ form: json, tools })).toMatchObject({
      tools: [{ name: "a" }, { name: "charter_reply", input_schema: { type: "object" } }],
      tool_choice: { type: "any" },
    });
    expect(bodyOf({ form: json, tools, toolChoice: "none" })["tool_choice"]).toEqual(forced);
    expect(bodyOf({ form: json, tools, toolChoice: "required" })).toMatchObject({
      tools: [{ name: "a" }],
      tool_choice: { type: "any" },
    });
  });

  it("promises strict tools only where the model can", () => {
    const tools = [{ name: "a", strict: true, parameters: schema }];
    expect(bodyOf({ tools })["tools"]).toEqual([{ name: "a", input_schema: schema, strict: true }]);
    expect(bodyOf({ tools }, "claude-3-5-haiku-20241022")["tools"]).toEqual([{ name: "a", input_schema: schema }]);
  });

  it("turns the reply tool back into text, whole and streamed", () => {
    const message = {
      type: "message",
      content: [{ type: "tool_use", id: "t", name: "charter_reply", input: { n: 1 } }],
      stop_reason: "tool_use",
    };
    expect(anthropicMessagesUpstream.readReply(message).choices).toEqual([
      { parts: [{ kind: "text", text: '{"n":1}' }], finish: "stop" },
    ]);
    const reader = anthropicMessagesUpstream.streamReader();
    const read = (data: object) => reader.read({ data: JSON.stringify(data) });
    const block = { type: "tool_use", id: "t", name: "charter_reply", input: {} };
    expect(read({ type: "content_block_start", index: 0, content_block: block })).toEqual([]);
    expect(
      read({ type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: '{"n":1}' } }),
    ).toEqual([{ kind: "text", choice: 0, text: '{"n":1}' }]);
    expect(read({ type: "content_block_stop", index: 0 })).toEqual([]);
    expect(read({ type: "message_delta", delta: { stop_reason: "tool_use" } })).toEqual([
      { kind: "finish", choice: 0, finish: "stop" },
    ]);
  });
});

describe("asking the Messages API to reason", () => {
  it.each<[string, ModelCall["reasoning"], object]>([
    ["claude-opus-4-6", { effort: "minimal" }, { thinking: { type: "adaptive" }, output_config: { effort: "low" } }],
    ["claude-opus-4-6", { effort: "xhigh" }, { thinking: { type: "adaptive" }, output_config: { effort: "high" } }],
    ["claude-opus-5-5", { effort: "xhigh" }, { thinking: { type: "adaptive" }, output_config: { effort: "xhigh" } }],
    ["claude-opus-4-6", { budgetTokens: 2000 }, { thinking: { type: "enabled", budget_tokens: 2000 } }],
    ["claude-opus-4-7", { budgetTokens: 2000 }, { thinking: { type: "adaptive" } }],
    ["anthropic/claude-sonnet-4.5", { effort: "low" }, { thinking: { type: "enabled", budget_tokens: 2048 } }],
    ["claude-opus-4-20250514", { effort: "high" }, { thinking: { type: "enabled", budget_tokens: 4095 } }],
    ["kimi-k3", { effort: "none" }, { thinking: { type: "disabled" } }],
    ["claude-3-5-haiku-20241022", { effort: "none" }, {}],
  ])("asks %s for %o", (model, reasoning, asked) => {
    const { thinking, output_config } = bodyOf({ reasoning: reasoning! }, model);
    expect({ thinking, output_config }).toEqual({ thinking: undefined, output_config: undefined, ...asked });
  });

  it("asks for no thinking beside a forced tool", () => {
    const fields: Partial<ModelCall> = { tools: [{ name: "a" }], toolChoice: "required" };
    expect(bodyOf({ ...fields, reasoning: { budgetTokens: 2000 } })["thinking"]).toBeUndefined();
    expect(bodyOf({ ...fields, reasoning: { effort: "high" } }, "claude-sonnet-4-5")["thinking"]).toBeUndefined();
    const { thinking, output_config } = bodyOf({ ...fields, reasoning: { effort: "high" } });
    expect({ thinking, output_config }).toEqual({ thinking: undefined, output_config: { effort: "high" } });
  });

  it("asks for no budget that leaves no room for words", () => {
    expect(
      bodyOf({ reasoning: { effort: "high" }, maxOutputTokens: 500 }, "claude-sonnet-4-5")["thinking"],
    ).toBeUndefined();
  });

  it("leaves out what is asked of a model that does not reason", () => {
    const haiku = { ...target, model: "claude-3-5-haiku-20241022" };
    const { body, dropped } = anthropicMessagesUpstream.writeCall(callOf({ reasoning: { effort: "low" } }), haiku);
    expect(body["thinking"]).toBeUndefined();
    expect(dropped).toEqual(["reasoning"]);
  });
});
