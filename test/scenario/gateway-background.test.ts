// Responses in the background, with OpenAI's own client against the whole app: begun, polled, streamed, read again, cancelled, and
// what becomes of them when their server or their caller's rights end.
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { clearHalt, haltProduct } from "../support/app/endings.ts";
import { maxKeptResponseBytes } from "../../src/responses/kept-text.ts";
import { spawnCharter } from "../support/app/process.ts";
import { openaiOf, recordOf, sendJson, startRig, startStub, writeRigFiles } from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";
import { eventually } from "../support/wait.ts";

type Response = OpenAI.Responses.Response;
type StreamEvent = OpenAI.Responses.ResponseStreamEvent;

let rig: GatewayRig;
let stub: Stub;
let client: OpenAI;
/** What the provider is to answer, once it is told to. */
let held: ServerResponse[] = [];

const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
const completion = {
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "done" }, finish_reason: "stop" }],
  usage,
};
const message = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text: "done", annotations: [] }],
};
const native = {
  id: "resp_theirs",
  object: "response",
  created_at: 1,
  status: "completed",
  background: false,
  model: "m",
  output: [message],
  usage: { input_tokens: 3, output_tokens: 2, total_tokens: 5 },
};
const plain = { model: "plain/m", input: "think long", background: true } as const;

/** The next call that the provider gets; it waits for an answer. */
async function nextHeld(): Promise<ServerResponse> {
  await eventually(() => held.length > 0, "a call of the provider");
  return held.shift()!;
}

function say(out: ServerResponse, ...frames: readonly object[]): void {
  if (!out.headersSent) out.writeHead(200, { "content-type": "text/event-stream" });
  for (const frame of frames) out.write(`data: ${JSON.stringify(frame)}\n\n`);
}
const word = (content: string): object => ({ id: "c", model: "m", choices: [{ index: 0, delta: { content } }] });
function finish(out: ServerResponse): void {
  say(out, { id: "c", model: "m", choices: [{ index: 0, delta: {}, finish_reason: "stop" }], usage });
  out.end("data: [DONE]\n\n");
}

async function ended(id: string, by: OpenAI = client): Promise<Response> {
  let found = await by.responses.retrieve(id);
  await eventually(async () => {
    found = await by.responses.retrieve(id);
    return found.status !== "in_progress" && found.status !== "queued";
  }, "the end of a response");
  return found;
}

async function all(events: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const read: StreamEvent[] = [];
  for await (const event of events) read.push(event);
  return read;
}

beforeAll(async () => {
  stub = await startStub();
  const row = { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true };
  rig = await startRig({
    flags: { "max-background-responses": "3" },
    providers: () => ({ plain: { ...row, api: "chat" }, native: { ...row, api: "responses" } }),
  });
  client = openaiOf(rig.charter.url, rig.productKey, { "cache-control": "no-store" });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});
beforeEach(() => {
  held = [];
  stub.answer = (_seen, out) => void held.push(out);
});

describe("a response in the background", () => {
  it("is answered at once, stands as it is while it is worked on, and is there when it is done", async () => {
    const begun = await client.responses.create({ ...plain, metadata: { n: "1" }, instructions: "Be brief." });
    expect(begun).toMatchObject({
      object: "response",
      status: "queued",
      background: true,
      store: true,
      output: [],
      error: null,
      usage: null,
      metadata: { n: "1" },
      instructions: "Be brief.",
    });
    expect(await client.responses.retrieve(begun.id)).toMatchObject({ id: begun.id, status: "in_progress" });
    const size = await rig.charter.ledgerSize();
    sendJson(await nextHeld(), completion);
    const done = await ended(begun.id);
    expect(done).toMatchObject({
      id: begun.id,
      status: "completed",
      background: true,
      created_at: begun.created_at,
      output: [{ type: "message", content: [{ text: "done" }] }],
      usage: { input_tokens: 3, output_tokens: 2 },
    });
    const outcome = await rig.outcomeSince(size);
    expect(recordOf(outcome)).toMatchObject({ input_tokens: 3, output_tokens: 2, finish: "stop" });
    const asked = stub.seen.at(-1)?.json;
    expect(asked).not.toHaveProperty("background");
    expect(asked).not.toHaveProperty("stream");
  });

  it("can be gone on from once it is done, and not before", async () => {
    const begun = await client.responses.create(plain);
    const more = { model: "plain/m", input: "go on", previous_response_id: begun.id };
    await expect(client.responses.create(more)).rejects.toMatchObject({ status: 400, code: "response.not_finished" });
    sendJson(await nextHeld(), completion);
    await ended(begun.id);
    const going = client.responses.create(more);
    sendJson(await nextHeld(), completion);
    await going;
    expect(stub.seen.at(-1)?.json["messages"]).toMatchObject([
      { role: "user", content: "think long" },
      { role: "assistant", content: "done" },
      { role: "user", content: "go on" },
    ]);
    expect((await client.responses.inputItems.list(begun.id)).data).toMatchObject([{ role: "user" }]);
  });

  it("has its own id where the provider speaks the API itself, whole and streamed", async () => {
    const begun = await client.responses.create({ ...plain, model: "native/m" });
    sendJson(await nextHeld(), native);
    expect(await ended(begun.id)).toMatchObject({ id: begun.id, background: true, output: [message] });
    expect(stub.seen.at(-1)?.json).toMatchObject({ store: false });
    const streaming = await client.responses.create({ ...plain, model: "native/m", stream: true });
    const out = await nextHeld();
    const created = { ...native, status: "in_progress", output: [] };
    say(
      out,
      { type: "response.created", sequence_number: 0, response: created },
      { type: "response.in_progress", sequence_number: 1, response: created },
      { type: "response.output_item.added", sequence_number: 2, output_index: 0, item: { ...message, content: [] } },
      { type: "response.future", sequence_number: 3, big: 1 },
      { type: "response.output_item.done", sequence_number: 4, output_index: 0, item: message },
      { type: "response.completed", sequence_number: 5, response: native },
    );
    out.end();
    const events = await all(streaming);
    expect(events.map(({ type }) => type as string)).toEqual([
      "response.created",
      "response.queued",
      "response.in_progress",
      "response.output_item.added",
      "response.future",
      "response.output_item.done",
      "response.completed",
    ]);
    expect(events.map(({ sequence_number: n }) => n)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const ids = new Set(events.flatMap((event) => ("response" in event ? [event.response.id] : [])));
    expect([...ids]).toEqual([expect.not.stringContaining("theirs")]);
  });

  it("fails with the reason when its provider does", async () => {
    const begun = await client.responses.create(plain);
    sendJson(await nextHeld(), { error: { message: "no such thing", type: "invalid_request_error" } }, 400);
    expect(await ended(begun.id)).toMatchObject({
      status: "failed",
      error: { code: expect.any(String), message: expect.stringContaining("no such thing") },
      output: [],
    });
  });

  it("fails where its provider answers that it is still at work, or more than is kept", async () => {
    const begun = await client.responses.create({ ...plain, model: "native/m" });
    sendJson(await nextHeld(), { ...native, status: "in_progress" });
    expect(await ended(begun.id)).toMatchObject({ status: "failed", error: { code: "response.interrupted" } });
    const long = await client.responses.create(plain);
    const content = "a long word ".repeat(800_000);
    sendJson(await nextHeld(), { ...completion, choices: [{ index: 0, message: { role: "assistant", content } }] });
    expect(await ended(long.id)).toMatchObject({ status: "failed", error: { code: "response.too_large" } });
  });

  it("ends, too, where it says of itself nearly as much as is kept", async () => {
    const asked = { ...plain, instructions: "x" };
    const small = await client.responses.create(asked);
    sendJson(await nextHeld(), { error: { message: "no" } }, 400);
    await ended(small.id);
    const size = JSON.stringify({ ...small, status: "in_progress" }).length;
    const instructions = "x ".repeat((maxKeptResponseBytes - size) / 2);
    const cancelled = await client.responses.create({ ...asked, instructions });
    await nextHeld();
    expect((await client.responses.cancel(cancelled.id)).status).toBe("cancelled");
    const failed = await client.responses.create({ ...asked, instructions });
    sendJson(await nextHeld(), { error: { message: "no" } }, 400);
    expect((await ended(failed.id)).status).toBe("failed");
  });

  it("is let in once, however many providers are asked for it", async () => {
    const cascading = openaiOf(rig.charter.url, rig.productKey, {
      "cache-control": "no-store",
      "x-charter-strategy": "cascade",
    });
    const begun = await cascading.responses.create({ model: "auto", input: "what is 2 + 2?", background: true });
    expect(await ended(begun.id)).toMatchObject({ id: begun.id, status: "completed" });
  });

  it("is refused like any other call, with its status and without an id", async () => {
    for (const [body, status] of [
      [{ ...plain, model: "nowhere/m" }, 404],
      [{ ...plain, store: false }, 400],
      [{ ...plain, background: "yes" }, 400],
      [{ ...plain, previous_response_id: "resp_unknown" }, 404],
      [{ ...plain, conversation: "conv_1" }, 400],
      [{ ...plain, input: 5 }, 400],
    ] as const) {
      await expect(client.responses.create(body as never)).rejects.toMatchObject({ status });
    }
    expect(held).toEqual([]);
  });

  it("is the product's own", async () => {
    const begun = await client.responses.create(plain);
    const other = openaiOf(rig.charter.url, rig.otherKey);
    const { id } = begun;
    const stream = { stream: true, starting_after: 0 } as const;
    for (const ask of [
      () => other.responses.retrieve(id),
      () => other.responses.cancel(id),
      () => other.responses.delete(id),
      () => other.responses.retrieve(id, stream),
    ]) {
      await expect(ask()).rejects.toMatchObject({ status: 404 });
    }
    sendJson(await nextHeld(), completion);
    expect(await ended(id)).toMatchObject({ status: "completed" });
  });

  it("has a place, and there are only so many for a product", async () => {
    const many = await Promise.allSettled(Array.from({ length: 6 }, () => client.responses.create(plain)));
    const [begun, refused] = [
      many.flatMap((each) => (each.status === "fulfilled" ? [each.value] : [])),
      many.flatMap((each) => (each.status === "rejected" ? [each.reason as { status: number; code: string }] : [])),
    ];
    expect(begun).toHaveLength(3);
    expect(refused.map(({ status, code }) => `${status} ${code}`)).toEqual(Array(3).fill("429 response.too_many"));
    const other = openaiOf(rig.charter.url, rig.otherKey, { "cache-control": "no-store" });
    const others = await other.responses.create(plain);
    for (let n = 0; n < 4; n++) sendJson(await nextHeld(), completion);
    for (const { id } of begun) await ended(id);
    await ended(others.id, other);
    const next = await client.responses.create(plain);
    sendJson(await nextHeld(), completion);
    expect((await ended(next.id)).status).toBe("completed");
  });
});

describe("the stream of a response in the background", () => {
  it("can be left, read again from any event on, and read as a whole by the client's own helper", async () => {
    const stream = await client.responses.create({ ...plain, stream: true });
    const out = await nextHeld();
    say(out, word("one "));
    const first: StreamEvent[] = [];
    for await (const event of stream) {
      first.push(event);
      if (event.type === "response.output_text.delta") break;
    }
    const created = first[0];
    if (created?.type !== "response.created") throw new Error("no response.created");
    const { id } = created.response;
    expect(await client.responses.retrieve(id)).toMatchObject({ status: "in_progress" });
    const again = await client.responses.retrieve(id, { stream: true, starting_after: first.length - 1 });
    say(out, word("two"));
    finish(out);
    const rest = await all(again);
    const whole = await all(await client.responses.retrieve(id, { stream: true }));
    expect([...first, ...rest]).toEqual(whole);
    expect(whole.map(({ sequence_number: n }) => n)).toEqual(whole.map((_, i) => i));
    expect(whole.at(-1)).toMatchObject({ type: "response.completed", response: { id, background: true } });
    expect((await client.responses.retrieve(id)).output_text).toBe("one two");
    const helped = client.responses.stream({ response_id: id });
    expect((await helped.finalResponse()).output_text).toBe("one two");
    expect(await all(await client.responses.retrieve(id, { stream: true, starting_after: whole.length - 1 }))).toEqual(
      [],
    );
  });

  it("is there only where one was asked for", async () => {
    const begun = await client.responses.create(plain);
    await expect(client.responses.retrieve(begun.id, { stream: true })).rejects.toMatchObject({
      status: 400,
      code: "response.not_streamed",
    });
    sendJson(await nextHeld(), completion);
    await ended(begun.id);
  });

  it("tells why it breaks off", async () => {
    const stream = await client.responses.create({ ...plain, stream: true });
    const out = await nextHeld();
    say(out, word("one "));
    await eventually(async () => out.writableLength === 0);
    out.destroy();
    const read: StreamEvent[] = [];
    await expect(
      (async () => {
        for await (const event of stream) read.push(event);
      })(),
    ).rejects.toThrow();
    const [{ response }] = read as unknown as [{ response: Response }];
    const failed = await ended(response.id);
    expect(failed).toMatchObject({ status: "failed", error: { code: expect.any(String) } });
  });
});

describe("a response in the background that is ended from outside", () => {
  it("is cancelled: its provider is left, and cancelling again changes nothing", async () => {
    const size = await rig.charter.ledgerSize();
    const begun = await client.responses.create({ ...plain, stream: true });
    const out = await nextHeld();
    const left = once(out, "close");
    const events = begun[Symbol.asyncIterator]();
    const first = await events.next();
    const { id } = (first.value as { response: Response }).response;
    expect(await client.responses.cancel(id)).toMatchObject({ id, status: "cancelled", error: null });
    await left;
    const rest: StreamEvent[] = [];
    for (let next = await events.next(); !next.done; next = await events.next()) rest.push(next.value);
    expect(rest.at(-1)).toMatchObject({ type: "response.failed", response: { id, status: "cancelled" } });
    expect(await client.responses.cancel(id)).toMatchObject({ id, status: "cancelled" });
    expect(await client.responses.retrieve(id)).toMatchObject({ id, status: "cancelled" });
    await eventually(async () => {
      const { outcomes } = await rig.callsSince(size);
      return outcomes.some(({ operation, code }) => operation === "response.create" && code === "response.cancelled");
    }, "the outcome");
  });

  it("cannot be cancelled where it was waited for, and stays what it is once it is done", async () => {
    const going = client.responses.create({ model: "plain/m", input: "hi" });
    sendJson(await nextHeld(), completion);
    const { id } = await going;
    await expect(client.responses.cancel(id)).rejects.toMatchObject({ status: 400, code: "response.not_background" });
    await expect(client.responses.cancel("resp_unknown")).rejects.toMatchObject({ status: 404 });
    const begun = await client.responses.create(plain);
    sendJson(await nextHeld(), completion);
    await ended(begun.id);
    expect(await client.responses.cancel(begun.id)).toMatchObject({ status: "completed" });
  });

  it("is forgotten while it is worked on, and does not come back", async () => {
    const begun = await client.responses.create(plain);
    const out = await nextHeld();
    const left = once(out, "close");
    await client.responses.delete(begun.id);
    await left;
    await expect(client.responses.retrieve(begun.id)).rejects.toMatchObject({ status: 404 });
  });

  it("fails when its key is revoked or its product halted", async () => {
    const { json } = await rig.charter.ask("/v1/keys", { body: { kind: "product", product: "AI_ASSISTANT" } });
    const own = openaiOf(rig.charter.url, json.key, { "cache-control": "no-store" });
    const begun = await own.responses.create(plain);
    const out = await nextHeld();
    const left = once(out, "close");
    await rig.charter.ask(`/v1/keys/${json.id}`, { method: "DELETE" });
    await left;
    expect(await ended(begun.id)).toMatchObject({ status: "failed", error: { code: "credential.ended" } });
    const halted = await client.responses.create(plain);
    const other = await nextHeld();
    const cut = once(other, "close");
    await haltProduct(rig.charter);
    await cut;
    await clearHalt(rig.charter);
    expect(await ended(halted.id)).toMatchObject({ status: "failed", error: { code: "governance.halted" } });
  });
});

describe("a response in the background whose server ends", () => {
  async function withServer(
    work: (start: (adminKey?: string) => ReturnType<typeof spawnCharter>) => Promise<void>,
  ): Promise<void> {
    const dir = await mkdtemp(join(tmpdir(), "charter-background-"));
    const row = { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true, api: "chat" };
    const files = await writeRigFiles(stub.url, { providers: () => ({ plain: row }) });
    const args = Object.entries(files.flags).flatMap(([name, value]) => [`--${name}`, value]);
    await work((adminKey) => spawnCharter({ dataDir: dir, args, ...(adminKey !== undefined && { adminKey }) }));
    for (const each of [dir, files.dir]) await rm(each, { recursive: true, force: true });
  }

  it("has failed after kill -9, and its stream ends with that after all events that were seen", async () => {
    await withServer(async (start) => {
      const first = await start();
      const { adminKey } = first;
      const own = new OpenAI({ baseURL: `${first.url}/v1`, apiKey: adminKey, maxRetries: 0 });
      const whole = await own.responses.create(plain);
      await nextHeld();
      const stream = await own.responses.create({ ...plain, input: "another", stream: true });
      const out = await nextHeld();
      say(out, word("one "));
      const seen: StreamEvent[] = [];
      for await (const event of stream) {
        seen.push(event);
        if (event.type === "response.output_text.delta") break;
      }
      await first.kill();
      await using second = await start(adminKey);
      const later = new OpenAI({ baseURL: `${second.url}/v1`, apiKey: adminKey, maxRetries: 0 });
      expect(await later.responses.retrieve(whole.id)).toMatchObject({
        status: "failed",
        error: { code: "response.interrupted" },
      });
      const { id } = (seen[0] as { response: Response }).response;
      const rest = await all(await later.responses.retrieve(id, { stream: true, starting_after: seen.length - 1 }));
      expect(rest).toMatchObject([
        { type: "response.failed", sequence_number: seen.length, response: { id, status: "failed" } },
      ]);
      await second.stop();
    });
  });

  it("is waited for when the server is asked to stop", async () => {
    await withServer(async (start) => {
      const first = await start();
      const { adminKey } = first;
      const own = new OpenAI({ baseURL: `${first.url}/v1`, apiKey: adminKey, maxRetries: 0 });
      const begun = await own.responses.create(plain);
      const out = await nextHeld();
      const stopping = first.stop();
      await eventually(async () => {
        return first.ask("/health", { key: null }).then(
          () => false,
          () => true,
        );
      }, "the end of listening");
      sendJson(out, completion);
      expect(await stopping).toBe(0);
      await using second = await start(adminKey);
      const later = new OpenAI({ baseURL: `${second.url}/v1`, apiKey: adminKey, maxRetries: 0 });
      expect(await later.responses.retrieve(begun.id)).toMatchObject({ status: "completed", output_text: "done" });
      await second.stop();
    });
  });
});
