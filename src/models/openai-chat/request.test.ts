import { describe, expect, it } from "vitest";
import { plainCall } from "../../../test/support/gateway/model-call.ts";
import type { ModelCall, Part } from "../conversation.ts";
import { openaiChatFront, openaiChatUpstream } from "./dialect.ts";

const target = { model: "served", defaultMaxOutputTokens: 100 };

const bare = plainCall({
  dialect: "anthropic-messages",
  turns: [{ role: "user", parts: [{ kind: "text", text: "hi" }] }],
});

function bodyOf(fields: Partial<ModelCall>, model = "served"): Readonly<Record<string, unknown>> {
  return openaiChatUpstream.writeCall({ ...bare, ...fields }, { ...target, model }).body;
}

function said(role: "user" | "assistant" | "system", ...parts: Part[]): unknown {
  return bodyOf({ turns: [{ role, parts }] })["messages"];
}

describe("a call to an upstream of chat completions", () => {
  it("is the caller's own body in the same dialect, with the served model", () => {
    const raw = { model: "auto", messages: [{ role: "user", content: "hi" }], logit_bias: { 1: 2 }, max_tokens: 3 };
    const call = openaiChatFront.readCall(raw);
    expect(openaiChatUpstream.writeCall(call, target)).toEqual({
      path: "/chat/completions",
      headers: {},
      body: { ...raw, model: "served" },
    });
  });

  it.each([undefined, null, { include_usage: false }, { include_usage: true, include_obfuscation: false }])(
    "always asks for the usage of a stream, whatever the caller's options: %j",
    (options) => {
      const raw = { model: "m", messages: [{ role: "user", content: "hi" }], stream: true, stream_options: options };
      const { body } = openaiChatUpstream.writeCall(openaiChatFront.readCall(raw), target);
      expect(body).toEqual({ ...raw, model: "served", stream_options: { ...options, include_usage: true } });
      expect(bodyOf({ stream: true })).toMatchObject({ stream: true, stream_options: { include_usage: true } });
    },
  );

  it("is built from the neutral form of another dialect", () => {
    const schema = { type: "object" };
    const call: Partial<ModelCall> = {
      tools: [{ name: "f", parameters: schema }],
      toolChoice: { name: "f" },
      parallelToolCalls: false,
      form: { kind: "schema", name: "s", schema, strict: true },
      maxOutputTokens: 9,
      temperature: 0.5,
      topP: 0.9,
      stop: ["x"],
      seed: 7,
      choices: 2,
      logprobs: true,
      reasoning: { effort: "low" },
    };
    expect(bodyOf(call)).toEqual({
      model: "served",
      messages: [{ role: "user", content: "hi" }],
      tools: [{ type: "function", function: { name: "f", parameters: schema } }],
      tool_choice: { type: "function", function: { name: "f" } },
      parallel_tool_calls: false,
      response_format: { type: "json_schema", json_schema: { name: "s", schema, strict: true } },
      max_tokens: 9,
      temperature: 0.5,
      top_p: 0.9,
      stop: ["x"],
      seed: 7,
      n: 2,
      logprobs: true,
      reasoning_effort: "low",
    });
    expect(bodyOf({ form: { kind: "json" } })).toMatchObject({ response_format: { type: "json_object" } });
  });

  it.each([
    ["o3-mini", "max_completion_tokens"],
    ["openai/gpt-5", "max_completion_tokens"],
    ["gpt-oss-120b", "max_tokens"],
    ["llama3.2", "max_tokens"],
  ])("limits the output of %s by %s", (model, field) => {
    expect(bodyOf({ maxOutputTokens: 9 }, model)).toHaveProperty(field, 9);
  });

  it.each([
    [1000, "low"],
    [5000, "medium"],
    [9000, "high"],
  ])("says a budget of %i of 10 000 tokens of reasoning as %s", (budgetTokens, effort) => {
    expect(bodyOf({ maxOutputTokens: 10_000, reasoning: { budgetTokens } })["reasoning_effort"]).toBe(effort);
  });

  it("keeps results of tools as messages, and says in words that one failed", () => {
    const text = (words: string): Part => ({ kind: "text", text: words });
    expect(
      said(
        "user",
        { kind: "tool_result", id: "1", parts: [text("a")] },
        { kind: "tool_result", id: "2", parts: [text("b")], isError: true },
        { kind: "tool_result", id: "3", parts: [text("c"), text("d")], isError: true },
        text("e"),
      ),
    ).toEqual([
      { role: "tool", tool_call_id: "1", content: "a" },
      { role: "tool", tool_call_id: "2", content: "Error: b" },
      {
        role: "tool",
        tool_call_id: "3",
        content: [
          { type: "text", text: "Error:" },
          { type: "text", text: "c" },
          { type: "text", text: "d" },
        ],
      },
      { role: "user", content: "e" },
    ]);
  });

  it("says media in the user's turn, and leaves earlier reasoning out", () => {
    const source = { kind: "base64", mediaType: "image/png", data: "aGk=" } as const;
    expect(
      said(
        "user",
        { kind: "image", source, detail: "high" },
        { kind: "audio", format: "mp3", data: "aGk=" },
        { kind: "file", source, name: "a.png" },
      ),
    ).toEqual([
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: "data:image/png;base64,aGk=", detail: "high" } },
          { type: "input_audio", input_audio: { data: "aGk=", format: "mp3" } },
          { type: "file", file: { filename: "a.png", file_data: "data:image/png;base64,aGk=" } },
        ],
      },
    ]);
    expect(said("assistant", { kind: "reasoning", text: "hm" }, { kind: "refusal", text: "no" })).toEqual([
      { role: "assistant", content: null, refusal: "no" },
    ]);
    expect(said("assistant")).toEqual([{ role: "assistant", content: "" }]);
    expect(said("user")).toEqual([{ role: "user", content: "" }]);
  });

  const url = { kind: "url", url: "https://example.org/a" } as const;
  const user = (...parts: Part[]): Partial<ModelCall> => ({ turns: [{ role: "user", parts }] });
  it.each<[string, Partial<ModelCall>]>([
    ["sampling from the top k", { topK: 5 }],
    ["texts to embed", { inputs: ["a"] }],
    ["a file by URL", user({ kind: "file", source: url })],
    ["a tool call of the user", user({ kind: "tool_call", id: "1", name: "f", arguments: "" })],
    ["an image of the assistant", { turns: [{ role: "assistant", parts: [{ kind: "image", source: url }] }] }],
    ["an image in the instructions", { turns: [{ role: "system", parts: [{ kind: "image", source: url }] }] }],
    ["what has no neutral form", { untranslated: ["/mcp_servers"] }],
  ])("is refused for %s", (_what, fields) => {
    const refusing = { ...target, unsupported: "refuse" } as const;
    const write = (): unknown => openaiChatUpstream.writeCall({ ...bare, ...fields }, refusing);
    expect(write).toThrow(expect.objectContaining({ code: "dialect.unsupported" }));
  });
});
