// Tools under the names and in the forms in which their callers offer them, over every pair of APIs.
import { describe, expect, it } from "vitest";
import { frontDialects, upstreamDialects } from "../dialects.ts";
import type { DialectName, ModelCall, StreamEvent } from "../conversation.ts";
import { FreeInput, freeInputOf } from "./free-input.ts";

/** Any JSON, to be looked into. */
type Loose = ReturnType<typeof JSON.parse>;

const target = { model: "m", defaultMaxOutputTokens: 100 };
const stamp = { id: "req_1", createdMs: 0 };
const schema = { type: "object", properties: {} };
const long = `mcp__${"deep_".repeat(20)}search`;

const grammar = "start: begin_patch hunk+ end_patch";
const codexTools = [
  { type: "function", name: "exec_command", parameters: schema, strict: false },
  {
    type: "custom",
    name: "apply_patch",
    description: "Edits files.",
    format: { type: "grammar", syntax: "lark", definition: grammar },
  },
  { type: "namespace", name: "agents", tools: [{ type: "function", name: "exec_command", parameters: schema }] },
  { type: "namespace", name: "mcp__docs__", tools: [{ type: "function", name: "find", parameters: schema }] },
];

function read(dialect: DialectName, body: Record<string, unknown>): ModelCall {
  return frontDialects[dialect]!.readCall(body);
}

function written(dialect: DialectName, call: ModelCall): Loose {
  return upstreamDialects[dialect]!.writeCall(call, target).body;
}

const codex = (input: unknown): ModelCall => read("openai-responses", { model: "m", input, tools: codexTools });

function reply(call: ModelCall, name: string, words: string): Loose {
  const parts = [{ kind: "tool_call" as const, id: "call_1", name, arguments: words }];
  const choices = [{ parts, finish: "tool_calls" as const }];
  return frontDialects[call.dialect]!.writeReply(
    call,
    { id: "r", model: "m", choices, rawUsage: null, usage: null },
    stamp,
  );
}

function streamed(call: ModelCall, name: string, pieces: readonly string[]): string {
  const writer = frontDialects[call.dialect]!.streamWriter(call, stamp);
  const events: StreamEvent[] = [
    { kind: "start", id: "r", model: "m" },
    { kind: "tool_start", choice: 0, slot: 0, id: "call_1", name },
    ...pieces.map((text): StreamEvent => ({ kind: "tool_arguments", choice: 0, slot: 0, text })),
    { kind: "finish", choice: 0, finish: "tool_calls" },
    { kind: "end" },
  ];
  return events.map((event) => writer.write(event)).join("");
}

function dataOf(frames: string): Loose[] {
  return frames
    .split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice("data: ".length)));
}

const patch = '*** Begin Patch\n+say("hé 😀 \\n")\n*** End Patch';

describe("tools of a Responses caller at a chat upstream", () => {
  it("are functions with one name each, also out of namespaces", () => {
    const { tools } = written("openai-chat", codex("hi"));
    const names = tools.map((tool: Loose) => tool.function.name);
    expect(names).toEqual(["exec_command", "apply_patch", "agents__exec_command", "mcp__docs__find"]);
    expect(JSON.stringify(tools)).not.toMatch(/namespace|isFree/);
  });

  it("take free text as one argument, and a grammar is told in words and named as left out", () => {
    const { body, dropped } = upstreamDialects["openai-chat"]!.writeCall(codex("hi"), target);
    const { function: offered } = (body["tools"] as Loose[])[1];
    expect(offered.description).toBe(`Edits files.\n\nThe input follows this grammar (lark):\n${grammar}`);
    expect(offered.parameters.required).toEqual(["input"]);
    expect(dropped).toContain("/tools/1/format");
  });

  it("come back in whole replies as the caller offered them", () => {
    const call = codex("hi");
    const free = reply(call, "apply_patch", JSON.stringify({ input: patch }));
    expect(free["output"]).toEqual([
      {
        id: "ctc_r_0",
        type: "custom_tool_call",
        status: "completed",
        call_id: "call_1",
        name: "apply_patch",
        input: patch,
      },
    ]);
    expect(reply(call, "agents__exec_command", "{}")["output"][0]).toMatchObject({
      type: "function_call",
      namespace: "agents",
      name: "exec_command",
      arguments: "{}",
    });
    expect(reply(call, "exec_command", "{}")["output"][0]).not.toHaveProperty("namespace");
  });

  it("come back in streams piece by piece, wherever the pieces are cut", () => {
    const call = codex("hi");
    const words = JSON.stringify({ input: patch }).replace("é", "\\u00e9").replace("😀", "\\ud83d\\ude00");
    for (const size of [1, 3, 7, words.length]) {
      const pieces = words.match(new RegExp(`.{1,${size}}`, "gsu"))!;
      const events = dataOf(streamed(call, "apply_patch", pieces));
      const deltas = events.filter(({ type }) => type === "response.custom_tool_call_input.delta");
      expect(deltas.map(({ delta }) => delta as string).join("")).toBe(patch);
      if (size === 1) expect(deltas.length).toBeGreaterThan(20);
      for (const { delta } of deltas) expect((delta as string).isWellFormed()).toBe(true);
      expect(events.find(({ type }) => type === "response.custom_tool_call_input.done")).toMatchObject({
        input: patch,
        output_index: 0,
      });
      expect(events.at(-1)?.["response"].output[0]).toMatchObject({ type: "custom_tool_call", input: patch });
    }
    const named = dataOf(streamed(call, "mcp__docs__find", ["{}"]));
    expect(named.find(({ type }) => type === "response.output_item.added")?.["item"]).toMatchObject({
      type: "function_call",
      namespace: "mcp__docs__",
      name: "find",
    });
  });

  it("are carried in the history", () => {
    const call = codex([
      { type: "message", role: "user", content: "go" },
      { type: "custom_tool_call", call_id: "c1", name: "apply_patch", input: patch },
      { type: "custom_tool_call_output", call_id: "c1", output: "done" },
      { type: "function_call", call_id: "c2", namespace: "agents", name: "exec_command", arguments: "{}" },
      { type: "function_call_output", call_id: "c2", output: [{ type: "input_text", text: "ok" }] },
    ]);
    const { messages } = written("openai-chat", call);
    expect(messages.slice(1)).toEqual([
      {
        role: "assistant",
        content: null,
        tool_calls: [
          {
            id: "c1",
            type: "function",
            function: { name: "apply_patch", arguments: JSON.stringify({ input: patch }) },
          },
        ],
      },
      { role: "tool", tool_call_id: "c1", content: "done" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c2", type: "function", function: { name: "agents__exec_command", arguments: "{}" } }],
      },
      { role: "tool", tool_call_id: "c2", content: "ok" },
    ]);
  });

  it("reach a Responses upstream as they are", () => {
    expect(written("openai-responses", codex("hi"))["tools"]).toBe(codexTools);
  });

  it("are told apart where two would have one name", () => {
    const tools = [{ type: "function", name: "agents__exec_command", parameters: schema }, ...codexTools];
    const call = read("openai-responses", { model: "m", input: "hi", tools });
    const names = call.tools.map(({ name }) => name);
    expect(new Set(names).size).toBe(5);
    expect(reply(call, names[3]!, "{}")["output"][0]).toMatchObject({ namespace: "agents", name: "exec_command" });
    expect(reply(call, "agents__exec_command", "{}")["output"][0]).not.toHaveProperty("namespace");
  });
});

describe("a custom tool of a chat caller", () => {
  const body = {
    model: "m",
    messages: [
      { role: "user", content: "go" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c1", type: "custom", custom: { name: "edit", input: patch } }],
      },
      { role: "tool", tool_call_id: "c1", content: "ok" },
    ],
    tools: [
      {
        type: "custom",
        custom: { name: "edit", format: { type: "grammar", grammar: { syntax: "lark", definition: grammar } } },
      },
    ],
    tool_choice: { type: "custom", custom: { name: "edit" } },
  };

  it("is a function for Claude, in the history too", () => {
    const { tools, tool_choice: choice, messages } = written("anthropic-messages", read("openai-chat", body));
    expect(tools[0]).toMatchObject({ name: "edit", input_schema: { required: ["input"] } });
    expect(choice).toMatchObject({ type: "tool", name: "edit" });
    expect(JSON.stringify(messages)).toContain(JSON.stringify({ input: patch }));
  });

  it("is called as it was offered, whole and streamed", () => {
    const call = read("openai-chat", body);
    const words = JSON.stringify({ input: patch });
    expect(reply(call, "edit", words)["choices"][0].message.tool_calls).toEqual([
      { id: "call_1", type: "custom", custom: { name: "edit", input: patch } },
    ]);
    const deltas = dataOf(streamed(call, "edit", [words.slice(0, 5), words.slice(5)]))
      .flatMap(({ choices }) => choices[0].delta.tool_calls ?? [])
      .map((delta: Loose) => delta.custom);
    expect(deltas[0]).toEqual({ name: "edit", input: "" });
    expect(deltas.map(({ input }) => input as string).join("")).toBe(patch);
  });
});

describe("a function under a long name", () => {
  const offers: Readonly<Partial<Record<DialectName, Record<string, unknown>>>> = {
    "openai-chat": {
      messages: [{ role: "user", content: "hi" }],
      tools: [{ type: "function", function: { name: long, parameters: schema } }],
    },
    "openai-responses": { input: "hi", tools: [{ type: "function", name: long, parameters: schema }] },
    "anthropic-messages": {
      max_tokens: 10,
      messages: [{ role: "user", content: "hi" }],
      tools: [{ name: long, input_schema: schema }],
    },
  };

  it("is told to every other API under one that fits, and is called by its own", () => {
    for (const [front, body] of Object.entries(offers)) {
      const call = read(front as DialectName, { model: "m", ...body });
      const [{ name } = { name: "" }] = call.tools;
      expect(name).toMatch(/^[\w-]{1,64}$/);
      for (const upstream of ["openai-chat", "openai-responses", "anthropic-messages", "gemini"] as const) {
        const told = JSON.stringify(written(upstream, call)["tools"]);
        expect(told.includes(long), `${front} to ${upstream}`).toBe(front === upstream);
        if (front !== upstream) expect(told).toContain(name);
      }
      const back = JSON.stringify(reply(call, name, "{}"));
      expect(back).toContain(`"${long}"`);
      expect(streamed(call, name, ["{}"])).toContain(`"${long}"`);
    }
  });

  it("is told as the same in every call, and no two are alike", () => {
    const nameOf = (name: string): string =>
      read("anthropic-messages", {
        model: "m",
        max_tokens: 1,
        messages: [{ role: "user", content: "hi" }],
        tools: [{ name, input_schema: schema }],
      }).tools[0]!.name;
    expect(nameOf(long)).toBe(nameOf(long));
    expect(nameOf(`${long}1`)).not.toBe(nameOf(`${long}2`));
    expect(nameOf("plain-name_1")).toBe("plain-name_1");
  });
});

describe("free text out of arguments", () => {
  it("is what stands in the one field, whatever the model called it, or the words as they are", () => {
    expect(freeInputOf('{"input":"a\\"b"}')).toBe('a"b');
    expect(freeInputOf(' { "input" : "x" } ')).toBe("x");
    expect(freeInputOf('{"patch":"x"}')).toBe("x");
    expect(freeInputOf("*** Begin Patch")).toBe("*** Begin Patch");
    expect(freeInputOf('"just text"')).toBe("just text");
    expect(freeInputOf('{"input":"cut off \\')).toBe("cut off \\");
    expect(freeInputOf('{"input":"bad \\x escape"}')).toBe("bad \\x escape");
    expect(freeInputOf("")).toBe("");
  });

  it("goes on as soon as it is certain", () => {
    const input = new FreeInput();
    expect(["{", '"inp', 'ut":"a', "b\\", "nc", '"}'].map((piece) => input.push(piece))).toEqual([
      "",
      "",
      "a",
      "b",
      "\nc",
      "",
    ]);
    expect(input.end()).toBe("");
  });
});
