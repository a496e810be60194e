import * as fc from "fast-check";
import { roundTrips } from "../../../test/contract/round-trips.ts";
import type { Finish, ModelCall, Part, Reply, Turn } from "../conversation.ts";
import { openaiChatFront as front, openaiChatUpstream as upstream } from "./dialect.ts";

const words = fc.string({ minLength: 1, unit: "binary" });
const id = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/);
const text: fc.Arbitrary<Part> = words.map((said) => ({ kind: "text", text: said }));
const source = fc.oneof(
  fc.webUrl().map((url) => ({ kind: "url", url }) as const),
  fc.base64String().map((data) => ({ kind: "base64", mediaType: "image/png", data }) as const),
);
const image: fc.Arbitrary<Part> = fc.oneof(
  source.map((from) => ({ kind: "image", source: from }) as const),
  source.map((from) => ({ kind: "image", source: from, detail: "low" }) as const),
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
  parts: fc.array(text, { maxLength: 3 }),
});

const system: fc.Arbitrary<Turn> = fc
  .array(text, { minLength: 1, maxLength: 2 })
  .map((parts) => ({ role: "system", parts }));
const user: fc.Arbitrary<Turn> = fc
  .array(fc.oneof(text, image), { maxLength: 3 })
  .map((parts) => ({ role: "user", parts }));
const results: fc.Arbitrary<Turn> = fc
  .array(result, { minLength: 1, maxLength: 3 })
  .map((parts) => ({ role: "user", parts }));
const assistant: fc.Arbitrary<Turn> = fc
  .tuple(fc.array(text, { maxLength: 2 }), fc.option(words), fc.array(toolCall, { maxLength: 2 }))
  .map(([texts, no, calls]) => {
    const refusal: Part[] = no === null ? [] : [{ kind: "refusal", text: no }];
    return { role: "assistant", parts: [...texts, ...refusal, ...calls] };
  });
/** Results of tools follow an assistant, so that two turns of them never touch. */
const turns = fc
  .tuple(system, fc.array(fc.tuple(user, assistant, results, assistant), { maxLength: 2 }), user)
  .map(([first, rounds, last]) => [first, ...rounds.flat(), last]);

const call: fc.Arbitrary<ModelCall> = fc
  .record(
    {
      turns,
      tools: fc.array(fc.record({ name: id, description: words, strict: fc.boolean() }, { requiredKeys: ["name"] }), {
        minLength: 1,
      }),
      toolChoice: fc.oneof(fc.constantFrom("auto" as const, "none" as const), fc.record({ name: id })),
      parallelToolCalls: fc.boolean(),
      form: fc.constantFrom(
        { kind: "text" } as const,
        { kind: "json" } as const,
        { kind: "schema", name: "s", schema: { type: "object" }, strict: false } as const,
      ),
      maxOutputTokens: fc.integer({ min: 1, max: 100_000 }),
      temperature: fc.constantFrom(0, 0.7, 2),
      topP: fc.constantFrom(0, 0.5, 1),
      stop: fc.array(words, { maxLength: 4 }),
      seed: fc.integer(),
      choices: fc.integer({ min: 1, max: 3 }),
      logprobs: fc.boolean(),
      reasoning: fc.constantFrom({ effort: "none" } as const, { effort: "xhigh" } as const),
      stream: fc.boolean(),
    },
    { requiredKeys: ["turns", "tools", "form", "stop", "choices", "stream"] },
  )
  .map((fields) => ({ dialect: "gemini", raw: {}, model: "m", wantsUsage: fields.stream, ...fields }));

const finish = fc.constantFrom<Finish>("stop", "length", "content_filter");
const reply: fc.Arbitrary<Reply> = fc
  .record({
    thought: fc.option(words),
    said: fc.option(words),
    calls: fc.array(toolCall, { maxLength: 3 }),
    finish,
    id,
    model: id,
    prompt: fc.nat(),
    completion: fc.nat(),
  })
  .map(({ thought, said, calls, finish, id, model, prompt, completion }) => {
    const parts: Part[] = [];
    if (thought !== null) parts.push({ kind: "reasoning", text: thought });
    if (said !== null) parts.push({ kind: "text", text: said });
    // Two calls of one reply never share an id.
    for (const [index, part] of calls.entries())
      if (part.kind === "tool_call") parts.push({ ...part, id: `c${index}` });
    return {
      id,
      model,
      choices: [{ parts, finish: calls.length > 0 ? "tool_calls" : finish }],
      rawUsage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion },
      usage: null,
    };
  });

const asked = front.readCall({
  model: "m",
  messages: [{ role: "user", content: "hi" }],
  stream: true,
  stream_options: { include_usage: true },
});

roundTrips("chat completions", { front, upstream, call, reply, asked });
