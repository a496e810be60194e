import { describe, expect, it } from "vitest";
import { openaiChatFront, openaiChatUpstream } from "./dialect.ts";

const said = [{ role: "user", content: "hi" }];
const target = { model: "served", defaultMaxOutputTokens: 100 };

function read(fields: object): ReturnType<typeof openaiChatFront.readCall> {
  return openaiChatFront.readCall({ model: "m", messages: said, ...fields });
}

describe("a call of chat completions", () => {
  it("may say only what is needed", () => {
    expect(read({})).toEqual({
      dialect: "openai-chat",
      raw: { model: "m", messages: said },
      model: "m",
      turns: [{ role: "user", parts: [{ kind: "text", text: "hi" }] }],
      tools: [],
      form: { kind: "text" },
      stop: [],
      choices: 1,
      stream: false,
      wantsUsage: false,
    });
  });

  it("may say everything that has a neutral form", () => {
    const schema = { type: "object", properties: {} };
    const call = read({
      tools: [{ type: "function", function: { name: "f", description: "d", parameters: schema, strict: true } }],
      tool_choice: { type: "function", function: { name: "f" } },
      parallel_tool_calls: false,
      response_format: { type: "json_schema", json_schema: { name: "s", description: "d", schema, strict: true } },
      max_tokens: 5,
      max_completion_tokens: 7,
      temperature: 0,
      top_p: 1,
      top_k: 40,
      stop: ["a", "b"],
      seed: -1,
      n: 2,
      logprobs: true,
      stream: true,
      stream_options: { include_usage: true },
      reasoning_effort: "high",
      user: "somebody",
      frequency_penalty: 0,
      presence_penalty: null,
    });
    expect(call).toMatchObject({
      tools: [{ name: "f", description: "d", parameters: schema, strict: true }],
      toolChoice: { name: "f" },
      parallelToolCalls: false,
      form: { kind: "schema", name: "s", schema: { description: "d", ...schema }, strict: true },
      maxOutputTokens: 7,
      temperature: 0,
      topP: 1,
      topK: 40,
      stop: ["a", "b"],
      seed: -1,
      choices: 2,
      logprobs: true,
      stream: true,
      wantsUsage: true,
      reasoning: { effort: "high" },
    });
    expect(call.untranslated).toBeUndefined();
    expect(read({ stop: "x" }).stop).toEqual(["x"]);
    expect(read({ max_tokens: 5 }).maxOutputTokens).toBe(5);
    expect(read({ response_format: { type: "json_object" } }).form).toEqual({ kind: "json" });
  });

  it("reads every role, and results of tools as one turn of the user", () => {
    const { turns } = read({
      messages: [
        { role: "system", content: "a" },
        { role: "developer", content: [{ type: "text", text: "b" }] },
        { role: "user", content: "c" },
        {
          role: "assistant",
          content: null,
          reasoning_content: "hm",
          refusal: "",
          tool_calls: [
            { id: "1", type: "function", function: { name: "f", arguments: "{" } },
            { id: "2", type: "function", function: { name: "g", arguments: "" } },
          ],
        },
        { role: "tool", tool_call_id: "1", content: "r" },
        { role: "tool", tool_call_id: "2", content: [{ type: "text", text: "s" }] },
        {
          role: "assistant",
          content: [
            { type: "text", text: "d" },
            { type: "refusal", refusal: "no" },
          ],
        },
      ],
    });
    expect(turns).toEqual([
      { role: "system", parts: [{ kind: "text", text: "a" }] },
      { role: "system", parts: [{ kind: "text", text: "b" }] },
      { role: "user", parts: [{ kind: "text", text: "c" }] },
      {
        role: "assistant",
        parts: [
          { kind: "reasoning", text: "hm" },
          { kind: "tool_call", id: "1", name: "f", arguments: "{" },
          { kind: "tool_call", id: "2", name: "g", arguments: "" },
        ],
      },
      {
        role: "user",
        parts: [
          { kind: "tool_result", id: "1", parts: [{ kind: "text", text: "r" }] },
          { kind: "tool_result", id: "2", parts: [{ kind: "text", text: "s" }] },
        ],
      },
      {
        role: "assistant",
        parts: [
          { kind: "text", text: "d" },
          { kind: "refusal", text: "no" },
        ],
      },
    ]);
  });

  it("reads images, sounds and files", () => {
    const content = [
      { type: "text", text: "see", cache_control: { type: "ephemeral", ttl: "1h" } },
      { type: "image_url", image_url: { url: "https://example.org/a.png", detail: "low" } },
      { type: "image_url", image_url: { url: "data:image/png;base64,aGk=" } },
      { type: "input_audio", input_audio: { data: "aGk=", format: "wav" } },
      { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,aGk=" } },
    ];
    expect(read({ messages: [{ role: "user", content }] }).turns[0]?.parts).toEqual([
      { kind: "text", text: "see", cache: "1h" },
      { kind: "image", source: { kind: "url", url: "https://example.org/a.png" }, detail: "low" },
      { kind: "image", source: { kind: "base64", mediaType: "image/png", data: "aGk=" } },
      { kind: "audio", format: "wav", data: "aGk=" },
      { kind: "file", source: { kind: "base64", mediaType: "application/pdf", data: "aGk=" }, name: "a.pdf" },
    ]);
  });

  it("reads the older form of tools, whose results name no call", () => {
    const call = read({
      functions: [{ name: "f" }],
      function_call: { name: "f" },
      messages: [
        ...said,
        { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } },
        { role: "function", name: "f", content: "r" },
      ],
    });
    const id = "call_function_1";
    expect(call).toMatchObject({ tools: [{ name: "f" }], toolChoice: { name: "f" } });
    expect(call.turns.slice(1)).toEqual([
      { role: "assistant", parts: [{ kind: "tool_call", id, name: "f", arguments: "{}" }] },
      { role: "user", parts: [{ kind: "tool_result", id, parts: [{ kind: "text", text: "r" }] }] },
    ]);
  });

  it("notes what has no neutral form, and keeps it for its own dialect", () => {
    const fields = {
      logit_bias: { 50256: -100 },
      "a/b~c": 1,
      frequency_penalty: 3,
      verbosity: "verbose",
      reasoning_effort: "max",
      tools: [{ type: "retrieval" }],
      messages: [
        { role: "user", name: "ann", content: [{ type: "file", file: { file_id: "file-1" } }] },
        { role: "assistant", audio: { id: "audio_1" } },
      ],
    };
    const call = read(fields);
    expect(new Set(call.untranslated)).toEqual(
      new Set([
        "/logit_bias",
        "/a~1b~0c",
        "/frequency_penalty",
        "/verbosity",
        "/reasoning_effort",
        "/tools/0",
        "/messages/0/name",
        "/messages/0/content/0",
        "/messages/1/audio",
      ]),
    );
    expect(openaiChatUpstream.writeCall(call, target).body).toEqual({ ...fields, model: "served" });
  });

  it.each<[object, string]>([
    [{ model: undefined }, "/model"],
    [{ model: 1 }, "/model"],
    [{ messages: undefined }, "/messages"],
    [{ messages: [] }, "/messages/0"],
    [{ messages: "hi" }, "/messages"],
    [{ messages: [1] }, "/messages/0"],
    [{ messages: [{ content: "" }] }, "/messages/0/role"],
    [{ messages: [{ role: "user" }] }, "/messages/0/content"],
    [{ messages: [{ role: "user", content: 1 }] }, "/messages/0/content"],
    [{ messages: [{ role: "user", content: [{ type: "text" }] }] }, "/messages/0/content/0/text"],
    [{ messages: [{ role: "user", content: [{ text: "a" }] }] }, "/messages/0/content/0/type"],
    [{ messages: [{ role: "user", content: [{ type: "file", file: {} }] }] }, "/messages/0/content/0/file/file_data"],
    [
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "data:,x" } }] }] },
      "/messages/0/content/0/image_url/url",
    ],
    [{ messages: [{ role: "tool", content: "" }] }, "/messages/0/tool_call_id"],
    [{ messages: [{ role: "function", content: "" }] }, "/messages/0/name"],
    [{ messages: [{ role: "assistant", tool_calls: [{ id: "1" }] }] }, "/messages/0/tool_calls/0/function"],
    [{ tools: {} }, "/tools"],
    [{ tools: [{ type: "function", function: {} }] }, "/tools/0/function/name"],
    [{ tools: [{ type: "function", function: { name: "f", parameters: [] } }] }, "/tools/0/function/parameters"],
    [{ tool_choice: { type: "function" } }, "/tool_choice/function"],
    [{ function_call: "required" }, "/function_call"],
    [{ parallel_tool_calls: "yes" }, "/parallel_tool_calls"],
    [{ response_format: {} }, "/response_format/type"],
    [{ response_format: { type: "json_schema", json_schema: {} } }, "/response_format/json_schema/name"],
    [{ max_completion_tokens: 1.5 }, "/max_completion_tokens"],
    [{ temperature: "hot" }, "/temperature"],
    [{ stop: 1 }, "/stop"],
    [{ stop: ["a", 1] }, "/stop/1"],
    [{ seed: 0.5 }, "/seed"],
    [{ n: 0 }, "/n"],
    [{ logprobs: 1 }, "/logprobs"],
    [{ stream: "true" }, "/stream"],
    [{ stream_options: true }, "/stream_options"],
    [{ stream_options: { include_usage: 1 } }, "/stream_options/include_usage"],
    [{ reasoning_effort: 3 }, "/reasoning_effort"],
  ])("is refused where it is wrong: %j", (fields, at) => {
    expect(() => read(fields)).toThrow(expect.objectContaining({ code: "dialect.invalid", facts: { at } }));
  });

  it.each<[object, string]>([
    [{ messages: [{ role: "robot", content: "" }] }, "/messages/0/role"],
    [
      { messages: [{ role: "user", content: [{ type: "video_url", video_url: { url: "u" } }] }] },
      "/messages/0/content/0",
    ],
    [
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "u", detail: "original" } }] }] },
      "/messages/0/content/0/image_url/detail",
    ],
    [{ tool_choice: "validated" }, "/tool_choice"],
    [{ response_format: { type: "structural_tag" } }, "/response_format/type"],
    [{ temperature: 2.1 }, "/temperature"],
    [{ top_p: -1 }, "/top_p"],
    [{ seed: 2 ** 60 }, "/seed"],
  ])("leaves a word that it does not know to servers of its own API: %j", (fields, at) => {
    expect(read(fields).untranslated).toEqual([at]);
  });

  it("reads what other servers of its API mean by the same", () => {
    expect(read({ tool_choice: "any" }).toolChoice).toBe("required");
    for (const max_tokens of [-1, 0]) expect(read({ max_tokens }).maxOutputTokens).toBeUndefined();
    expect(read({ reasoning: { effort: "low" } }).reasoning).toEqual({ effort: "low" });
    expect(read({ reasoning: { max_tokens: 2000 } }).reasoning).toEqual({ budgetTokens: 2000 });
    expect(read({ reasoning: { enabled: false } }).reasoning).toEqual({ effort: "none" });
    expect(read({ thinking: { type: "enabled", budget_tokens: 2000 } }).reasoning).toEqual({ budgetTokens: 2000 });
    expect(read({ thinking: { type: "disabled" } }).reasoning).toEqual({ effort: "none" });
    expect(read({ thinking: { type: "enabled", budget_tokens: 2000 } }).untranslated).toBeUndefined();
  });
});
