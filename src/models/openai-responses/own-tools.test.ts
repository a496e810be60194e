// Tools that have a form of their own in the Responses API, told to models of every other API as functions, and their calls as the
// caller's client reads them, whole and streamed; and choices of some tools.
import { describe, expect, it } from "vitest";
import { frontDialects, upstreamDialects } from "../dialects.ts";
import type { ModelCall, Part } from "../conversation.ts";

const front = frontDialects["openai-responses"]!;
const target = { model: "m", defaultMaxOutputTokens: 100 };
const stamp = { id: "0", createdMs: 0 };
const tools = [
  { type: "local_shell" },
  { type: "shell", environment: { type: "local" } },
  { type: "apply_patch" },
  { type: "function", name: "shell", parameters: { type: "object", properties: {} } },
  { type: "web_search" },
];
const user = { type: "message", role: "user", content: "hi" };

function read(more: object = {}): ModelCall {
  return front.readCall({ model: "m", input: [user], tools, ...more });
}

interface Frame {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** What a caller gets for one call of a tool, whole, and the items of its stream. */
function given(call: ModelCall, name: string, words: object): { whole: unknown; streamed: readonly Frame[] } {
  const said = JSON.stringify(words);
  const part: Part = { kind: "tool_call", id: "call_1", name, arguments: said };
  const reply = {
    id: "r",
    model: "m",
    rawUsage: null,
    usage: null,
    choices: [{ parts: [part], finish: "tool_calls" as const }],
  };
  const writer = front.streamWriter(call, stamp);
  const frames = [
    { kind: "start", id: "r", model: "m" } as const,
    { kind: "tool_start", choice: 0, slot: 0, id: "call_1", name } as const,
    { kind: "tool_arguments", choice: 0, slot: 0, text: said.slice(0, 5) } as const,
    { kind: "tool_arguments", choice: 0, slot: 0, text: said.slice(5) } as const,
    { kind: "finish", choice: 0, finish: "tool_calls" } as const,
    { kind: "end" } as const,
  ].map((event) => writer.write(event));
  const streamed = [...frames.join("").matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? "") as Frame);
  return { whole: (front.writeReply(call, reply, stamp) as { output: unknown[] }).output[0], streamed };
}

const calls = [
  [
    "local_shell",
    { command: ["ls", "-l"] },
    { type: "local_shell_call", action: { type: "exec", command: ["ls", "-l"], env: {} } },
  ],
  [
    "shell",
    { commands: ["ls"], timeout_ms: 5 },
    {
      type: "shell_call",
      environment: { type: "local" },
      action: { commands: ["ls"], timeout_ms: 5, max_output_length: null },
    },
  ],
  [
    "apply_patch",
    { type: "update_file", path: "a", diff: "@@\n-a\n+b" },
    { type: "apply_patch_call", operation: { type: "update_file", path: "a", diff: "@@\n-a\n+b" } },
  ],
] as const;

describe("a tool with a form of its own", () => {
  it("is told to every other API as a function, next to one of the same name; what a provider runs is left out", () => {
    for (const name of ["openai-chat", "anthropic-messages", "gemini"] as const) {
      const { body, dropped } = upstreamDialects[name]!.writeCall(read(), target);
      const said = JSON.stringify(body["tools"]);
      for (const each of ["local_shell", "apply_patch", "shell"]) expect(said).toContain(`"name":"${each}"`);
      expect(said.match(/"name":"_?shell/g)).toHaveLength(2);
      expect(dropped).toEqual(["/tools/4"]);
    }
  });

  it.each(calls)("is called as its caller's client reads it: %s", (name, words, item) => {
    const { whole, streamed } = given(read(), name, words);
    const expected = { ...item, status: "completed", call_id: "call_1" };
    expect(whole).toMatchObject(expected);
    const added = streamed.find(({ type }) => type === "response.output_item.added");
    const done = streamed.find(({ type }) => type === "response.output_item.done");
    expect(added).toMatchObject({ output_index: 0, item: { ...expected, status: "in_progress" } });
    expect(done).toMatchObject({ output_index: 0, item: expected });
    expect(streamed.at(-1)).toMatchObject({ type: "response.completed", response: { output: [expected] } });
    expect(streamed.map(({ type }) => type)).not.toContain("response.function_call_arguments.delta");
  });

  it("is called as a function where the model's words make no item of it", () => {
    for (const words of [{}, { command: "ls" }, { command: [] }]) {
      const { whole, streamed } = given(read(), "local_shell", words);
      const expected = { type: "function_call", name: "local_shell", arguments: JSON.stringify(words) };
      expect(whole).toMatchObject(expected);
      expect(streamed.at(-1)).toMatchObject({ response: { output: [expected] } });
    }
  });

  it.each(calls)("goes back to other APIs with its result: %s", (name, words, item) => {
    const output = name === "shell" ? [{ stdout: "a", stderr: "", outcome: { type: "exit", exit_code: 0 } }] : "a";
    const call = read({
      input: [
        user,
        { ...item, call_id: "call_1", status: "completed" },
        { type: `${item.type}_output`, call_id: "call_1", output },
      ],
    });
    expect(call.untranslated).toEqual(["/tools/4"]);
    expect(call.turns.slice(1)).toMatchObject([
      { role: "assistant", parts: [{ kind: "tool_call", id: "call_1", name }] },
      { role: "user", parts: [{ kind: "tool_result", id: "call_1", parts: [{ kind: "text" }] }] },
    ]);
    const [part] = call.turns[1]?.parts ?? [];
    if (part?.kind !== "tool_call") throw new Error("no call");
    expect(JSON.parse(part.arguments)).toMatchObject(words);
    expect(upstreamDialects["openai-responses"]!.writeCall(call, target).body["input"]).toBe(call.raw["input"]);
  });
});

describe("a choice of some tools", () => {
  const choose = (mode: string, ...chosen: object[]): ModelCall =>
    read({ tool_choice: { type: "allowed_tools", mode, tools: chosen } });

  it("offers those alone to other APIs, and all of them to its own", () => {
    const call = choose(
      "required",
      { type: "function", name: "shell" },
      { type: "apply_patch" },
      { type: "web_search" },
    );
    expect(call.tools.map(({ name }) => name)).toEqual(["apply_patch", "shell"]);
    expect(call.toolChoice).toBe("required");
    expect(upstreamDialects["openai-chat"]!.writeCall(call, target).body["tool_choice"]).toBe("required");
    expect(upstreamDialects["openai-responses"]!.writeCall(call, target).body["tools"]).toBe(tools);
  });

  it("names one with a form of its own by that form", () => {
    const call = read({ tool_choice: { type: "apply_patch" } });
    expect(upstreamDialects["openai-chat"]!.writeCall(call, target).body["tool_choice"]).toEqual({
      type: "function",
      function: { name: "apply_patch" },
    });
  });

  it("is named as left out where nothing of it can be offered", () => {
    expect(choose("auto", { type: "web_search" }).untranslated).toContain("/tool_choice");
  });
});
