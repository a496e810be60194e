import * as fc from "fast-check";
import { roundTrips } from "../../../test/contract/round-trips.ts";
import type { Finish, ModelCall, Part, Reply, Turn } from "../conversation.ts";
import { openaiResponsesFront as front, openaiResponsesUpstream as upstream } from "./dialect.ts";

const words = fc.string({ minLength: 1, unit: "binary" });
const id = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/);
const text: fc.Arbitrary<Part> = words.map((said) => ({ kind: "text", text: said }));
const url = fc.webUrl().map((address) => ({ kind: "url", url: address }) as const);
const data = fc.base64String().map((bytes) => ({ kind: "base64", mediaType: "image/png", data: bytes }) as const);
const media: fc.Arbitrary<Part> = fc.oneof(
  fc.oneof(url, data).map((source) => ({ kind: "image", source, detail: "auto" }) as const),
  fc.oneof(url, data).map((source) => ({ kind: "file", source, name: "a" }) as const),
);
const toolCall: fc.Arbitrary<Part> = fc.record({
  kind: fc.constant("tool_call" as const),
  id,
  name: id,
  arguments: fc.json(),
});
const result: fc.Arbitrary<Part> = fc.record({
  kind: fc.constant("tool_result" as const),
  id,
  parts: fc.array(fc.oneof(text, media), { maxLength: 3 }),
});

function turn(role: Turn["role"], part: fc.Arbitrary<Part>): fc.Arbitrary<Turn> {
  return fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => ({ role, parts }));
}

const assistant = turn("assistant", fc.oneof(text, toolCall));
const user = turn("user", fc.oneof(text, media));
/** Turns of one role never touch, since items of the assistant, and results of tools, join. */
const turns = fc
  .tuple(turn("system", text), fc.array(fc.tuple(user, assistant, turn("user", result), assistant)), user)
  .map(([first, rounds, last]) => [first, ...rounds.flat(), last]);

const offer = fc.record({ name: id, parameters: fc.constant({ type: "object" }), strict: fc.boolean() });
const call: fc.Arbitrary<ModelCall> = fc
  .record(
    {
      turns,
      tools: fc.array(offer, { minLength: 1 }),
      toolChoice: fc.oneof(fc.constantFrom("auto" as const, "required" as const), fc.record({ name: id })),
      parallelToolCalls: fc.boolean(),
      form: fc.constantFrom(
        { kind: "text" } as const,
        { kind: "json" } as const,
        { kind: "schema", name: "s", schema: { type: "object" }, strict: true } as const,
      ),
      maxOutputTokens: fc.integer({ min: 1, max: 100_000 }),
      temperature: fc.constantFrom(0, 0.7, 2),
      topP: fc.constantFrom(0, 0.5, 1),
      reasoning: fc.constantFrom({ effort: "none" } as const, { effort: "high" } as const),
      stream: fc.boolean(),
    },
    { requiredKeys: ["turns", "tools", "form", "stream"] },
  )
  .map((fields) => {
    return { dialect: "gemini", raw: {}, model: "m", stop: [], choices: 1, wantsUsage: true, ...fields };
  });

const reply: fc.Arbitrary<Reply> = fc
  .record({
    thought: fc.option(words),
    said: fc.option(words),
    calls: fc.array(toolCall, { maxLength: 3 }),
    finish: fc.constantFrom<Finish>("stop", "length", "content_filter"),
    id: id.map((tail) => `resp_${tail}`),
    model: id,
    input: fc.nat(),
    output: fc.nat(),
  })
  .map(({ thought, said, calls, finish, id, model, input, output }) => {
    const parts: Part[] = [];
    if (thought !== null) parts.push({ kind: "reasoning", text: thought });
    if (said !== null) parts.push({ kind: "text", text: said });
    parts.push(...calls);
    return {
      id,
      model,
      choices: [{ parts, finish: calls.length > 0 && finish === "stop" ? "tool_calls" : finish }],
      rawUsage: { input_tokens: input, output_tokens: output, total_tokens: input + output },
      usage: null,
    };
  });

const asked = front.readCall({ model: "m", input: "hi" });

roundTrips("responses", { front, upstream, call, reply, asked });
