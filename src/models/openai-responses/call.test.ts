import { describe, expect, it } from "vitest";
import { openaiChatFront } from "../openai-chat/dialect.ts";
import { openaiResponsesFront, openaiResponsesUpstream } from "./dialect.ts";

const target = { model: "served", defaultMaxOutputTokens: 100 };

function read(fields: object): ReturnType<typeof openaiResponsesFront.readCall> {
  return openaiResponsesFront.readCall({ model: "m", input: "hi", ...fields });
}

describe("a call of the Responses API", () => {
  it("may say only what is needed", () => {
    expect(read({})).toEqual({
      dialect: "openai-responses",
      raw: { model: "m", input: "hi" },
      model: "m",
      turns: [{ role: "user", parts: [{ kind: "text", text: "hi" }] }],
      tools: [],
      form: { kind: "text" },
      stop: [],
      choices: 1,
      stream: false,
      wantsUsage: true,
    });
  });

  it("may say everything that has a neutral form", () => {
    const schema = { type: "object" };
    const call = read({
      instructions: "be brief",
      tools: [{ type: "function", name: "f", description: null, parameters: schema, strict: true }],
      tool_choice: { type: "function", name: "f" },
      parallel_tool_calls: false,
      text: { format: { type: "json_schema", name: "s", schema, strict: true }, verbosity: "medium" },
      max_output_tokens: 9,
      temperature: 1,
      top_p: 0.5,
      reasoning: { effort: "minimal", summary: "auto" },
      include: ["reasoning.encrypted_content"],
      stream: true,
      store: true,
      truncation: "disabled",
      previous_response_id: null,
      background: false,
      metadata: { a: "b" },
    });
    expect(call).toMatchObject({
      turns: [{ role: "system", parts: [{ kind: "text", text: "be brief" }] }, { role: "user" }],
      tools: [{ name: "f", parameters: schema, strict: true }],
      toolChoice: { name: "f" },
      parallelToolCalls: false,
      form: { kind: "schema", name: "s", schema, strict: true },
      maxOutputTokens: 9,
      temperature: 1,
      topP: 0.5,
      reasoning: { effort: "minimal" },
      stream: true,
    });
    expect(call.untranslated).toBeUndefined();
    expect(read({ text: { format: { type: "json_object" } } }).form).toEqual({ kind: "json" });
    expect(read({ tool_choice: "required" }).toolChoice).toBe("required");
  });

  it("reads every kind of item; what the assistant said together is one turn", () => {
    const { turns } = read({
      input: [
        { role: "developer", content: "a" },
        {
          type: "message",
          role: "user",
          content: [
            { type: "input_text", text: "b" },
            { type: "input_image", image_url: "data:image/png;base64,aGk=", detail: "auto" },
            { type: "input_file", file_url: "https://example.org/a.pdf" },
            { type: "input_file", filename: "b.pdf", file_data: "data:application/pdf;base64,aGk=" },
          ],
        },
        { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "c" }], encrypted_content: "opaque" },
        {
          type: "reasoning",
          id: "rs_2",
          summary: [{ type: "summary_text", text: "d" }],
          encrypted_content: "charter:signature:seal",
        },
        { type: "reasoning", id: "rs_3", summary: [], encrypted_content: "charter:redacted:seal" },
        { type: "reasoning", id: "rs_4", summary: [] },
        {
          type: "message",
          id: "msg_1",
          status: "completed",
          role: "assistant",
          content: [
            { type: "output_text", text: "e", annotations: [] },
            { type: "refusal", refusal: "f" },
          ],
        },
        { type: "function_call", id: "fc_1", call_id: "1", name: "g", arguments: "{}" },
        { type: "function_call_output", call_id: "1", output: "h" },
        { type: "function_call_output", call_id: "2", output: [{ type: "input_text", text: "i" }] },
        { role: "assistant", content: "j" },
      ],
    });
    expect(turns).toEqual([
      { role: "system", parts: [{ kind: "text", text: "a" }] },
      {
        role: "user",
        parts: [
          { kind: "text", text: "b" },
          { kind: "image", source: { kind: "base64", mediaType: "image/png", data: "aGk=" }, detail: "auto" },
          { kind: "file", source: { kind: "url", url: "https://example.org/a.pdf" } },
          { kind: "file", source: { kind: "base64", mediaType: "application/pdf", data: "aGk=" }, name: "b.pdf" },
        ],
      },
      {
        role: "assistant",
        parts: [
          { kind: "reasoning", text: "c" },
          { kind: "reasoning", text: "d", signature: "seal" },
          { kind: "reasoning", text: "", redacted: "seal" },
          { kind: "text", text: "e" },
          { kind: "refusal", text: "f" },
          { kind: "tool_call", id: "1", name: "g", arguments: "{}" },
        ],
      },
      {
        role: "user",
        parts: [
          { kind: "tool_result", id: "1", parts: [{ kind: "text", text: "h" }] },
          { kind: "tool_result", id: "2", parts: [{ kind: "text", text: "i" }] },
        ],
      },
      { role: "assistant", parts: [{ kind: "text", text: "j" }] },
    ]);
  });

  it("notes what has no neutral form", () => {
    const call = read({
      include: ["message.output_text.logprobs"],
      text: { verbosity: "low" },
      reasoning: { effort: "max" },
      truncation: "auto",
      top_logprobs: 3,
      input: [{ role: "user", content: [{ type: "input_image", file_id: "file-1" }] }],
    });
    expect(call.verbosity).toBe("low");
    expect(new Set(call.untranslated)).toEqual(
      new Set(["/include/0", "/reasoning/effort", "/truncation", "/top_logprobs", "/input/0/content/0"]),
    );
  });

  it.each<[object, string]>([
    [{ previous_response_id: "resp_1" }, "/previous_response_id"],
    [{ conversation: "conv_1" }, "/conversation"],
    [{ prompt: { id: "pmpt_1" } }, "/prompt"],
    [{ background: true }, "/background"],
  ])("is refused where Charter does not offer it: %j", (fields, at) => {
    expect(() => read(fields)).toThrow(expect.objectContaining({ code: "dialect.unsupported", facts: { at } }));
  });

  it.each<[object, string]>([
    [{ input: [{ type: "item_reference", id: "msg_1" }] }, "/input/0"],
    [{ input: [{ role: "user", content: [{ type: "input_video" }] }] }, "/input/0/content/0"],
    [{ input: [{ role: "tool", content: "" }] }, "/input/0/role"],
    [{ tools: [{ type: "web_search" }] }, "/tools/0"],
    [{ tools: [{ type: "shell" }] }, "/tools/0"],
    [{ tools: [{ type: "shell", environment: { type: "container_auto" } }] }, "/tools/0"],
    [{ tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "web_search" }] } }, "/tool_choice"],
    [{ tool_choice: { type: "file_search" } }, "/tool_choice"],
    [{ tool_choice: "any" }, "/tool_choice"],
    [{ text: { format: { type: "xml" } } }, "/text/format/type"],
  ])("leaves a word that it does not know to servers of its own API: %j", (fields, at) => {
    expect(read(fields).untranslated).toEqual([at]);
  });

  it.each<[object, string]>([
    [{ model: null }, "/model"],
    [{ input: null }, "/input"],
    [{ input: 1 }, "/input"],
    [{ input: ["hi"] }, "/input/0"],
    [{ input: [{ role: "user" }] }, "/input/0/content"],
    [{ input: [{ role: "user", content: 1 }] }, "/input/0/content"],
    [{ input: [{ role: "user", content: [{ type: "input_image" }] }] }, "/input/0/content/0/image_url"],
    [{ input: [{ type: "function_call", call_id: "1", name: "f" }] }, "/input/0/arguments"],
    [{ input: [{ type: "function_call_output", call_id: "1" }] }, "/input/0/output"],
    [{ input: [{ type: "function_call_output", output: "" }] }, "/input/0/call_id"],
    [{ input: [{ type: "reasoning", summary: [{}] }] }, "/input/0/summary/0/text"],
    [{ instructions: [] }, "/instructions"],
    [{ store: "no" }, "/store"],
    [{ background: 1 }, "/background"],
    [{ include: "all" }, "/include"],
    [{ include: [1] }, "/include/0"],
    [{ tools: [{ type: "function" }] }, "/tools/0/name"],
    [{ text: { format: { type: "json_schema" } } }, "/text/format/name"],
    [{ max_output_tokens: 0 }, "/max_output_tokens"],
    [{ reasoning: "high" }, "/reasoning"],
    [{ tool_choice: { type: "allowed_tools" } }, "/tool_choice/tools"],
    [{ tool_choice: { type: "allowed_tools", mode: "some", tools: [] } }, "/tool_choice/mode"],
    [{ tool_choice: { type: "allowed_tools", tools: [{ type: "function" }] } }, "/tool_choice/tools/0/name"],
    [{ stream: 1 }, "/stream"],
  ])("is refused where it is wrong: %j", (fields, at) => {
    expect(() => read(fields)).toThrow(expect.objectContaining({ code: "dialect.invalid", facts: { at } }));
  });
});

describe("a call to an upstream of the Responses API", () => {
  it("is the caller's own body in the same dialect, and stores nothing", () => {
    const raw = { model: "m", input: "hi", truncation: "auto", service_tier: "flex", store: true };
    const { body, path } = openaiResponsesUpstream.writeCall(openaiResponsesFront.readCall(raw), target);
    expect(path).toBe("/responses");
    expect(body).toEqual({ ...raw, model: "served", store: false });
  });

  it("is built from the neutral form of another dialect", () => {
    const schema = { type: "object" };
    const call = openaiChatFront.readCall({
      model: "m",
      messages: [
        { role: "system", content: "a" },
        {
          role: "user",
          content: [
            { type: "text", text: "b" },
            { type: "image_url", image_url: { url: "https://x.org" } },
          ],
        },
        {
          role: "assistant",
          content: "c",
          reasoning_content: "left out",
          tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: "{}" } }],
        },
        { role: "tool", tool_call_id: "1", content: "d" },
        { role: "user", content: "e" },
      ],
      tools: [{ type: "function", function: { name: "f", parameters: schema } }],
      tool_choice: { type: "function", function: { name: "f" } },
      response_format: { type: "json_schema", json_schema: { name: "s", schema } },
      max_tokens: 3,
      reasoning_effort: "low",
      stream: true,
    });
    expect(openaiResponsesUpstream.writeCall(call, target).body).toEqual({
      model: "served",
      store: false,
      stream: true,
      input: [
        { role: "system", content: [{ type: "input_text", text: "a" }] },
        {
          role: "user",
          content: [
            { type: "input_text", text: "b" },
            { type: "input_image", image_url: "https://x.org", detail: "auto" },
          ],
        },
        { role: "assistant", content: [{ type: "output_text", text: "c" }] },
        { type: "function_call", call_id: "1", name: "f", arguments: "{}" },
        { type: "function_call_output", call_id: "1", output: "d" },
        { role: "user", content: [{ type: "input_text", text: "e" }] },
      ],
      tools: [{ type: "function", name: "f", parameters: schema, strict: false }],
      tool_choice: { type: "function", name: "f" },
      text: { format: { type: "json_schema", name: "s", schema, strict: false } },
      max_output_tokens: 3,
      reasoning: { effort: "low" },
    });
  });

  it.each<[object]>([
    [{ stop: "x" }],
    [{ seed: 1 }],
    [{ n: 2 }],
    [{ top_k: 2 }],
    [{ logprobs: true }],
    [{ logit_bias: { 1: 1 } }],
    [{ messages: [{ role: "user", content: [{ type: "input_audio", input_audio: { data: "", format: "wav" } }] }] }],
  ])("is refused for %j", (fields) => {
    const call = openaiChatFront.readCall({ model: "m", messages: [{ role: "user", content: "hi" }], ...fields });
    const unsupported = expect.objectContaining({ code: "dialect.unsupported" });
    const refusing = { ...target, unsupported: "refuse" } as const;
    expect(() => openaiResponsesUpstream.writeCall(call, refusing)).toThrow(unsupported);
  });
});
