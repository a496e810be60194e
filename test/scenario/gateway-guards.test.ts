// Secrets in what goes to models and in what comes back: taken out or refused, wherever they stand, and on record.
import type { ServerResponse } from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  chatChunk,
  chatReply,
  filesHolding,
  questions,
  readStream,
  sendEvents,
  sendJson,
  startRig,
  startStub,
  wordsOf,
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
    }),
    constitution: [
      [["products", "WORKFLOW", "models"], { guards: { secrets: "deny", pii: "redact", injection: "flag" } }],
    ],
  });
  strictKey = await rig.charter.keyFor("product", "WORKFLOW");
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});
afterEach(() => rig.upstream.script([]));

const question = questions();
/** A made-up token of GitHub's form, in two halves so that no scanner takes it for a leak. */
const secret = ["ghp", "4kT9wQz7Lm2XvB8nRc5YhJ3sPd6FgA1uEo0W"].join("_");

describe("a secret in a prompt", () => {
  it("is taken out before it leaves, wherever it stands, and the finding is on record without it", async () => {
    const size = await rig.charter.ledgerSize();
    const body = {
      model: "answers",
      messages: [
        { role: "system", content: `Use ${secret} to log in.` },
        { role: "user", content: [{ type: "text", text: `My token is ${secret}, number 7.` }] },
        {
          role: "assistant",
          content: null,
          tool_calls: [
            { id: "c1", type: "function", function: { name: "login", arguments: JSON.stringify({ token: secret }) } },
          ],
        },
        { role: "tool", tool_call_id: "c1", content: `stored ${secret}` },
      ],
      vendor_note: { deep: [`do not show ${secret}`] },
    };
    const { status, text } = await rig.chat(body);
    expect(status, text).toBe(200);
    const sent = rig.upstream.seen.at(-1)!.body.toString();
    expect(sent).not.toContain(secret);
    expect(sent.match(/\[redacted: /g)?.length).toBeGreaterThanOrEqual(5);
    expect(sent).toContain("number");
    const { findings, intents } = await rig.callsSince(size);
    expect(findings.length).toBeGreaterThanOrEqual(1);
    for (const { finding, intent } of findings) {
      expect(finding).toMatchObject({ threat: "guard.secrets", severity: "CRITICAL" });
      expect(intent).toBeTypeOf("number");
    }
    expect(intents).toHaveLength(1);
    expect(JSON.stringify(findings)).not.toContain(secret.slice(0, 12));
    expect(await filesHolding(rig.charter.dataDir, secret)).toEqual([]);
  });

  it("is taken out of parts, blocks and roles that Charter does not know", async () => {
    const strange = { type: "hologram", hologram: { deep: [`see ${secret}`] } };
    const question = { role: "user", content: [strange, { type: "text", text: "What is it?" }] };
    const notes = { role: "critic", content: `Mind ${secret}.` };
    const input = [
      { type: "hologram_call", hologram: { deep: [`see ${secret}`] } },
      { role: "user", content: "What is it?" },
    ];
    stub.answer = ({ json }, response) => sendJson(response, chatReply(json.model, "It is a hologram."));
    const chat = await rig.chat({ model: "own/ok", messages: [notes, question] });
    const responses = await rig.charter.ask("/v1/responses", { key: rig.productKey, body: { model: "own/ok", input } });
    for (const [status, sent] of [
      [chat.status, stub.seen.at(-2)?.text],
      [responses.status, stub.seen.at(-1)?.text],
    ] as const) {
      expect(status).toBe(200);
      expect(sent).not.toContain(secret);
    }
    expect(stub.seen.at(-2)?.text).toContain("hologram");
  });

  it("is taken out in every API and towards every kind of provider", async () => {
    const text = `My token is ${secret}.`;
    for (const model of ["answers", "claude-answers", "gem-answers"]) {
      for (const [path, body] of [
        ["/v1/chat/completions", { messages: [{ role: "user", content: text }], max_tokens: 9 }],
        ["/v1/messages", { messages: [{ role: "user", content: text }], system: text, max_tokens: 9 }],
        ["/v1/responses", { input: text, instructions: text }],
      ] as const) {
        const { length } = rig.upstream.seen;
        const { status } = await rig.charter.ask(path, {
          key: rig.productKey,
          headers: { "cache-control": "no-store" },
          body: { model, ...body },
        });
        expect([status, rig.upstream.seen.length], `${path} ${model}`).toEqual([200, length + 1]);
        expect(rig.upstream.seen.at(-1)!.body.toString(), `${path} ${model}`).not.toContain(secret);
        expect(rig.upstream.seen.at(-1)!.body.toString(), `${path} ${model}`).toContain("[redacted: ");
      }
    }
    await rig.charter.ask("/v1/embeddings", { key: rig.productKey, body: { model: "vectors", input: [text] } });
    expect(rig.upstream.seen.at(-1)!.path).toBe("/v1/embeddings");
    expect(rig.upstream.seen.at(-1)!.body.toString()).not.toContain(secret);
  });

  it("is a refusal where the product says so", async () => {
    const { length } = rig.upstream.seen;
    const size = await rig.charter.ledgerSize();
    const { status, json, text } = await rig.chat(
      { model: "answers", ...question(`My token is ${secret}.`) },
      { key: strictKey },
    );
    expect([status, json.code]).toEqual([403, "guard.denied"]);
    expect(text).not.toContain(secret);
    expect(rig.upstream.seen).toHaveLength(length);
    const { outcomes } = await rig.callsSince(size);
    expect(outcomes).toMatchObject([{ outcome: "refused", code: "guard.denied" }]);
  });

  it("in a reply is taken out too, whole and when a stream cuts it in two", async () => {
    const said = `Your token is ${secret}, keep it.`;
    stub.answer = ({ json }, response) => {
      if (json.stream !== true) return sendJson(response, chatReply(json.model, said));
      const chunk = (delta: object, finish?: string): string => chatChunk(json.model, delta, finish);
      const pieces = said.match(/.{1,7}/g)!;
      sendEvents(response, [
        chunk({ role: "assistant", content: "" }),
        ...pieces.map((content) => chunk({ content })),
        chunk({}, "stop"),
        "[DONE]",
      ]);
      response.end();
    };
    for (const stream of [false, true]) {
      const size = await rig.charter.ledgerSize();
      const { text } = await rig.chat({ model: "own/teller", ...question(), stream });
      const words = stream ? wordsOf(readStream(text)) : JSON.parse(text).choices[0].message.content;
      expect(words).toMatch(/^Your token is \[redacted: [\w-]+\], keep it\.$/);
      if (stream) expect(readStream(text).data.at(-1)).toBe("[DONE]");
      await rig.outcomeSince(size);
      expect((await rig.callsSince(size)).findings).toMatchObject([{ finding: { threat: "guard.secrets" } }]);
    }
  });
});

describe("a stream that says very much at once", () => {
  const filling = "Nothing to see here, 日本 and \u{1F40C}. ".repeat(8000);
  const streamOf = (model: string, texts: readonly string[]): readonly string[] => [
    ...texts.map((content) => chatChunk(model, { content })),
    "[DONE]",
  ];

  it("goes through as it came, but for a secret in the middle of it", async () => {
    for (const planted of ["no secret", secret]) {
      const said = ["First. ", `${filling}My token is ${planted}. ${filling}`, "Last."];
      stub.answer = ({ json }, response) => {
        sendEvents(response, streamOf(json.model, said));
        response.end();
      };
      const { status, text } = await rig.chat({ model: "own/teller", ...question(), stream: true });
      expect(status).toBe(200);
      expect(wordsOf(readStream(text)) === said.join("").replace(secret, "[redacted: github-pat]"), planted).toBe(true);
    }
  });
});

describe("a secret in what a model wants a tool to do", () => {
  const words = JSON.stringify({ token: secret, note: "log in" });
  const tools = [{ type: "function", function: { name: "login", parameters: { type: "object" } } }];
  const asked = (json: { model: string; stream?: boolean }, response: ServerResponse): void => {
    const head = { index: 0, id: "c1", type: "function", function: { name: "login", arguments: "" } };
    if (json.stream !== true) {
      const message = {
        role: "assistant",
        content: null,
        tool_calls: [{ ...head, function: { name: "login", arguments: words } }],
      };
      return sendJson(response, {
        ...chatReply(json.model, ""),
        choices: [{ index: 0, message, finish_reason: "tool_calls" }],
      });
    }
    sendEvents(response, [
      chatChunk(json.model, { role: "assistant", tool_calls: [head] }),
      ...words
        .match(/.{1,9}/g)!
        .map((text) => chatChunk(json.model, { tool_calls: [{ index: 0, function: { arguments: text } }] })),
      chatChunk(json.model, {}, "tool_calls"),
      "[DONE]",
    ]);
    response.end();
  };

  it("is treated the same whole and streamed", async () => {
    stub.answer = ({ json }, response) => asked(json, response);
    const whole = await rig.openai().chat.completions.create({ model: "own/agent", ...question(), tools } as never);
    const stream = rig.openai().chat.completions.stream({ model: "own/agent", ...question(), tools } as never);
    const streamed = await stream.finalChatCompletion();
    const argumentsOf = ({ choices }: { choices: { message: { tool_calls?: unknown } }[] }): string => {
      const [call] = choices[0]!.message.tool_calls as { function: { arguments: string } }[];
      return call!.function.arguments;
    };
    expect(argumentsOf(whole as never)).not.toContain(secret);
    expect(argumentsOf(streamed as never)).toBe(argumentsOf(whole as never));
  });
});

describe("a reply that the product's terms refuse", () => {
  it("ends before the secret, whole and streamed, and is not kept", async () => {
    stub.answer = ({ json }, response) => {
      if (json.stream !== true) return sendJson(response, chatReply(json.model, `Your word is ${secret}.`));
      const pieces = ["Your word", " is ", secret.slice(0, 9), secret.slice(9), ". And more.", " And more."];
      sendEvents(
        response,
        pieces.map((content) => chatChunk(json.model, { content })),
      );
    };
    const whole = await rig.chat({ model: "own/teller", ...question() }, { key: strictKey });
    expect([whole.status, whole.json.code]).toEqual([403, "guard.denied"]);
    const body = { model: "own/teller", ...question(), stream: true };
    for (let i = 0; i < 2; i++) {
      const size = await rig.charter.ledgerSize();
      const { status, text } = await rig.chat(body, { key: strictKey });
      expect(status).toBe(200);
      expect(text).not.toContain(secret.slice(0, 9));
      expect(text).not.toContain("And more");
      expect(JSON.parse(readStream(text).data.at(-1)!)).toMatchObject({ error: { code: "guard.denied" } });
      const outcome = await rig.outcomeSince(size);
      expect(outcome).toMatchObject({ outcome: "refused", code: "guard.denied", facts: { cache: "miss" } });
    }
  });
});
