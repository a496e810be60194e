// Models that think for long: what reaches a caller meanwhile, how a failure is told that comes after the head, and what becomes
// of the provider's work when the caller leaves. The streams are those of the three front doors.
import { request as httpRequest } from "node:http";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createHash } from "node:crypto";
import { APIError as AnthropicError } from "@anthropic-ai/sdk";
import { APIError } from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  chatChunk,
  chatReply,
  questions,
  readStream,
  recordOf,
  sendEvents,
  sendJson,
  startRig,
  startStub,
  wordsOf,
} from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";

let rig: GatewayRig;
let stub: Stub;

beforeAll(async () => {
  stub = await startStub();
  const atStub = { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true };
  rig = await startRig({
    providers: () => ({
      slow: atStub,
      claudes: { ...atStub, kind: "anthropic" },
      // A provider for each failure, so that no breaker stands between two tests.
      ...Object.fromEntries(["late1", "late2", "late3", "late4", "idle"].map((name) => [name, atStub])),
    }),
    deployments: [
      { name: "thinker", provider: "slow", model: "thinker", tier: 1, tags: ["pair"] },
      { name: "second", provider: "slow", model: "second", tier: 2, tags: ["pair"] },
    ],
    flags: { "upstream-headers-timeout-ms": "6000", "upstream-idle-timeout-ms": "3000" },
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});

const question = questions();

/** The three doors: their paths and the body of a streamed call. */
const doors = {
  chat: ["/v1/chat/completions", (model: string) => ({ model, stream: true, ...question() })],
  messages: ["/v1/messages", (model: string) => ({ model, stream: true, max_tokens: 50, ...question() })],
  responses: ["/v1/responses", (model: string) => ({ model, stream: true, input: question().messages })],
} as const;
type Door = keyof typeof doors;
const all = Object.keys(doors) as Door[];

/** What came of a streamed call, and when, milliseconds from its beginning; the first entry is the head. */
interface Watched {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly atMs: readonly number[];
}

/** Streams a call past any client, so that every byte is seen when it comes. */
function watch(door: Door, model: string, signal?: AbortSignal): Promise<Watched> {
  const [path, bodyOf] = doors[door];
  const startMs = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<Watched>();
  const headers = { authorization: `Bearer ${rig.productKey}`, "content-type": "application/json" };
  const request = httpRequest(`${rig.charter.url}${path}`, { method: "POST", headers, ...(signal && { signal }) });
  request.on("error", reject).on("response", (response) => {
    const atMs = [performance.now() - startMs];
    let text = "";
    response.on("data", (piece) => {
      atMs.push(performance.now() - startMs);
      text += String(piece);
    });
    response.on("error", reject);
    response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text, atMs }));
  });
  request.end(JSON.stringify(bodyOf(model)));
  return promise;
}

const longestGap = ({ atMs }: Watched): number => Math.max(...atMs.map((at, i) => at - (atMs[i - 1] ?? 0)));
const begin = (response: ServerResponse): void => void response.writeHead(200, { "content-type": "text/event-stream" });
const finish = (response: ServerResponse, model: string): void => {
  sendEvents(response, [
    chatChunk(model, { role: "assistant", content: "late." }),
    chatChunk(model, {}, "stop"),
    "[DONE]",
  ]);
  response.end();
};

beforeEach(() => {
  stub.seen.length = 0;
});

describe("a model that thinks", () => {
  it.each(all)("has its caller at %s told within a second that the call was let in", async (door) => {
    stub.answer = async ({ json }, response) => {
      await sleep(2500);
      begin(response);
      finish(response, json.model);
    };
    const seen = await watch(door, "slow/silent");
    expect(seen.status).toBe(200);
    expect(seen.atMs[0]).toBeLessThan(1500);
    expect(seen.headers).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "x-charter-decision": "allow",
    });
    expect(seen.headers["x-charter-model"]).toBeUndefined();
    expect(seen.text).toMatch(door === "messages" ? /^event: ping\ndata: \{"type":"ping"\}\n\n/ : /^: keep-alive\n\n/);
    expect(seen.text).toContain("late");
    expect(readStream(seen.text).facts).toMatchObject({ deployment: "slow/silent", model: "silent" });
  });

  it.each(all)("has its comments passed on to %s, before the first word and in the middle", async (door) => {
    stub.answer = async ({ json }, response) => {
      begin(response);
      for (let i = 0; i < 4; i++) {
        response.write(": PROCESSING\n\n");
        await sleep(600);
      }
      sendEvents(response, [chatChunk(json.model, { role: "assistant", content: "one " })]);
      for (let i = 0; i < 4; i++) {
        await sleep(600);
        response.write(": PROCESSING\n\n");
      }
      finish(response, json.model);
    };
    const seen = await watch(door, "slow/commenting");
    expect(longestGap(seen)).toBeLessThan(1900);
    expect(seen.atMs.length).toBeGreaterThan(6);
  });

  it.each(["chat", "responses"] as const)("has its pings told to %s as comments", async (door) => {
    const event = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
    stub.answer = async (_request, response) => {
      begin(response);
      const message = {
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: "c",
        content: [],
        stop_reason: null,
        usage: { input_tokens: 1, output_tokens: 1 },
      };
      response.write(event("message_start", { message }));
      for (let i = 0; i < 4; i++) {
        await sleep(600);
        response.write(event("ping", {}));
      }
      response.write(event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }));
      response.write(event("content_block_delta", { index: 0, delta: { type: "text_delta", text: "late." } }));
      response.write(event("content_block_stop", { index: 0 }));
      response.write(event("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 1 } }));
      response.end(event("message_stop", {}));
    };
    const seen = await watch(door, "claudes/pinging");
    expect(longestGap(seen)).toBeLessThan(1900);
    expect(seen.text).toContain(": keep-alive\n\n");
    expect(seen.text).toContain("late");
  });

  it.each(all)("is known to be at work at %s by whatever its provider writes", async (door) => {
    const signs = ["\n\n", ":\n\n", "data", `: ${JSON.stringify("x")}\n\n`, ": charter {}\n\n"];
    stub.answer = async ({ json }, response) => {
      begin(response);
      sendEvents(response, [chatChunk(json.model, { role: "assistant", content: "one " })]);
      for (const sign of signs) {
        await sleep(700);
        response.write(sign === "data" ? `data: ${chatChunk(json.model, {})}\n\n` : sign);
      }
      finish(response, json.model);
    };
    const seen = await watch(door, "slow/signs");
    expect(longestGap(seen)).toBeLessThan(1900);
    expect(seen.text).toContain("late");
    expect(seen.text).not.toContain(": charter {}");
  });

  it("of which a whole reply is asked says nothing before it", async () => {
    stub.answer = async ({ json }, response) => {
      await sleep(1500);
      sendJson(response, chatReply(json.model, "late."));
    };
    const { status, json, headers } = await rig.chat({ model: "slow/whole", ...question() });
    expect([status, json.choices[0].message.content]).toEqual([200, "late."]);
    expect(headers.get("x-charter-model")).toBe("whole");
  });

  it("streams late where its provider does not stream, and where only a reply of the form is accepted", async () => {
    stub.answer = async ({ json }, response) => {
      await sleep(1500);
      sendJson(response, chatReply(json.model, '{"a":1}'));
    };
    const seen = await watch("chat", "slow/unstreamed");
    expect(seen.atMs[0]).toBeLessThan(1500);
    expect(readStream(seen.text).facts).toMatchObject({ deployment: "slow/unstreamed" });
    const schema = {
      type: "object",
      properties: { a: { type: "integer" } },
      required: ["a"],
      additionalProperties: false,
    };
    const form = { type: "json_schema", json_schema: { name: "f", strict: true, schema } };
    const asked = { model: "slow/formed", stream: true, response_format: form, ...question() };
    const { text } = await rig.chat(asked, { headers: { "x-charter-schema": "enforce" } });
    expect(text).toMatch(/^: keep-alive/);
    expect(readStream(text).facts).toMatchObject({ schema: "valid" });
  });

  it("is waited for by all who follow one call, each kept awake", async () => {
    const before = stub.seen.length;
    stub.answer = async ({ json }, response) => {
      await sleep(2000);
      begin(response);
      finish(response, json.model);
    };
    const asked = { model: "slow/followed", stream: true, ...question() };
    const answers = await Promise.all([rig.chat(asked), rig.chat(asked), rig.chat(asked)]);
    for (const { status, text } of answers) {
      expect(status).toBe(200);
      expect(text).toMatch(/^: keep-alive/);
      expect(wordsOf(readStream(text))).toBe("late.");
    }
    expect(stub.seen.length - before).toBe(1);
  });

  it("is read by the official clients as if it had answered at once", async () => {
    stub.answer = async ({ json }, response) => {
      begin(response);
      for (let i = 0; i < 3; i++) {
        await sleep(600);
        response.write(": PROCESSING\n\n");
      }
      finish(response, json.model);
    };
    const model = "slow/read";
    const [openai, anthropic] = [rig.openai(), rig.anthropic()];
    const chat = await openai.chat.completions.stream({ model, ...question() }).finalChatCompletion();
    expect(chat.choices[0]?.message.content).toBe("late.");
    const message = await anthropic.messages.stream({ model, max_tokens: 50, ...question() }).finalText();
    expect(message).toBe("late.");
    const response = await openai.responses.stream({ model, input: question().messages }).finalResponse();
    expect(response.output_text).toBe("late.");
  });

  it("is on record with a digest of every byte before the last comment", async () => {
    stub.answer = async ({ json }, response) => {
      await sleep(1500);
      begin(response);
      finish(response, json.model);
    };
    const size = await rig.charter.ledgerSize();
    const { text } = await watch("chat", "slow/digested");
    const said = text.slice(0, text.indexOf(": charter "));
    const digest = `sha256:${createHash("sha256").update(said).digest("hex")}`;
    expect(said).toContain(": keep-alive");
    expect(recordOf(await rig.outcomeSince(size)).reply).toBe(digest);
  });

  it("may be replaced by another deployment after the head has left, as long as it has said nothing", async () => {
    stub.answer = async ({ json }, response) => {
      if (json.model === "second") {
        begin(response);
        return finish(response, "second");
      }
      begin(response);
      response.write(": PROCESSING\n\n");
      await sleep(2000);
      response.destroy();
    };
    const seen = await watch("chat", "tag:pair");
    expect(seen.atMs[0]).toBeLessThan(1500);
    expect(readStream(seen.text).facts).toMatchObject({ deployment: "second" });
    expect(seen.text).toContain("late");
  });
});

describe("a failure that comes after the head", () => {
  const refuse = async (response: ServerResponse): Promise<void> => {
    await sleep(1500);
    sendJson(response, { error: { message: "The input is too strange.", type: "invalid_request_error" } }, 400);
  };

  it("is raised by OpenAI's client for a chat", async () => {
    stub.answer = (_request, response) => refuse(response);
    const stream = await rig.openai().chat.completions.create({ model: "late1/m", stream: true, ...question() });
    const failure = await Array.fromAsync(stream).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(APIError);
    expect(failure).toMatchObject({ message: expect.stringContaining("too strange") });
  });

  it("is raised by OpenAI's client for a response", async () => {
    stub.answer = (_request, response) => refuse(response);
    const asked = { model: "late2/m", stream: true, input: question().messages } as const;
    const failure = await Array.fromAsync(await rig.openai().responses.create(asked)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(APIError);
    expect(failure).toMatchObject({ message: expect.stringContaining("too strange") });
    const { text } = await watch("responses", "late2/m");
    expect(text).toMatch(/event: response\.failed\n.*too strange.*\n\n$/);
  });

  it("is raised by Anthropic's client", async () => {
    stub.answer = (_request, response) => refuse(response);
    const asked = { model: "late3/m", stream: true, max_tokens: 9, ...question() } as const;
    const failure = await Array.fromAsync(await rig.anthropic().messages.create(asked)).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(AnthropicError);
    expect(failure).toMatchObject({ message: expect.stringContaining("too strange") });
  });

  it("is on record like any other, and holds no budget", async () => {
    stub.answer = (_request, response) => refuse(response);
    const size = await rig.charter.ledgerSize();
    await watch("chat", "late4/m");
    expect(await rig.outcomeSince(size)).toMatchObject({ outcome: "refused" });
    expect((await rig.budget()).held).toBe(0);
  });

  it("is a status as before where it comes at once", async () => {
    stub.answer = (_request, response) => sendJson(response, { error: { message: "No." } }, 400);
    for (const door of all) expect((await watch(door, "late4/m")).status).toBe(400);
  });
});

describe("a caller that leaves a model that thinks", () => {
  it.each(all)("ends the provider's work at once at %s, before the first word and after it", async (door) => {
    for (const speaks of [false, true]) {
      const gone = Promise.withResolvers<number>();
      const working = Promise.withResolvers<void>();
      stub.answer = ({ json }, response) => {
        response.once("close", () => gone.resolve(performance.now()));
        begin(response);
        response.write(": PROCESSING\n\n");
        if (speaks) sendEvents(response, [chatChunk(json.model, { role: "assistant", content: "one " })]);
        working.resolve();
      };
      const size = await rig.charter.ledgerSize();
      const leaving = new AbortController();
      const call = watch(door, `slow/left-${speaks}`, leaving.signal).catch(() => "left");
      await working.promise;
      await sleep(1200);
      const leftMs = performance.now();
      leaving.abort();
      expect(await call).toBe("left");
      expect((await gone.promise) - leftMs).toBeLessThan(1000);
      expect(await rig.outcomeSince(size)).toMatchObject({ code: "call.aborted" });
    }
  });
});

describe("silence", () => {
  it("before the first word may last as long as the beginning may, also when the provider has sent its head", async () => {
    stub.answer = async ({ json }, response) => {
      begin(response);
      response.flushHeaders();
      await sleep(4000);
      finish(response, json.model);
    };
    expect((await watch("chat", "idle/patient")).text).toContain("late");
  });

  it("in the middle ends the call after the idle time", async () => {
    stub.answer = ({ json }, response) => sendEvents(response, [chatChunk(json.model, { content: "one " })]);
    const seen = await watch("chat", "idle/stuck");
    expect(readStream(seen.text).data.at(-1)).toContain("upstream.timeout");
    expect(seen.atMs.at(-1)).toBeLessThan(5500);
  });
});
