import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { gathered, piecesOf } from "../../../test/support/gateway/reply-pieces.ts";
import type { StreamEvent } from "../conversation.ts";
import { openaiChatUpstream as upstream } from "./dialect.ts";

function fixture(name: string): StreamEvent[] {
  return piecesOf(upstream, readFileSync(new URL(`../fixtures/openai-chat-${name}.sse`, import.meta.url), "utf8"));
}

/** The pieces of a stream with these chunks. */
function stream(...chunks: readonly object[]): StreamEvent[] {
  return piecesOf(upstream, chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join(""));
}

function delta(fields: object, finish: string | null = null): object {
  return { id: "c1", model: "m", choices: [{ index: 0, delta: fields, finish_reason: finish }] };
}

const call = (id: string, name: string, words: string): object => {
  return { kind: "tool_call", id, name, arguments: words };
};
const text = (said: string): object => ({ kind: "text", text: said });
const reasoning = (said: string): object => ({ kind: "reasoning", text: said });

describe("a streamed chat completion", () => {
  it.each<[string, object]>([
    ["openai", { id: "chatcmpl-B9MBs8Cj", model: "gpt-4o-2024-08-06", parts: [text("Grüße ✓")], finish: "stop" }],
    [
      "openai-tools",
      {
        parts: [call("call_DdmO9pD3", "get_weather", '{"city":"Paris"}'), call("call_8Fqtb2Xy", "get_time", "{}")],
        finish: "tool_calls",
      },
    ],
    ["azure", { id: "chatcmpl-Az1", model: "gpt-4o-2024-08-06", parts: [text("Hi")], finish: "content_filter" }],
    ["groq", { parts: [text("Fast.")], finish: "stop" }],
    ["openrouter", { parts: [reasoning("Let me see."), text("Yes.")], finish: "stop" }],
    ["deepseek", { parts: [reasoning("9.11 is smaller."), text("9.8")], finish: "stop" }],
    ["vllm", { parts: [call("chatcmpl-tool-c5a2", "add", '{"a": 1, "b": 2}')], finish: "tool_calls" }],
    [
      "gemini",
      {
        id: "",
        parts: [
          text("Looking"),
          call("function-call-1", "get_weather", '{"city":"Oslo"}'),
          call("function-call-2", "get_weather", '{"city":"Rome"}'),
        ],
        finish: "tool_calls",
      },
    ],
    ["ollama", { parts: [call("call_chatcmpl-904_0_0", "noop", "{}")], finish: "tool_calls" }],
    ["mistral", { parts: [reasoning("Hm."), text("Done.")], finish: "length" }],
  ])("of %s is read whole", (name, expected) => {
    const pieces = fixture(name);
    expect(gathered(pieces)).toMatchObject({ ...expected, ended: true });
    expect(pieces.filter(({ kind }) => kind === "finish")).toHaveLength(1);
    expect(pieces.at(-1)).toEqual({ kind: "end" });
  });

  it.each([
    ["openai", 19, 10],
    ["groq", 24, 3],
    ["openrouter", 11, 7],
    ["deepseek", 13, 9],
    ["vllm", 31, 19],
    ["gemini", 20, 9],
  ])("of %s gives the usage of its last word", (name, prompt, completion) => {
    expect(gathered(fixture(name)).usage).toMatchObject({ prompt_tokens: prompt, completion_tokens: completion });
  });

  it("gives the mean of the tokens' logarithms with the finish", () => {
    const finish = { kind: "finish", choice: 0, finish: "stop", meanLogprob: -0.375 };
    expect(fixture("openai")).toContainEqual(finish);
  });

  it.each([
    ["groq-error", "over_capacity", "Over capacity", { type: "internal_server_error" }],
    ["openrouter-error", "502", "Upstream provider disconnected", {}],
  ])("of %s says the provider's error and then nothing", (name, code, message, more) => {
    expect(fixture(name).at(-1)).toEqual({ kind: "error", code, message, ...more });
  });

  it("says a finish at its end, because some servers say one on every chunk", () => {
    const reader = upstream.streamReader();
    const read = (chunk: object): string[] => reader.read({ data: JSON.stringify(chunk) }).map(({ kind }) => kind);
    expect(read(delta({ content: "a" }, "stop"))).toEqual(["start", "text"]);
    expect(read(delta({ content: "b" }, "stop"))).toEqual(["text"]);
    expect(read(delta({}, "stop"))).toEqual([]);
    expect(reader.read({ data: "[DONE]" }).map(({ kind }) => kind)).toEqual(["finish", "end"]);
    expect(reader.close()).toEqual([]);
  });

  it("that closes before its finish has no end", () => {
    expect(stream(delta({ content: "a" })).map(({ kind }) => kind)).toEqual(["start", "text"]);
    expect(stream()).toEqual([]);
  });

  it("that is done without a finish has one that is unknown", () => {
    const pieces = piecesOf(upstream, `data: ${JSON.stringify(delta({ content: "a" }))}\n\ndata: [DONE]\n\n`);
    expect(pieces.slice(-2)).toEqual([{ kind: "finish", choice: 0, finish: "unknown" }, { kind: "end" }]);
  });

  it("keeps tool calls apart by id where there is no index, and by order where there is neither", () => {
    const ids = stream(
      delta({ tool_calls: [{ id: "a", function: { name: "f", arguments: "1" } }] }),
      delta({ tool_calls: [{ id: "b", function: { name: "g", arguments: "2" } }] }),
      delta({ tool_calls: [{ id: "a", function: { arguments: "3" } }] }, "stop"),
    );
    expect(gathered(ids).parts).toEqual([call("a", "f", "13"), call("b", "g", "2")]);
    const orders = stream(
      delta({ tool_calls: [{ function: { name: "f", arguments: "1" } }] }),
      delta({ tool_calls: [{ function: { arguments: "2" } }] }),
      delta({ tool_calls: [{ function: { name: "g", arguments: { a: 1 } } }] }, "tool_calls"),
    );
    expect(gathered(orders).parts).toEqual([call("call_c1_0_0", "f", "12"), call("call_c1_0_1", "g", '{"a":1}')]);
  });

  it("begins a tool call once its name is known, with the arguments that came before", () => {
    const pieces = stream(
      delta({ tool_calls: [{ index: 0, id: "a", function: { arguments: "1" } }] }),
      delta({ tool_calls: [{ index: 0, function: { name: "f", arguments: "2" } }] }),
      delta({ tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: "3" } }] }, "tool_calls"),
    );
    expect(gathered(pieces).parts).toEqual([call("a", "f", "123")]);
  });

  it("may speak in the older form of one function", () => {
    const pieces = stream(
      delta({ function_call: { name: "f", arguments: "" } }),
      delta({ function_call: { arguments: "{}" } }),
      delta({}, "function_call"),
    );
    expect(gathered(pieces)).toMatchObject({ parts: [call("call_c1_0_0", "f", "{}")], finish: "tool_calls" });
  });

  it("says a refusal, and that it was one", () => {
    const pieces = stream(delta({ refusal: "No" }), delta({ refusal: "." }), delta({}, "stop"));
    expect(gathered(pieces)).toMatchObject({ parts: [{ kind: "refusal", text: "No." }], finish: "refusal" });
  });

  it("numbers the pieces of several choices", () => {
    const other = { ...delta({}), choices: [{ index: 1, delta: { content: "b" }, finish_reason: null }] };
    const pieces = stream(delta({ content: "a" }), other);
    expect(pieces.slice(1)).toEqual([
      { kind: "text", choice: 0, text: "a" },
      { kind: "text", choice: 1, text: "b" },
    ]);
  });

  it.each(["{", "[]", "null", "7"])("is garbled where a piece is %s", (data) => {
    expect(() => upstream.streamReader().read({ data })).toThrow(expect.objectContaining({ code: "upstream.garbled" }));
  });
});
