// Callers that are given a server's own bytes get its mistakes put right, in whole replies and in streams alike.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ModelCall } from "../conversation.ts";
import { openaiChatFront, openaiChatUpstream } from "./dialect.ts";

type Body = Record<string, unknown>;

const call = openaiChatFront.readCall({ model: "m", messages: [{ role: "user", content: "Hi" }] });
const by = { stamp: { id: "made", createdMs: 0 }, usage: null };
const mended = (body: Body, of: ModelCall = call): unknown => openaiChatFront.mended?.(of, body, by);

/** A chunk as a caller gets it, and whether it was changed. */
function chunks(...all: Body[]): { readonly chunks: Body[]; readonly changed: boolean[] } {
  const reader = openaiChatUpstream.streamReader();
  const changed: boolean[] = [];
  const read = all.map((chunk) => {
    const data = JSON.stringify(chunk);
    reader.read({ data });
    changed.push(reader.mended !== undefined);
    return JSON.parse(reader.mended?.[0]?.data ?? data) as Body;
  });
  return { chunks: read, changed };
}

const chunk = (delta: object, more: object = {}): Body => ({
  id: "c1",
  model: "m",
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
});
const whole = (message: object, finish: unknown): Body => ({
  id: "c1",
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: null, ...message }, finish_reason: finish }],
});
const firstChoice = (body: unknown): Body => (body as { choices: Body[] }).choices[0]!;

describe("a whole reply", () => {
  it("without a mistake is not touched", () => {
    const tool = { id: "t", type: "function", function: { name: "f", arguments: "{}" } };
    expect(mended(whole({ content: "Hi" }, "stop"))).toBeUndefined();
    expect(mended(whole({ tool_calls: [tool] }, "tool_calls"))).toBeUndefined();
    expect(mended(whole({ content: "Hi" }, "a_new_word"))).toBeUndefined();
    expect(mended({ object: "error" })).toBeUndefined();
  });

  it("gets arguments as text, ids, types, numbers and null where the API has them, and keeps what else it says", () => {
    const loose = { function: { name: "f", arguments: { a: 1 } }, extra: 1 };
    const body = { id: "c1", more: true, choices: [{ message: { tool_calls: [loose] }, finish_reason: "stop" }] };
    expect(mended(body)).toEqual({
      id: "c1",
      more: true,
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: null,
            tool_calls: [
              { id: "call_c1_0_0", type: "function", function: { name: "f", arguments: '{"a":1}' }, extra: 1 },
            ],
          },
          finish_reason: "tool_calls",
        },
      ],
    });
  });

  it.each([
    ["eos", "stop"],
    ["end_turn", "stop"],
    ["max_tokens", "length"],
    ["SAFETY", "content_filter"],
  ])("that ended for %s ended for %s", (came, word) => {
    expect(firstChoice(mended(whole({ content: "Hi" }, came)))["finish_reason"]).toBe(word);
    expect(firstChoice(chunks(chunk({ content: "Hi" }, { finish_reason: came })).chunks[0])["finish_reason"]).toBe(
      word,
    );
  });
});

describe("a stream", () => {
  it("without a mistake is not touched", () => {
    const { changed } = chunks(
      chunk({ role: "assistant", content: "" }),
      chunk({ content: "Hi" }),
      chunk({ tool_calls: [{ index: 0, id: "t", type: "function", function: { name: "f", arguments: "" } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: "{}" } }] }),
      chunk({}, { finish_reason: "tool_calls" }),
      { id: "c1", choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } },
    );
    expect(changed).toEqual([false, false, false, false, false, false]);
    const older = chunks(
      chunk({ role: "assistant", function_call: { name: "f", arguments: "" } }),
      chunk({ function_call: { arguments: "{}" } }, { finish_reason: "function_call" }),
    );
    expect(older.changed).toEqual([false, false]);
  });

  it("numbers tool calls that came without numbers, or all with the same", () => {
    for (const index of [undefined, 0]) {
      const calls = (id: string) => [{ index, id, type: "function", function: { name: id, arguments: "{}" } }];
      const { chunks: read } = chunks(chunk({ tool_calls: calls("a") }), chunk({ tool_calls: calls("b") }));
      const numbers = read.map((one) => (firstChoice(one)["delta"] as { tool_calls: Body[] }).tool_calls[0]!["index"]);
      expect(numbers).toEqual([0, 1]);
    }
  });

  it("gets the role, the id, the account and the type of a call where clients look for them", () => {
    const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
    const call = { index: 0, id: "a", function: { name: "f", arguments: "{}" } };
    const reader = openaiChatUpstream.streamReader({ id: "made" });
    const data = { choices: [{ index: 0, delta: { tool_calls: [call] } }], x_groq: { usage } };
    reader.read({ data: JSON.stringify(data) });
    const delta = { role: "assistant", tool_calls: [{ ...call, type: "function" }] };
    expect(JSON.parse(reader.mended?.[0]?.data ?? "")).toEqual({
      ...data,
      id: "made",
      choices: [{ index: 0, delta }],
      usage,
    });
  });

  it("gets text and reasoning out of a list of both, and a delta out of a message", () => {
    const content = [
      { type: "thinking", thinking: [{ type: "text", text: "Hm." }] },
      { type: "text", text: "Hi" },
    ];
    const came = { id: "c1", choices: [{ index: 0, message: { role: "assistant", content } }] };
    const said = { role: "assistant", content: "Hi", reasoning_content: "Hm." };
    expect(firstChoice(chunks(came).chunks[0])).toEqual({ index: 0, delta: said });
    expect(firstChoice(mended(whole({ content }, "stop")))["message"]).toEqual(said);
    const cited = [{ type: "reference", reference_ids: [1] }];
    expect(mended(whole({ content: cited }, "stop"))).toBeUndefined();
  });

  it("does not repeat a name or an id, which clients would put together", () => {
    const piece = (words: string): Body =>
      chunk({ tool_calls: [{ index: 0, id: "a", type: "function", function: { name: "f", arguments: words } }] });
    const { chunks: read } = chunks(piece("{"), piece("}"));
    const { tool_calls: calls } = firstChoice(read[1])["delta"] as { tool_calls: Body[] };
    expect(calls).toEqual([{ index: 0, type: "function", function: { arguments: "}" } }]);
  });

  it("is told why it ended, and arguments that were left out, before it is done", () => {
    const reader = openaiChatUpstream.streamReader();
    const call = { index: 0, id: "a", type: "function", function: { name: "f", arguments: "" } };
    reader.read({ data: JSON.stringify(chunk({ role: "assistant", tool_calls: [call] })) });
    const pieces = reader.read({ data: "[DONE]" }).map(({ kind }) => kind);
    expect(pieces).toEqual(["tool_arguments", "finish", "end"]);
    const [rest, done] = reader.mended ?? [];
    const delta = { tool_calls: [{ index: 0, function: { arguments: "{}" } }] };
    expect(firstChoice(JSON.parse(rest?.data ?? ""))).toMatchObject({ index: 0, delta, finish_reason: "tool_calls" });
    expect(done).toEqual({ data: "[DONE]" });
  });

  it("means the same as the whole reply", () => {
    const words = fc.string({ maxLength: 8 });
    const tool = fc.record({ name: fc.constantFrom("f", "g"), args: fc.dictionary(words, words, { maxKeys: 3 }) });
    const reply = fc.record({
      text: words,
      tools: fc.array(tool, { maxLength: 3 }),
      finish: fc.constantFrom("stop", "eos", "tool_calls", "length", "end_turn", "max_tokens"),
      hasIds: fc.boolean(),
      hasIndexes: fc.boolean(),
      areTexts: fc.boolean(),
    });
    fc.assert(
      fc.property(reply, ({ text, tools, finish, hasIds, hasIndexes, areTexts }) => {
        const calls = tools.map(({ name, args }, slot) => ({
          ...(hasIndexes ? { index: slot } : {}),
          ...(hasIds ? { id: `id${slot}`, type: "function" } : {}),
          function: { name, arguments: areTexts ? JSON.stringify(args) : args },
        }));
        const asked = whole({ content: text, ...(calls.length === 0 ? {} : { tool_calls: calls }) }, finish);
        const { message, finish_reason: ended } = firstChoice(mended(asked) ?? asked) as { message: Body } & Body;
        const read = chunks(
          chunk({ content: text }),
          ...calls.map((one) => chunk({ tool_calls: [one] })),
          chunk({}, { finish_reason: finish }),
        ).chunks.map(firstChoice);
        const streamed = read.flatMap(({ delta }) => (delta as { tool_calls?: Body[] }).tool_calls ?? []);
        const plain = ({ id, function: called }: Body): unknown => [id, called];
        expect(streamed.map(plain)).toEqual(((message["tool_calls"] ?? []) as Body[]).map(plain));
        expect(streamed.map(({ index }) => index)).toEqual(tools.map((_, slot) => slot));
        expect(read.at(-1)!["finish_reason"]).toBe(ended);
      }),
    );
  });
});
