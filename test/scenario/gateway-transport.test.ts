// Answers that are sound and come in a way that nobody asked for: compressed, under another label, as a stream or not, from
// another path, in one very long event, from a server that does not know a field.
import type { ServerResponse } from "node:http";
import { brotliCompressSync, createGzip, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  questions,
  recordOf,
  readStream,
  sendEvents,
  sendJson,
  startRig,
  startStub,
} from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";

let rig: GatewayRig;
let stub: Stub;
beforeAll(async () => {
  stub = await startStub();
  rig = await startRig({
    providers: () => ({
      own: { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true },
      strict: { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true },
      messages: { kind: "anthropic", baseUrl: `${stub.url}/v1`, keyless: true, open: true },
      google: { kind: "gemini", baseUrl: `${stub.url}/v1beta`, keyless: true, open: true },
    }),
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});

const question = questions();
const words = "Grüße an alle 🌊.";
const usage = { prompt_tokens: 12, completion_tokens: 6, total_tokens: 18 };
const head = { id: "chatcmpl-1", created: 1, model: "m" };
const chunk = (delta: object, finish: string | null = null): string =>
  JSON.stringify({ ...head, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }] });
const whole = JSON.stringify({
  ...head,
  object: "chat.completion",
  choices: [{ index: 0, message: { role: "assistant", content: words }, finish_reason: "stop" }],
  usage,
});
const chunks = [
  chunk({ role: "assistant", content: words.slice(0, 5) }),
  chunk({ content: words.slice(5) }),
  chunk({}, "stop"),
  JSON.stringify({ ...head, object: "chat.completion.chunk", choices: [], usage }),
  "[DONE]",
];
const streamed = chunks.map((data) => `data: ${data}\n\n`).join("");
const send = (response: ServerResponse, body: Buffer | string, headers: Record<string, string>): void =>
  void response.writeHead(200, headers).end(body);

/** What a caller reads, whole and streamed, and how often the provider was asked. */
async function asked(model: string, streams: boolean): Promise<{ text: string; tokens: number; times: number }> {
  const from = stub.seen.length;
  const call = { ...question(), model };
  const times = (): number => stub.seen.length - from;
  if (!streams) {
    const { choices, usage: used } = await rig.openai().chat.completions.create(call);
    return { text: choices[0]?.message.content ?? "", tokens: used?.total_tokens ?? 0, times: times() };
  }
  const stream = rig.openai().chat.completions.stream({ ...call, stream_options: { include_usage: true } });
  return {
    text: (await stream.finalContent()) ?? "",
    tokens: (await stream.totalUsage()).total_tokens,
    times: times(),
  };
}
const good = { text: words, tokens: 18, times: 1 };

describe("an answer that is compressed unasked", () => {
  const packings: Readonly<Record<string, (body: string) => Buffer>> = {
    gzip: gzipSync,
    deflate: deflateSync,
    br: brotliCompressSync,
    zstd: zstdCompressSync,
  };
  it.each(Object.keys(packings))("is read, whole and streamed: %s", async (name) => {
    for (const streams of [false, true]) {
      const packed = packings[name]!(streams ? streamed : whole);
      const type = streams ? "text/event-stream" : "application/json";
      stub.answer = (_request, response) => send(response, packed, { "content-type": type, "content-encoding": name });
      expect(await asked(`own/${name}`, streams)).toEqual(good);
    }
  });

  it("is passed on piece by piece as it comes", async () => {
    let goOn = (): void => {};
    stub.answer = async (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" });
      const packer = createGzip();
      packer.pipe(response);
      packer.write(`data: ${chunk({ role: "assistant", content: "" })}\n\n`);
      packer.flush();
      await new Promise<void>((resolve) => (goOn = resolve));
      packer.end(chunks.map((data) => `data: ${data}\n\n`).join(""));
    };
    const stream = await rig.openai().chat.completions.create({ ...question(), model: "own/paced", stream: true });
    let text = "";
    for await (const piece of stream) {
      text += piece.choices[0]?.delta.content ?? "";
      // The provider says its words only when the beginning is here.
      goOn();
    }
    expect(text).toBe(words);
  });

  it("tells its refusal too", async () => {
    stub.answer = (_request, response) =>
      void response
        .writeHead(400, { "content-type": "application/json", "content-encoding": "gzip" })
        .end(gzipSync(JSON.stringify({ error: { message: "top_k must be positive" } })));
    expect((await rig.chat({ ...question(), model: "own/refuses" })).json.detail).toContain("top_k must be positive");
  });

  it("as a bomb is stopped before it fills the memory", async () => {
    const bomb = zstdCompressSync(Buffer.alloc(300 * 1024 * 1024, ": nothing\n\n"));
    for (const streams of [false, true]) {
      const type = streams ? "text/event-stream" : "application/json";
      stub.answer = (_request, response) => send(response, bomb, { "content-type": type, "content-encoding": "zstd" });
      const { status, json } = await rig.chat({ ...question(), model: "own/bomb", stream: streams });
      expect([status, json.code]).toEqual([502, "upstream.garbled"]);
    }
  });
});

describe("an answer under another label", () => {
  const labels = ["text/plain; charset=utf-8", "application/octet-stream", "application/json", "text/html", ""];
  it.each(labels)("is read as the stream that it is: %j", async (label) => {
    const headers: Record<string, string> = label === "" ? {} : { "content-type": label };
    stub.answer = (_request, response) => send(response, streamed, headers);
    for (const streams of [true, false]) expect(await asked("own/labelled", streams)).toEqual(good);
  });

  it.each(["text/event-stream", "text/plain", ""])("is read as the whole reply that it is: %j", async (label) => {
    const headers: Record<string, string> = label === "" ? {} : { "content-type": label };
    stub.answer = (_request, response) => send(response, `\n ${whole}`, headers);
    for (const streams of [true, false]) expect(await asked("own/labelled", streams)).toEqual(good);
  });

  it("is read with a byte order mark, comments and carriage returns, cut anywhere", async () => {
    const odd = Buffer.from(`\uFEFF: hello\r\n\r\n${streamed.replaceAll("\n", "\r\n")}`);
    stub.answer = async (_request, response) => {
      response.writeHead(200, {});
      for (let at = 0; at < odd.length; at += 3) {
        response.write(odd.subarray(at, at + 3));
        if (at % 30 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      response.end();
    };
    for (const streams of [true, false]) expect(await asked("own/odd", streams)).toEqual(good);
  });

  it("is read to a whole reply with its tools, thought and end, in every dialect, through every door", async () => {
    const event = (type: string, body: object): string =>
      `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;
    const messages = [
      event("message_start", {
        message: {
          id: "msg_1",
          type: "message",
          role: "assistant",
          model: "m",
          content: [],
          usage: { input_tokens: 9, output_tokens: 1 },
        },
      }),
      event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
      event("content_block_delta", { index: 0, delta: { type: "text_delta", text: words } }),
      event("content_block_stop", { index: 0 }),
      event("content_block_start", {
        index: 1,
        content_block: { type: "tool_use", id: "t1", name: "tide", input: {} },
      }),
      event("content_block_delta", { index: 1, delta: { type: "input_json_delta", partial_json: '{"at":1}' } }),
      event("content_block_stop", { index: 1 }),
      event("message_delta", { delta: { stop_reason: "tool_use" }, usage: { output_tokens: 7 } }),
      event("message_stop", {}),
    ].join("");
    const gemini = `data: ${JSON.stringify({
      candidates: [
        {
          content: { parts: [{ text: words }, { functionCall: { name: "tide", args: { at: 1 } } }] },
          finishReason: "STOP",
        },
      ],
      usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 7, totalTokenCount: 16 },
    })}\r\n\r\n`;
    stub.answer = ({ path }, response) => send(response, path.startsWith("/v1beta") ? gemini : messages, {});
    for (const model of ["messages/m", "google/m"]) {
      const chat = await rig.openai().chat.completions.create({ ...question(), model });
      expect(chat.choices[0], model).toMatchObject({
        message: { content: words, tool_calls: [{ function: { name: "tide", arguments: '{"at":1}' } }] },
        finish_reason: "tool_calls",
      });
      expect(chat.usage).toMatchObject({ prompt_tokens: 9, completion_tokens: 7 });
      const message = await rig.anthropic().messages.create({ ...question(), model, max_tokens: 50 });
      expect(message).toMatchObject({
        content: [
          { type: "text", text: words },
          { type: "tool_use", name: "tide", input: { at: 1 } },
        ],
        stop_reason: "tool_use",
        usage: { input_tokens: 9, output_tokens: 7 },
      });
      const response = await rig.openai().responses.create({ input: question().messages, model });
      expect(response.output_text, model).toBe(words);
    }
  });

  it("that stops before its end is no reply, also where a whole one was asked for", async () => {
    stub.answer = (_request, response) => send(response, `data: ${chunks[0]}\n\n`, {});
    const { status, json } = await rig.chat({ ...question(), model: "own/cut" });
    expect([status, json.code]).toEqual([502, "upstream.failed"]);
  });

  it("may come in an event of many megabytes", async () => {
    const long = "word ".repeat(3_000_000);
    stub.answer = (_request, response) => {
      sendEvents(response, [chunk({ role: "assistant", content: long }), chunk({}, "stop"), "[DONE]"]);
      response.end();
    };
    const { text } = await rig.chat({ ...question(), model: "own/long", stream: true });
    expect(JSON.parse(readStream(text).data[0]!).choices[0].delta.content).toBe(long);
  });
});

describe("a redirect", () => {
  it.each([307, 308])(
    "of %i within the same origin is followed with the whole request, a few times",
    async (status) => {
      stub.answer = ({ path }, response) => {
        if (path.startsWith("/moved/here")) return send(response, whole, { "content-type": "application/json" });
        const location = path.startsWith("/moved") ? "/moved/here?x=1" : `${stub.url}/moved`;
        response.writeHead(status, { location }).end("elsewhere");
      };
      expect(await asked("own/moved", false)).toEqual({ ...good, times: 3 });
      const [first, second, third] = stub.seen.slice(-3);
      expect([second?.text, third?.text]).toEqual([first?.text, first?.text]);
      expect(third?.path).toBe("/moved/here?x=1");
    },
  );

  it("is not followed to another origin, nor in a circle, nor where it would change the method", async () => {
    await using elsewhere = await startStub();
    const other = elsewhere.url.replace("127.0.0.1", "localhost");
    for (const [status, location, times] of [
      [307, `${elsewhere.url}/v1/chat/completions`, 1],
      [308, `${other}/`, 1],
      [307, `//${new URL(elsewhere.url).host}/x`, 1],
      [307, stub.url.replace("http:", "https:"), 1],
      [307, "http://[", 1],
      [302, "/moved/here", 1],
      [307, "/v1/chat/completions", 4],
    ] as const) {
      stub.answer = (_request, response) => void response.writeHead(status, { location }).end();
      const from = stub.seen.length;
      const told = await rig.chat({ ...question(), model: "own/sent-away" });
      expect([told.status, told.json.code, stub.seen.length - from], location).toEqual([502, "upstream.failed", times]);
    }
    expect(elsewhere.seen).toEqual([]);
  });
});

describe("a server that does not know stream_options", () => {
  const refusals = {
    openai: [400, { error: { message: "Unrecognized request argument supplied: stream_options" } }],
    param: [400, { error: { message: "Unknown parameter.", param: "stream_options" } }],
    fastapi: [422, { detail: [{ loc: ["body", "stream_options"], msg: "Extra inputs are not permitted" }] }],
    sentence: [400, { detail: "stream_options: extra fields not permitted" }],
  } as const;
  it.each(Object.keys(refusals) as (keyof typeof refusals)[])(
    "is asked once more without it, and then at once: %s",
    async (name) => {
      const [status, body] = refusals[name];
      stub.answer = ({ json }, response) => {
        if (json.stream_options !== undefined) return sendJson(response, body, status);
        sendEvents(response, [...chunks.slice(0, 3), "[DONE]"]);
        response.end();
      };
      const size = await rig.charter.ledgerSize();
      const model = `strict/${name}`;
      const first = await asked(model, true);
      expect([first.text, first.times]).toEqual([words, 2]);
      // Nobody has said what was used, so it is an estimate, and is marked so; the caller that asked for the usage gets it.
      expect(first.tokens).toBeGreaterThan(0);
      expect(recordOf(await rig.outcomeSince(size))).toMatchObject({ estimated: true, attempts: 1 });
      expect((await asked(model, true)).times).toBe(1);
    },
  );

  it.each([
    ["a member that the caller sent", { stream_options: { foo: 1 } }, "stream_options.foo"],
    ["a member of the wrong kind", { stream_options: { include_obfuscation: "x" } }, "stream_options"],
    ["another field that begins the same", { stream_options_x: 1 }, undefined],
  ])("may refuse %s, and is asked for the usage of the next stream all the same", async (name, extra, param) => {
    const model = `strict/${name.replaceAll(" ", "-")}`;
    stub.answer = ({ json }, response) => {
      const isOdd = "stream_options_x" in json || Object.keys(json.stream_options ?? {}).some((key) => key === "foo");
      const isWrong = typeof (json.stream_options?.include_obfuscation ?? true) !== "boolean";
      const message = `Unknown parameter: '${param ?? "stream_options_x"}'.`;
      if (isOdd || isWrong) return sendJson(response, { error: { message, ...(param && { param }) } }, 400);
      sendEvents(response, chunks);
      response.end();
    };
    const from = stub.seen.length;
    expect((await rig.chat({ ...question(), model, stream: true, ...extra })).status).toBe(400);
    expect((await rig.chat({ ...question(), model, stream: true })).status).toBe(200);
    expect(stub.seen.slice(from).map(({ json }) => json.stream_options?.include_usage)).toEqual([true, true]);
  });

  it("is not remembered where the request was refused without it too", async () => {
    stub.answer = (_request, response) => sendJson(response, { error: { message: "no stream_options" } }, 400);
    const body = { ...question(), model: "strict/never", stream: true };
    const from = stub.seen.length;
    for (let i = 0; i < 2; i++) expect((await rig.chat(body)).status).toBe(400);
    const sent = stub.seen.slice(from).map(({ json }) => json.stream_options !== undefined);
    expect(sent).toEqual([true, false, true, false]);
  });

  it("and refuses something else is not asked again", async () => {
    stub.answer = (_request, response) => sendJson(response, { error: { message: "top_k must be positive" } }, 400);
    const from = stub.seen.length;
    expect((await rig.chat({ ...question(), model: "strict/other", stream: true })).status).toBe(400);
    expect(stub.seen.length - from).toBe(1);
  });
});
