import { describe, expect, it } from "vitest";
import { systemClock } from "../kernel/clock.ts";
import { silentLog } from "../kernel/ctx.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { newId } from "../kernel/ids.ts";
import type { AnswerFacts } from "../gateway/index.ts";
import type { CallOptions } from "../gateway/prepared.ts";
import { gatewayModelClient } from "./gateway-model-client.ts";
import type { Callable } from "./gateway-model-client.ts";

const facts: AnswerFacts = {
  decision: "allow",
  intentIndex: 7,
  outcomeIndex: 8,
  tier: 1,
  deployment: "d",
  model: "m",
  microdollars: 42,
  cache: "bypass",
  overheadMicros: 1,
};

/** A gateway that answers everything with one body and keeps what it was asked. */
async function rig(answer: unknown) {
  const asked: { ctx: Ctx; dialect: string; body: Readonly<Record<string, unknown>>; options: CallOptions }[] = [];
  const gateway = {
    prepare: () => Promise.resolve({ product: "AI_ASSISTANT" }),
    call: async (ctx: Ctx, dialect: string, body: Readonly<Record<string, unknown>>, options: CallOptions) => {
      asked.push({ ctx, dialect, body, options });
      return { kind: "whole", facts, body: Buffer.from(JSON.stringify(answer)) };
    },
  } as unknown as Callable;
  const caller = new AbortController();
  const ctx: Ctx = {
    principal: { id: "key_1", kind: "product", product: "AI_ASSISTANT", role: "developer" },
    operation: "consciousness.process",
    permission: "task.create",
    address: "",
    requestId: newId<"request">(systemClock),
    signal: caller.signal,
    clock: systemClock,
    log: silentLog,
  };
  const options = { project: "house" } as unknown as CallOptions;
  return { asked, ctx, caller, options, client: await gatewayModelClient(gateway, ctx, "why?", options) };
}

const said = (content: unknown, usage?: unknown) => ({ choices: [{ message: { content } }], usage });
const messages = [{ role: "user", content: "why?" }] as const;
const terms = { temperature: 0.3, maxTokens: 50, signal: new AbortController().signal };

describe("a client over the gateway", () => {
  it("asks for whatever model there is and says what the answer cost", async () => {
    const { client, asked, options } = await rig(said("because", { total_tokens: 12 }));
    expect(client.product).toBe("AI_ASSISTANT");
    expect(await client.ask(messages, terms)).toEqual({
      text: "because",
      tokens: 12,
      microdollars: 42,
      model: "m",
      intentIndex: 7,
    });
    const [call] = asked;
    expect(call).toMatchObject({ dialect: "openai-chat", options });
    expect(call!.body).toEqual({ model: "auto", messages, temperature: 0.3, max_tokens: 50 });
  });

  it("asks for a schema in the form of the API", async () => {
    const { client, asked } = await rig(said("{}"));
    const schema = { name: "parts", schema: { type: "object" } };
    await client.ask(messages, { ...terms, schema });
    expect(asked[0]!.body["response_format"]).toEqual({
      type: "json_schema",
      json_schema: { ...schema, strict: true },
    });
  });

  it("gives a call up when its answer is not wanted or its caller has gone", async () => {
    const { client, asked, caller } = await rig(said("because"));
    const unwanted = new AbortController();
    await client.ask(messages, { ...terms, signal: unwanted.signal });
    await client.ask(messages, terms);
    unwanted.abort();
    expect(asked.map(({ ctx }) => ctx.signal.aborted)).toEqual([true, false]);
    caller.abort();
    expect(asked.map(({ ctx }) => ctx.signal.aborted)).toEqual([true, true]);
  });

  it.each([
    ["no usage", said("a"), { text: "a", tokens: null }],
    ["a usage that is none", said("a", { total_tokens: -1 }), { text: "a", tokens: null }],
    ["no text", said(null), { text: "" }],
    ["no choice", {}, { text: "" }],
    ["half of a character", said("a\ud83d"), { text: "a\ufffd" }],
  ])("copes with an answer that has %s", async (_what, body, thought) => {
    expect(await (await rig(body)).client.ask(messages, terms)).toMatchObject(thought);
  });

  it("refuses an answer whose text is something else", async () => {
    await expect((await rig(said([1]))).client.ask(messages, terms)).rejects.toMatchObject({
      code: "upstream.garbled",
    });
  });
});
