// Secrets beside words: in a reply's fields that Charter does not know, its names, sources and probabilities, and in the names
// that a call is sent with.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  chatReply,
  questions,
  readStream,
  sendEvents,
  sendJson,
  startRig,
  startStub,
} from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";

let rig: GatewayRig;
let stub: Stub;
let strictKey = "";

beforeAll(async () => {
  stub = await startStub();
  rig = await startRig({
    providers: () => ({
      own: { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true },
      ownclaude: { kind: "anthropic", baseUrl: `${stub.url}/v1`, keyless: true, open: true },
    }),
    constitution: [
      [["products", "WORKFLOW", "models"], { guards: { secrets: "deny", pii: "off", injection: "flag" } }],
    ],
  });
  strictKey = await rig.charter.keyFor("product", "WORKFLOW");
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});

const question = questions();
const secret = ["ghp", "4kT9wQz7Lm2XvB8nRc5YhJ3sPd6FgA1uEo0W"].join("_");
const tokens = secret.match(/.{1,3}/g)!.map((token) => ({ token, logprob: -1, bytes: null, top_logprobs: [] }));
const seal = Buffer.from(Array.from({ length: 120 }, (_, i) => (i * 197 + 31) % 256)).toString("base64");

/** A chat completion with more in its message, its choice and itself. */
const withMore = (message: object, choice: object = {}, top: object = {}): object => ({
  ...chatReply("m", "fine"),
  choices: [
    { index: 0, message: { role: "assistant", content: "fine", ...message }, finish_reason: "stop", ...choice },
  ],
  ...top,
});

const chatReplies: readonly (readonly [where: string, reply: object])[] = [
  [
    "the address and title of a source",
    withMore({
      annotations: [{ type: "url_citation", url_citation: { url: `https://x.example/?t=${secret}`, title: secret } }],
    }),
  ],
  ["details of reasoning", withMore({ reasoning_details: [{ type: "reasoning.text", text: `a ${secret}` }] })],
  ["an unknown field of a message", withMore({ provider_specific_fields: { deep: [{ x: secret }] } })],
  ["a key of an unknown record", withMore({ provider_specific_fields: { [secret]: 1 } })],
  [
    "unknown fields of the reply",
    withMore({}, {}, { citations: [`https://x?${secret}`], search_results: [{ title: secret }] }),
  ],
  ["its id", withMore({}, {}, { id: secret })],
  ["its model and fingerprint", withMore({}, {}, { model: secret, system_fingerprint: secret })],
  ["an unknown field in base64", withMore({ note: Buffer.from(`my ${secret} is`).toString("base64") })],
];

describe("a secret in a whole reply", () => {
  it.each(chatReplies)("is taken out of %s, and refused where the terms say so", async (_where, reply) => {
    stub.answer = (_request, response) => sendJson(response, reply);
    const { status, text, json } = await rig.chat({ model: "own/teller", ...question() });
    expect(status).toBe(200);
    expect(text).not.toContain(secret);
    expect(text).not.toContain(Buffer.from(`my ${secret}`).toString("base64").slice(0, 40));
    expect(text).toContain("[redacted: github-pat");
    expect(json.choices[0].message.content).toBe("fine");
    const strict = await rig.chat({ model: "own/teller", ...question() }, { key: strictKey });
    expect([strict.status, strict.json.code]).toEqual([403, "guard.denied"]);
  });

  it("is taken out of the probabilities of tokens, with them", async () => {
    for (const content of ["fine", `key ${secret}`]) {
      stub.answer = (_request, response) =>
        sendJson(response, withMore({ content }, { logprobs: { content: [...tokens] } }));
      const { json } = await rig.chat({ model: "own/teller", ...question() });
      const told = (json.choices[0].logprobs?.content ?? []) as { token: string }[];
      expect(told.map(({ token }) => token).join("")).not.toContain(secret);
    }
  });

  it("is not looked for in vain: probabilities that are not spelled as the words are stay", async () => {
    const fine = { token: "fi", logprob: -1, bytes: null, top_logprobs: [] };
    stub.answer = (_request, response) => sendJson(response, withMore({}, { logprobs: { content: [fine] } }));
    const { json } = await rig.chat({ model: "own/teller", ...question() });
    expect(json.choices[0].logprobs).toEqual({ content: [fine] });
  });

  it("is taken out of sources and stops of the Messages API, while seals pass byte for byte", async () => {
    const content = [
      { type: "thinking", thinking: "hm", signature: seal },
      { type: "redacted_thinking", data: seal },
      {
        type: "web_search_tool_result",
        tool_use_id: "t",
        content: [{ type: "web_search_result", url: `https://x?${secret}`, title: secret, encrypted_content: seal }],
      },
      { type: "text", text: "ok", citations: [{ type: "char_location", cited_text: secret, document_index: 0 }] },
    ];
    stub.answer = (_request, response) =>
      sendJson(response, {
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: "m",
        content,
        stop_reason: "stop_sequence",
        stop_sequence: secret,
        usage: { input_tokens: 1, output_tokens: 1 },
      });
    const body = { model: "ownclaude/teller", max_tokens: 50, ...question() };
    const { status, text, json } = await rig.charter.ask("/v1/messages", {
      key: rig.productKey,
      body,
    });
    expect(status, text).toBe(200);
    expect(text).not.toContain(secret);
    expect(json.content[0].signature).toBe(seal);
    expect(json.content[1].data).toBe(seal);
    expect(json.content[2].content[0].encrypted_content).toBe(seal);
  });
});

describe("a whole reply without a secret", () => {
  it("passes as it came, with whatever else it holds", async () => {
    const reply = withMore({ annotations: [{ url: "https://x.example/a" }], extra: { a: [1, "two words here"] } });
    const bytes = JSON.stringify(reply, null, 1);
    stub.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(bytes);
    };
    expect((await rig.chat({ model: "own/teller", ...question() })).text).toBe(bytes);
  });
});

const chunk = (delta: object, more: object = {}, top: object = {}): string =>
  JSON.stringify({
    id: "chatcmpl-own",
    object: "chat.completion.chunk",
    created: 1,
    model: "m",
    choices: [{ index: 0, delta, finish_reason: null, ...more }],
    ...top,
  });
const ended = (frames: readonly string[]): readonly string[] => [
  ...frames,
  chunk({}, { finish_reason: "stop" }),
  "[DONE]",
];

const streams: readonly (readonly [where: string, frames: readonly string[]])[] = [
  ["an unknown field of a delta", [chunk({ content: "fine", annotations: [{ url: `https://x?${secret}` }] })]],
  ["details of reasoning", [chunk({ content: "fine", reasoning_details: [{ type: "reasoning.text", text: secret }] })]],
  ["a key", [chunk({ content: "fine", extra: { [secret]: 1 } })]],
  ["its id", [chunk({ content: "fine" }, {}, { id: secret })]],
  ["its model", [chunk({ content: "fine" }, {}, { model: secret })]],
  ["a frame without words", [chunk({ content: "fine" }), JSON.stringify({ choices: [], citations: [secret] })]],
  ["the name of a tool", [
    chunk({ content: "fine" }),
    chunk({ tool_calls: [{ index: 0, id: secret, type: "function", function: { name: secret, arguments: "{}" } }] }),
  ]],
]; // prettier-ignore

describe("a secret in a stream beside its words", () => {
  it.each(streams)("is taken out of %s, and refused where the terms say so", async (_where, frames) => {
    stub.answer = (_request, response) => {
      sendEvents(response, ended(frames));
      response.end();
    };
    const { text } = await rig.chat({ model: "own/teller", ...question(), stream: true });
    expect(text).not.toContain(secret);
    expect(text).toContain("[redacted: github-pat");
    expect(text).toContain("fine");
    expect(readStream(text).data.at(-1)).toBe("[DONE]");
    const strict = await rig.chat({ model: "own/teller", ...question(), stream: true }, { key: strictKey });
    expect(strict.text).not.toContain(secret);
    expect(strict.text).toContain("guard.denied");
  });

  it("is taken out of a comment and of the name of an event", async () => {
    stub.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`: note ${secret}\n\nevent: ${secret}\ndata: ${chunk({ content: "fine" })}\n\n`);
      for (const frame of ended([])) response.write(`data: ${frame}\n\n`);
      response.end();
    };
    const { text } = await rig.chat({ model: "own/teller", ...question(), stream: true });
    expect(text).not.toContain(secret);
    expect(text).toContain("fine");
  });

  it("is taken out of what says words a second time", async () => {
    stub.answer = (_request, response) => {
      const said = tokens.map((each) =>
        chunk({ content: each.token, note: each.token }, { logprobs: { content: [each] } }),
      );
      sendEvents(response, ended(said));
      response.end();
    };
    const { text } = await rig.chat({ model: "own/teller", ...question(), stream: true });
    for (const name of ["content", "note", "token"]) {
      const told = [...text.matchAll(new RegExp(`"${name}":"([^"]*)"`, "g"))].map((match) => match[1]).join("");
      expect(told).not.toContain(secret);
    }
  });

  it("is not looked for where nothing is: the frames pass as they came, with seals in them", async () => {
    const frames = ended([
      chunk({ role: "assistant", content: "fine", reasoning_details: [{ type: "reasoning.encrypted", data: seal }] }),
      chunk({ content: " words" }, {}, { obfuscation: "a8Kz0pQ" }),
    ]);
    stub.answer = (_request, response) => {
      sendEvents(response, frames);
      response.end();
    };
    const { text } = await rig.chat({ model: "own/teller", ...question(), stream: true });
    for (const frame of frames.slice(0, -1)) expect(text).toContain(`data: ${frame}\n\n`);
  });

  it("is taken out of sources of the Messages API", async () => {
    const events = [
      { type: "message_start", message: { id: "msg_1", type: "message", role: "assistant", model: "m", content: [], usage: { input_tokens: 1, output_tokens: 1 } } },
      { type: "content_block_start", index: 0, content_block: { type: "web_search_tool_result", tool_use_id: "t", content: [{ type: "web_search_result", url: `https://x?${secret}`, title: "t", encrypted_content: seal }] } },
      { type: "content_block_stop", index: 0 },
      { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "fine" } },
      { type: "content_block_delta", index: 1, delta: { type: "citations_delta", citation: { type: "char_location", cited_text: secret } } },
      { type: "content_block_stop", index: 1 },
      { type: "message_delta", delta: { stop_reason: "stop_sequence", stop_sequence: secret }, usage: { output_tokens: 1 } },
      { type: "message_stop" },
    ]; // prettier-ignore
    stub.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(""));
    };
    const body = { model: "ownclaude/teller", max_tokens: 50, stream: true, ...question() };
    const { text } = await rig.charter.ask("/v1/messages", { key: rig.productKey, body });
    expect(text).not.toContain(secret);
    expect(text).toContain(seal);
    expect(text).toContain("fine");
    expect(text).toContain("event: message_stop");
  });
});

describe("a secret in a name", () => {
  it("refuses the call before it is on record, in a model's name and in a header", async () => {
    const size = await rig.charter.ledgerSize();
    const model = await rig.chat({ model: `own/${secret}`, ...question() });
    expect([model.status, model.json.code, model.json.at]).toEqual([403, "guard.denied", "/model"]);
    const { status, text } = await rig.charter.ask("/v1/messages", {
      key: rig.productKey,
      headers: { "anthropic-beta": secret },
      body: { model: "claude-answers", max_tokens: 50, ...question() },
    });
    expect([status, text.includes("guard.denied")]).toEqual([403, true]);
    expect(`${model.text}${text}`).not.toContain(secret);
    expect((await rig.callsSince(size)).intents).toEqual([]);
  });
});

describe("a secret that a stream says in between other words", () => {
  it.each([{ reasoning_content: "hm" }, { refusal: "" }])("is taken out of them all the same: %j", async (other) => {
    const parts = `my key is ${secret} and so on`.match(/.{1,4}/g) ?? [];
    const deltas = [...parts.flatMap((content) => [{ content }, other]), {}];
    stub.answer = (_seen, out) =>
      sendEvents(out, [
        ...deltas.map((delta, i) => {
          const choice = { index: 0, delta, finish_reason: i === deltas.length - 1 ? "stop" : null };
          return JSON.stringify({
            id: "c",
            object: "chat.completion.chunk",
            created: 1,
            model: "m",
            choices: [choice],
          });
        }),
        "[DONE]",
      ]);
    const { data } = readStream((await rig.chat({ ...question(), model: "own/m", stream: true })).text);
    const said = data.flatMap((line) => (line === "[DONE]" ? [] : (JSON.parse(line).choices[0]?.delta.content ?? [])));
    expect(said.join("")).toBe("my key is [redacted: github-pat] and so on");
  });
});
