// Secrets in disguise on their way through the whole server: whatever the disguise, the upstream never sees them; and what
// providers seal comes back to them byte for byte.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { evasions } from "../../bench/load/guard-evasions.ts";
import {
  chatChunk,
  questions,
  readStream,
  sendEvents,
  startRig,
  startStub,
  wordsOf,
} from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";

let rig: GatewayRig;
let stub: Stub;

beforeAll(async () => {
  stub = await startStub();
  rig = await startRig({
    providers: () => ({ own: { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true } }),
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});
afterEach(() => rig.upstream.script([]));

/** A made-up token of GitHub's form, in two halves so that no scanner takes it for a leak. */
const secret = ["ghp", "4kT9wQz7Lm2XvB8nRc5YhJ3sPd6FgA1uEo0W"].join("_");
const fixed = (): number => 0.2;
const seal = Buffer.from(Array.from({ length: 450 }, (_, i) => (i * i * 37 + i * 11) % 253)).toString("base64");

async function sent(path: string, body: object): Promise<string> {
  const { length } = rig.upstream.seen;
  const { status, text } = await rig.charter.ask(path, {
    key: rig.productKey,
    headers: { "cache-control": "no-store" },
    body,
  });
  expect([status, rig.upstream.seen.length], text).toEqual([200, length + 1]);
  return rig.upstream.seen.at(-1)!.body.toString();
}

describe("a secret in disguise", () => {
  it.each(evasions)("never reaches a provider, through whatever API: $name", async ({ apply }) => {
    const disguised = apply(secret, fixed);
    const text = `Compare ${disguised} , number seven.`;
    for (const [path, body] of [
      ["/v1/chat/completions", { model: "answers", messages: [{ role: "user", content: text }], max_tokens: 9 }],
      [
        "/v1/messages",
        { model: "claude-answers", messages: [{ role: "user", content: text }], system: text, max_tokens: 9 },
      ],
      ["/v1/responses", { model: "gem-answers", input: text, instructions: text }],
    ] as const) {
      const upstream = await sent(path, body);
      expect(upstream).toContain("[redacted: github-pat]");
      expect(upstream).toContain("number seven");
      expect(upstream).not.toContain(JSON.stringify(disguised).slice(1, -1));
    }
  });

  it("never reaches a provider from names, schemas, results, metadata or unknown parameters", async () => {
    const hidden = Buffer.from(`token ${secret} end`).toString("base64");
    const seen = await sent("/v1/chat/completions", {
      model: "answers",
      messages: [
        { role: "user", content: "hi", name: "n", signature: secret },
        {
          role: "assistant",
          content: null,
          tool_calls: [
            { id: "c1", type: "function", function: { name: "f", arguments: JSON.stringify({ a: hidden }) } },
          ],
        },
        { role: "tool", tool_call_id: "c1", content: `got ${hidden}` },
      ],
      tools: [
        {
          type: "function",
          function: {
            name: "f",
            description: `uses ${hidden}`,
            parameters: {
              type: "object",
              properties: { a: { type: "string", default: secret, enum: [hidden], description: hidden } },
            },
          },
        },
      ],
      metadata: { signature: hidden, thought_signature: secret, redacted: secret },
      vendor: { data: Buffer.from(`${"x".repeat(600)} ${secret}`).toString("base64"), encrypted_content: secret },
    });
    expect(seen).not.toContain(secret);
    expect(seen).not.toContain(hidden);
    expect(seen).not.toContain(hidden.slice(8, 40));
  });

  it("never reaches a provider in an attachment, which stays one", async () => {
    const csv = Buffer.from(`a,b\nkey,${secret}\n`).toString("base64");
    const seen = await sent("/v1/chat/completions", {
      model: "answers",
      messages: [
        {
          role: "user",
          content: [{ type: "file", file: { filename: "f.csv", file_data: `data:text/csv;base64,${csv}` } }],
        },
      ],
    });
    const [, data = ""] = /data:text\/csv;base64,([A-Za-z0-9+/=]+)/.exec(seen) ?? [];
    expect(Buffer.from(data, "base64").toString()).toBe("a,b\nkey,[redacted: github-pat]\n");
  });

  it("in a streamed reply is taken out, however the stream cuts it", async () => {
    for (const name of ["base64", "zero-width spaces", "JSON escapes", "a blank inside", "hex", "percent-encoding"]) {
      const disguised = evasions.find((each) => each.name === name)!.apply(secret, fixed);
      const said = `Compare ${disguised} , keep it.`;
      stub.answer = ({ json }, response) => {
        const chunk = (delta: object, finish?: string): string => chatChunk(json.model, delta, finish);
        const pieces = said.match(/[^]{1,5}/g)!;
        sendEvents(response, [...pieces.map((content) => chunk({ content })), chunk({}, "stop"), "[DONE]"]);
        response.end();
      };
      const { text } = await rig.chat({ model: "own/teller", ...questions()(), stream: true });
      const words = wordsOf(readStream(text));
      expect(words, name).toBe("Compare [redacted: github-pat] , keep it.");
    }
  });
});

describe("what a provider has sealed", () => {
  it("comes back to it byte for byte", async () => {
    const seen = await sent("/v1/messages", {
      model: "claude-answers",
      max_tokens: 9,
      messages: [
        { role: "user", content: "hi" },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "so", signature: seal },
            { type: "redacted_thinking", data: seal },
            { type: "text", text: "hello" },
          ],
        },
        { role: "user", content: `go on with ${secret}` },
      ],
    });
    expect(seen.split(seal).length - 1).toBe(2);
    expect(seen).not.toContain(secret);
  });

  it("is refused when somebody has put a secret there", async () => {
    const { length } = rig.upstream.seen;
    const { status, json } = await rig.charter.ask("/v1/messages", {
      key: rig.productKey,
      body: {
        model: "claude-answers",
        max_tokens: 9,
        messages: [
          { role: "user", content: "hi" },
          {
            role: "assistant",
            content: [{ type: "redacted_thinking", data: Buffer.from(`the key is ${secret}`).toString("base64") }],
          },
          { role: "user", content: "go on" },
        ],
      },
    });
    expect([status, json.code ?? json.error?.code]).toEqual([403, "guard.denied"]);
    expect(rig.upstream.seen).toHaveLength(length);
  });
});
