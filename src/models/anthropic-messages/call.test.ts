import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { anthropicMessagesFront } from "./dialect.ts";

const example = JSON.parse(readFileSync(new URL("../fixtures/anthropic-call.json", import.meta.url), "utf8"));
const plain = { model: "m", max_tokens: 10, messages: [{ role: "user", content: "hello" }] };

describe("reading a call of the Messages API", () => {
  it("reads every block and parameter that has a neutral form", () => {
    const call = anthropicMessagesFront.readCall(example);
    expect(call.raw).toBe(example);
    expect(call).toMatchObject({
      dialect: "anthropic-messages",
      model: "claude-opus-4-6",
      maxOutputTokens: 2048,
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      stop: ["END"],
      stream: true,
      wantsUsage: true,
      choices: 1,
      toolChoice: "required",
      parallelToolCalls: false,
      reasoning: { effort: "low", budgetTokens: 1024 },
      form: { kind: "schema", strict: true, schema: { type: "object", properties: {}, additionalProperties: false } },
    });
    expect(call.untranslated).toBeUndefined();
    expect(call.tools).toEqual([
      {
        name: "get_weather",
        description: "The weather of a city.",
        parameters: example.tools[0].input_schema,
        strict: true,
      },
    ]);
    expect(call.turns).toEqual([
      { role: "system", parts: [{ kind: "text", text: "Answer in one sentence.", cache: "1h" }] },
      {
        role: "user",
        parts: [
          { kind: "text", text: "What is on the picture and in the report?" },
          { kind: "image", source: { kind: "base64", mediaType: "image/png", data: "aW1n" } },
          { kind: "image", source: { kind: "url", url: "https://example.com/a.jpg" } },
          { kind: "file", name: "report.pdf", source: { kind: "base64", mediaType: "application/pdf", data: "cGRm" } },
          { kind: "file", source: { kind: "base64", mediaType: "text/plain", data: "cGxhaW4gd29yZHM=" } },
        ],
      },
      {
        role: "assistant",
        parts: [
          { kind: "reasoning", text: "I need the weather.", signature: "c2VhbA==" },
          { kind: "reasoning", text: "", redacted: "aGlkZGVu" },
          { kind: "text", text: "Let me look." },
          { kind: "tool_call", id: "toolu_01", name: "get_weather", arguments: '{"city":"Paris"}' },
        ],
      },
      {
        role: "user",
        parts: [
          {
            kind: "tool_result",
            id: "toolu_01",
            isError: true,
            parts: [{ kind: "text", text: "no such city", cache: "5m" }],
          },
        ],
      },
    ]);
  });

  it.each([
    ["/model", { ...plain, model: 7 }],
    ["/max_tokens", { model: "m", messages: plain.messages }],
    ["/max_tokens", { ...plain, max_tokens: "10" }],
    ["/max_tokens", { ...plain, max_tokens: 1.5 }],
    ["/messages", { model: "m", max_tokens: 10 }],
    ["/messages", { ...plain, messages: [] }],
    ["/messages/0", { ...plain, messages: ["hello"] }],
    ["/messages/0/content", { ...plain, messages: [{ role: "user", content: 3 }] }],
    ["/messages/0/content/0/text", { ...plain, messages: [{ role: "user", content: [{ type: "text" }] }] }],
    [
      "/messages/0/content/0/source/media_type",
      { ...plain, messages: [{ role: "user", content: [{ type: "image", source: { type: "base64", data: "" } }] }] },
    ],
    [
      "/messages/0/content/0/input",
      { ...plain, messages: [{ role: "assistant", content: [{ type: "tool_use", id: "a", name: "b", input: "{}" }] }] },
    ],
    [
      "/messages/0/content/0/is_error",
      { ...plain, messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "a", is_error: "no" }] }] },
    ],
    ["/tools/0/input_schema", { ...plain, tools: [{ name: "a" }] }],
    ["/tool_choice/name", { ...plain, tool_choice: { type: "tool" } }],
    ["/stop_sequences/0", { ...plain, stop_sequences: [1] }],
    ["/top_k", { ...plain, top_k: -1 }],
    ["/thinking/budget_tokens", { ...plain, thinking: { type: "enabled" } }],
    ["/output_config/format/schema", { ...plain, output_config: { format: { type: "json_schema" } } }],
    ["/metadata", { ...plain, metadata: "me" }],
    ["/stream", { ...plain, stream: "yes" }],
  ])("refuses a wrong value at %s", (at, body) => {
    expect(() => anthropicMessagesFront.readCall(body)).toThrow(
      expect.objectContaining({ code: "dialect.invalid", facts: { at } }),
    );
  });

  it("notes what only this provider understands, and still reads the text inside it", () => {
    const call = anthropicMessagesFront.readCall({
      ...plain,
      tools: [
        { type: "web_search_20250305", name: "web_search" },
        { name: "own", input_schema: { type: "object" }, defer_loading: true },
      ],
      mcp_servers: [],
      messages: [
        {
          role: "user",
          content: [
            { type: "search_result", source: "s", title: "t", content: [{ type: "text", text: "found words" }] },
            { type: "image", source: { type: "file", file_id: "file_1" } },
            { type: "document", source: { type: "content", content: "inner words" }, citations: { enabled: true } },
          ],
        },
        { role: "assistant", content: [{ type: "server_tool_use", id: "a", name: "web_search", input: {} }] },
      ],
    });
    expect(call.untranslated).toEqual([
      "/messages/0/content/0",
      "/messages/0/content/1",
      "/messages/0/content/2/citations",
      "/messages/0/content/2/source",
      "/messages/1/content/0",
      "/tools/0",
      "/tools/1/defer_loading",
      "/mcp_servers",
    ]);
    expect(call.turns[0]?.parts).toEqual([
      { kind: "text", text: "found words" },
      { kind: "foreign", at: "/messages/0/content/1", type: "an image" },
      { kind: "text", text: "inner words" },
    ]);
  });

  it.each([
    ["/messages/0/role", { messages: [{ role: "critic", content: "hello" }] }],
    ["/messages/0/content/0", { messages: [{ role: "user", content: [{ type: "hologram" }] }] }],
    ["/tool_choice/type", { tool_choice: { type: "required" } }],
    ["/temperature", { temperature: 2.5 }],
    ["/thinking/type", { thinking: { type: "loud" } }],
    ["/output_config/effort", { output_config: { effort: "huge" } }],
    ["/output_format/type", { output_format: { type: "xml" } }],
  ])("leaves a word that it does not know at %s to servers of its own API", (at, fields) => {
    expect(anthropicMessagesFront.readCall({ ...plain, ...fields }).untranslated).toEqual([at]);
  });

  it("reads a mark for the cache with a life that it does not know, and thinking that no one has signed", () => {
    const system = [{ type: "text", text: "", cache_control: { type: "ephemeral", ttl: "2h" } }];
    const messages = [...plain.messages, { role: "assistant", content: [{ type: "thinking", thinking: "hm" }] }];
    const { untranslated, turns } = anthropicMessagesFront.readCall({ ...plain, system, messages });
    expect(untranslated).toBeUndefined();
    expect(turns.at(-1)?.parts).toEqual([{ kind: "reasoning", text: "hm" }]);
  });

  it.each([
    [{ thinking: { type: "disabled" } }, { effort: "none" }],
    [{ thinking: { type: "adaptive" } }, { effort: "high" }],
    [{ thinking: { type: "adaptive" }, output_config: { effort: "max" } }, { effort: "xhigh" }],
    [{ output_config: { effort: "medium" } }, { effort: "medium" }],
    [{ thinking: { type: "between_tools" } }, undefined],
    [{}, undefined],
  ])("reads %o as reasoning", (fields, reasoning) => {
    expect(anthropicMessagesFront.readCall({ ...plain, ...fields }).reasoning).toEqual(reasoning);
  });
});
