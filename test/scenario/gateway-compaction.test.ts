// Conversations made shorter, with OpenAI's own client.
import type OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openaiOf, sendJson, startRig, startStub } from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";

type Items = OpenAI.Responses.ResponseInputItem[];

let rig: GatewayRig;
let stub: Stub;
let client: OpenAI;
let said = "the summary";

const secret = `ghp_${"aB3dE5gH7jK9".repeat(3)}`;
const message = (text: string): object => ({
  id: "msg_1",
  type: "message",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text, annotations: [] }],
});

beforeAll(async () => {
  stub = await startStub();
  const row = { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true };
  rig = await startRig({
    providers: () => ({ plain: { ...row, api: "chat" }, native: { ...row, api: "responses" } }),
  });
  client = openaiOf(rig.charter.url, rig.productKey, { "cache-control": "no-store" });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});
beforeEach(() => {
  said = "the summary";
  stub.answer = ({ path }, out) =>
    path.endsWith("/responses")
      ? sendJson(out, {
          id: `resp_theirs_${stub.seen.length}`,
          object: "response",
          created_at: 1,
          status: "completed",
          model: "m",
          output: [message(said)],
          usage: { input_tokens: 3, output_tokens: 2, total_tokens: 5 },
        })
      : sendJson(out, {
          id: "c",
          object: "chat.completion",
          created: 1,
          model: "m",
          choices: [{ index: 0, message: { role: "assistant", content: said }, finish_reason: "stop" }],
          usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
        });
});

describe("a conversation that is made shorter", () => {
  for (const model of ["plain/m", "native/m"]) {
    it(`is the user's words and one item, which stands for the rest in the next call: ${model}`, async () => {
      const one = await client.responses.create({ model, input: "what is the capital?" });
      const size = await rig.charter.ledgerSize();
      const short = await client.responses.compact({
        model,
        previous_response_id: one.id,
        input: "thanks",
      });
      expect(short).toMatchObject({
        object: "response.compaction",
        output: [
          { type: "message", role: "user", content: [{ text: "what is the capital?" }] },
          { type: "message", role: "user", content: [{ text: "thanks" }] },
          { type: "compaction", id: expect.stringMatching(/^cmp_/), encrypted_content: expect.any(String) },
        ],
        usage: { input_tokens: 3, output_tokens: 2 },
      });
      const { intents, outcomes } = await rig.callsSince(size);
      expect([...intents, ...outcomes].map(({ operation }) => operation)).toEqual(Array(2).fill("response.compact"));
      const last = short.output.slice(-1) as unknown as Items;
      const next = await client.responses.create({ model, input: [...last, { role: "user", content: "go on" }] });
      const told = stub.seen.at(-1)?.text ?? "";
      expect(told).toContain("the summary");
      expect(told).not.toContain("charter:summary");
      expect(told).not.toContain("compaction");
      await client.responses.create({ model, previous_response_id: next.id, input: "more" });
      expect(stub.seen.at(-1)?.text).toContain("the summary");
    });
  }

  for (const model of ["plain/m", "native/m"]) {
    const input = [{ role: "user", content: "hi" }, { type: "compaction_trigger" }] as unknown as Items;

    it(`is one item alone for a call that ends in a trigger, which is kept in place of what came before: ${model}`, async () => {
      const one = await client.responses.create({ model, input: "before it" });
      const bare = { model, input: input.slice(1), previous_response_id: one.id };
      expect((await client.responses.create(bare)).output).toMatchObject([{ type: "compaction" }]);
      const short = await client.responses.create({ model, input, previous_response_id: one.id });
      expect(short).toMatchObject({ status: "completed", output: [{ type: "compaction" }] });
      expect(short.output).toHaveLength(1);
      expect(stub.seen.at(-1)?.text).toContain("before it");
      expect(stub.seen.at(-1)?.text).toContain("Write a summary");
      expect(stub.seen.at(-1)?.text).not.toContain("compaction");
      expect(await client.responses.retrieve(short.id)).toMatchObject({ output: short.output });
      await client.responses.create({ model, previous_response_id: short.id, input: "go on" });
      expect(stub.seen.at(-1)?.text).toContain("the summary");
      expect(stub.seen.at(-1)?.text).not.toContain("before it");
    });

    it(`is told as one item of a stream, and nothing of the model's own words is: ${model}`, async () => {
      for (const store of [true, false]) {
        const events = await Array.fromAsync(await client.responses.create({ model, input, store, stream: true }));
        expect(
          events.map(({ type }) => type).filter((type) => !/^response\.(created|in_progress)$/.test(type)),
        ).toEqual(["response.output_item.added", "response.output_item.done", "response.completed"]);
        expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_, at) => at));
        const end = events.at(-1);
        expect(end?.type === "response.completed" && end.response.output).toMatchObject([
          { type: "compaction", encrypted_content: expect.stringContaining("the summary") },
        ]);
      }
      const { usage } = await client.responses.create({ model, input });
      expect(usage).toMatchObject({ input_tokens: 3, output_tokens: 2 });
    });

    it(`is a failure where the model gives no summary to a trigger, and no call at all for nothing: ${model}`, async () => {
      said = "";
      await expect(client.responses.create({ model, input })).rejects.toMatchObject({
        status: 502,
        code: "response.not_compacted",
      });
      const events = await Array.fromAsync(await client.responses.create({ model, input, stream: true }));
      expect(events.at(-1)).toMatchObject({
        type: "response.failed",
        response: { status: "failed", output: [], error: { code: "response.not_compacted" } },
      });
      stub.answer = (_seen, out) => {
        out.writeHead(200, { "content-type": "text/event-stream" }).write(": at work\n\n");
        out.destroy();
      };
      const seen: string[] = [];
      const read = async (): Promise<void> => {
        for await (const { type } of await client.responses.create({ model, input, stream: true })) seen.push(type);
      };
      const broke = await read().then(
        () => seen.at(-1) === "response.failed",
        () => true,
      );
      expect([broke, seen.includes("response.completed")]).toEqual([true, false]);
      const asked = stub.seen.length;
      await expect(client.responses.create({ model, input: input.slice(1) })).rejects.toMatchObject({ status: 400 });
      expect(stub.seen).toHaveLength(asked);
    });
  }

  it("is looked through by the guards, also in the item", async () => {
    await client.responses.create({
      model: "native/m",
      input: [
        { type: "compaction", encrypted_content: `charter:summary:the key is ${secret}` },
        { role: "user", content: "what is it?" },
      ],
    });
    expect(stub.seen.at(-1)?.text).toContain("the key is");
    expect(stub.seen.at(-1)?.text).not.toContain(secret);
  });

  it("is refused where there is none, and where the model gives no summary", async () => {
    const model = "plain/m" as "gpt-5.4";
    await expect(client.responses.compact({ model, previous_response_id: "resp_unknown" })).rejects.toMatchObject({
      status: 404,
    });
    for (const input of [[], 5, ["hi"], undefined]) {
      await expect(client.responses.compact({ model, input: input as never })).rejects.toMatchObject({ status: 400 });
    }
    said = "";
    await expect(client.responses.compact({ model, input: "hi" })).rejects.toMatchObject({
      status: 502,
      code: "response.not_compacted",
    });
  });

  it("is left to a provider of the same API where it does so itself, and named elsewhere", async () => {
    const more = { context_management: [{ type: "compaction" as const, compact_threshold: 1000 }] };
    const theirs = { type: "compaction", encrypted_content: "gAAAA" } as const;
    const input: Items = [theirs, { role: "user", content: "hi" }];
    const native = await client.responses.create({ model: "native/m", input, ...more }).withResponse();
    expect(stub.seen.at(-1)?.json).toMatchObject({ input, ...more });
    expect(native.response.headers.get("x-charter-dropped")).toBeNull();
    const plain = await client.responses.create({ model: "plain/m", input, ...more }).withResponse();
    expect(plain.response.headers.get("x-charter-dropped")).toBe("/input/0,context_management");
  });
});
