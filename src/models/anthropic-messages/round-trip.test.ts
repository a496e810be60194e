import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cut, gathered, piecesOf } from "../../../test/support/gateway/reply-pieces.ts";
import type { Finish, MediaSource, ModelCall, Part, Reply, StreamEvent, Turn } from "../conversation.ts";
import { anthropicMessagesFront, anthropicMessagesUpstream } from "./dialect.ts";

const words = fc.string({ minLength: 1, unit: "binary" });
const id = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/);
/** JSON leaves out negative zero, so no number here is one. */
const inputs = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null)));
const json = inputs.map((input) => JSON.stringify(JSON.parse(JSON.stringify(input))));

const text: fc.Arbitrary<Part> = fc.oneof(
  words.map((said) => ({ kind: "text", text: said }) as const),
  fc.record({ kind: fc.constant("text" as const), text: words, cache: fc.constantFrom("5m" as const, "1h" as const) }),
);
const source: fc.Arbitrary<MediaSource> = fc.oneof(
  fc.webUrl().map((url) => ({ kind: "url", url }) as const),
  fc.base64String().map((data) => ({ kind: "base64", mediaType: "application/pdf", data }) as const),
);
const media: fc.Arbitrary<Part> = fc.oneof(
  source.map((from) => ({ kind: "image", source: from }) as const),
  source.map((from) => ({ kind: "file", source: from }) as const),
  fc.record({ kind: fc.constant("file" as const), source, name: words }),
);
const result: fc.Arbitrary<Part> = fc.oneof(
  fc.record({
    kind: fc.constant("tool_result" as const),
    id,
    parts: fc.array(fc.oneof(text, media), { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant("tool_result" as const),
    id,
    parts: fc.array(text, { maxLength: 2 }),
    isError: fc.boolean(),
  }),
);
const toolCall: fc.Arbitrary<Part> = fc.record({
  kind: fc.constant("tool_call" as const),
  id,
  name: id,
  arguments: json,
});
const seal = fc.base64String({ minLength: 4 });
const reasoning: fc.Arbitrary<Part> = fc.oneof(
  fc.record({ kind: fc.constant("reasoning" as const), text: words, signature: seal }),
  seal.map((redacted) => ({ kind: "reasoning", text: "", redacted }) as const),
);

const user: fc.Arbitrary<Turn> = fc
  .tuple(fc.array(result, { maxLength: 2 }), fc.array(fc.oneof(text, media), { minLength: 1, maxLength: 3 }))
  .map(([results, others]) => ({ role: "user", parts: [...results, ...others] }));
const assistant: fc.Arbitrary<Turn> = fc
  .array(fc.oneof(text, toolCall, reasoning), { minLength: 1, maxLength: 4 })
  .map((parts) => ({ role: "assistant", parts }));
const system: fc.Arbitrary<Turn> = fc
  .array(text, { minLength: 1, maxLength: 2 })
  .map((parts) => ({ role: "system", parts }));
/** Conversations in the order that the API keeps: instructions, then turns of changing roles. */
const turns: fc.Arbitrary<Turn[]> = fc
  .tuple(fc.option(system), fc.array(fc.tuple(user, assistant), { maxLength: 3 }), user)
  .map(([first, pairs, last]) => [...(first === null ? [] : [first]), ...pairs.flat(), last]);

const schema = { type: "object", properties: { a: { type: "string" } }, required: ["a"], additionalProperties: false };
const offer = fc.oneof(
  fc.record({ name: id, parameters: fc.constant(schema) }),
  fc.record({ name: id, parameters: fc.constant(schema), description: words, strict: fc.constant(true) }),
);

const call: fc.Arbitrary<ModelCall> = fc
  .record(
    {
      turns,
      tools: fc.array(offer, { minLength: 1, maxLength: 3 }),
      toolChoice: fc.oneof(fc.constantFrom("auto" as const, "required" as const), fc.record({ name: id })),
      parallelToolCalls: fc.constant(false),
      maxOutputTokens: fc.integer({ min: 1, max: 100_000 }),
      temperature: fc.double({ min: 0, max: 0.99, noNaN: true }).map((value) => value + 0),
      topP: fc.constantFrom(0, 0.5),
      topK: fc.nat(),
      stop: fc.array(words, { maxLength: 3 }),
      stream: fc.boolean(),
    },
    { requiredKeys: ["turns", "tools", "maxOutputTokens", "stop", "stream", "toolChoice"] },
  )
  .map((fields) => ({
    dialect: "openai-chat",
    raw: {},
    model: "auto",
    form: { kind: "text" },
    choices: 1,
    wantsUsage: true,
    ...fields,
  }));

const target = { model: "claude-opus-4-6", defaultMaxOutputTokens: 1 };

describe("a call that goes through the Messages API", () => {
  it("comes back as it was", () => {
    fc.assert(
      fc.property(call, (asked) => {
        const { body } = anthropicMessagesUpstream.writeCall(asked, target);
        const read = anthropicMessagesFront.readCall(JSON.parse(JSON.stringify(body)));
        expect({ ...read, raw: {} }).toEqual({ ...asked, dialect: "anthropic-messages", model: target.model });
      }),
      { numRuns: 300 },
    );
  });
});

/** Texts that follow each other are one text to a stream, so they do not follow each other here. */
const replyParts = fc
  .array(
    fc.oneof(
      words.map((said): Part => ({ kind: "text", text: said })),
      toolCall,
      reasoning,
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.filter((part, index) => part.kind !== "text" || parts[index - 1]?.kind !== "text"));
const count = fc.nat({ max: 1_000_000 });
const reply: fc.Arbitrary<Reply> = fc
  .record({
    id: id,
    model: words,
    parts: replyParts,
    finish: fc.constantFrom<Finish>("stop", "length", "tool_calls", "refusal"),
    usage: fc.record({ input_tokens: count, output_tokens: count, cache_read_input_tokens: count }),
  })
  .map(({ parts, finish, usage, ...rest }) => ({
    ...rest,
    choices: [{ parts, finish }],
    rawUsage: usage,
    usage: null,
  }));

const asked = anthropicMessagesFront.readCall({
  model: "m",
  max_tokens: 1,
  messages: [{ role: "user", content: "x" }],
});
const shown = { createdMs: 0, id: "msg_charter" };

function streamed(pieces: readonly StreamEvent[]): string {
  const writer = anthropicMessagesFront.streamWriter(asked, shown);
  return pieces.map((piece) => writer.write(piece)).join("");
}

describe("a reply that goes through the Messages API", () => {
  it("comes back as it was", () => {
    fc.assert(
      fc.property(reply, (given) => {
        const message = JSON.parse(JSON.stringify(anthropicMessagesFront.writeReply(asked, given, shown)));
        expect(anthropicMessagesUpstream.readReply(message)).toEqual(given);
      }),
      { numRuns: 300 },
    );
  });

  it("comes back from a stream with the same content, finish and usage, however its words were cut", () => {
    fc.assert(
      fc.property(reply, fc.integer({ min: 1, max: 40 }), (given, size) => {
        const back = gathered(piecesOf(anthropicMessagesUpstream, streamed(cut(given, size))));
        expect(back).toMatchObject({ id: given.id, model: given.model, ended: true, finish: given.choices[0]?.finish });
        expect(back.parts).toEqual(given.choices[0]?.parts);
        expect(back.usage).toMatchObject(given.rawUsage ?? {});
      }),
      { numRuns: 300 },
    );
  });
});
