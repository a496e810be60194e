// Replies in a form that their caller asked for: what is said of them, and what is not accepted.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  chatChunk,
  chatReply,
  questions,
  readStream,
  sendEvents,
  sendJson,
  startRig,
  startStub,
  wordsOf,
} from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";

const schema = {
  type: "object",
  required: ["answer"],
  properties: { answer: { type: "integer" } },
  additionalProperties: false,
};
const form = { response_format: { type: "json_schema", json_schema: { name: "answer", strict: true, schema } } };
const [good, bad] = ['{"answer":42}', '{"answer":"forty-two"}'];
const enforce = { headers: { "x-charter-schema": "enforce" } };

let rig: GatewayRig;
let stub: Stub;
/** What each model says next; the last of them again and again. */
let says: Record<string, string[]>;

beforeAll(async () => {
  stub = await startStub();
  stub.answer = ({ json }, response) => {
    const all = says[json.model] ?? [good];
    const words = all.length > 1 ? all.shift()! : all[0]!;
    if (json.stream !== true) return sendJson(response, chatReply(json.model, words));
    sendEvents(response, [
      ...Array.from(words, (content) => chatChunk(json.model, { content })),
      chatChunk(json.model, {}, "stop"),
      "[DONE]",
    ]);
    response.end();
  };
  rig = await startRig({
    providers: () => ({ own: { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true } }),
    deployments: [
      { name: "loose", provider: "own", model: "loose", tier: 1, tags: ["pair"] },
      { name: "exact", provider: "own", model: "exact", tier: 2, tags: ["pair"] },
    ],
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});
beforeEach(() => {
  says = {};
  stub.seen.length = 0;
});

const question = questions();
const asked = async (body: object, more: Parameters<GatewayRig["chat"]>[1] = {}) => {
  const size = await rig.charter.ledgerSize();
  const answer = await rig.chat({ ...question(), model: "loose", ...form, ...body }, more);
  const { facts: call } = await rig.outcomeSince(size);
  return { answer, call, verdict: answer.headers.get("x-charter-schema") };
};

describe("a reply in a form", () => {
  it("is said to have it, in the answer and on record", async () => {
    const { answer, call, verdict } = await asked({});
    expect([answer.status, verdict, call?.schema]).toEqual([200, "valid", "valid"]);
  });

  it("that does not have it is passed on as it came, and said not to", async () => {
    says["loose"] = [bad];
    const { answer, call, verdict } = await asked({});
    expect([answer.status, verdict, call?.schema]).toEqual([200, "invalid", "invalid"]);
    expect(answer.json.choices[0].message.content).toBe(bad);
    expect(call?.reasons).toContain("the reply has not the form asked for: schema.type");
    expect(JSON.stringify(call)).not.toContain("forty-two");
  });

  it("is not spoken of where none was asked for", async () => {
    const { call, verdict } = await asked({ response_format: undefined });
    expect([verdict, call?.schema]).toEqual([null, undefined]);
  });

  it("is left unjudged where the schema says what is not supported", async () => {
    const odd = { ...schema, unevaluatedProperties: false };
    const { answer, verdict } = await asked({
      response_format: { type: "json_schema", json_schema: { name: "odd", schema: odd } },
    });
    expect([answer.status, verdict]).toEqual([200, "unchecked"]);
  });

  it("streams with its verdict in the last comment", async () => {
    says["loose"] = [good, bad];
    for (const expected of ["valid", "invalid"]) {
      const { answer, call, verdict } = await asked({ stream: true });
      expect([verdict, readStream(answer.text).facts.schema, call?.schema]).toEqual(["unchecked", expected, expected]);
    }
  });

  it("is judged alike in the other APIs", async () => {
    says["loose"] = [good, bad];
    for (const expected of ["valid", "invalid"]) {
      const { headers } = await rig.charter.ask("/v1/responses", {
        key: rig.productKey,
        body: {
          model: "loose",
          input: question().messages[0]!.content,
          text: { format: { type: "json_schema", name: "answer", strict: true, schema } },
        },
      });
      expect(headers.get("x-charter-schema")).toBe(expected);
    }
    says["loose"] = [good, bad];
    for (const expected of ["valid", "invalid"]) {
      const { headers } = await rig.charter.ask("/v1/messages", {
        key: rig.productKey,
        body: {
          model: "loose",
          max_tokens: 100,
          ...question(),
          output_config: { format: { type: "json_schema", schema } },
        },
      });
      expect(headers.get("x-charter-schema")).toBe(expected);
    }
  });

  it("is kept and shown again only where it has it", async () => {
    const same = question();
    says["loose"] = [bad, good];
    const cache = async () => {
      const { answer, verdict } = await asked(same);
      return [answer.headers.get("x-charter-cache"), verdict];
    };
    expect(await cache()).toEqual(["miss", "invalid"]);
    expect(await cache()).toEqual(["miss", "valid"]);
    expect(await cache()).toEqual(["hit", "valid"]);
  });
});

describe("a form that is enforced", () => {
  it("sends the call to the next model, and both are paid for", async () => {
    says["loose"] = [bad];
    const { answer, call, verdict } = await asked(
      { model: "tag:pair" },
      { headers: { ...enforce.headers, "x-charter-strategy": "cost_optimized" } },
    );
    expect([answer.status, verdict]).toEqual([200, "valid"]);
    expect(answer.json.choices[0].message.content).toBe(good);
    expect(call).toMatchObject({
      deployment: "exact",
      attempts: 2,
      schema: "valid",
      input_tokens: 20,
      output_tokens: 10,
    });
    expect(call?.reasons).toContain("loose failed: reply.invalid");
  });

  it("asks the same model again where there is no other", async () => {
    says["loose"] = [bad, good];
    const { answer, call } = await asked({}, enforce);
    expect([answer.status, call?.attempts, call?.deployment]).toEqual([200, 2, "loose"]);
  });

  it("ends in a typed refusal that tells nothing of the reply, and in an honest bill", async () => {
    says["loose"] = [bad];
    const { used } = await rig.budget();
    const { answer, call } = await asked({}, enforce);
    expect([answer.status, answer.json.code]).toEqual([502, "reply.invalid"]);
    expect(answer.text).not.toContain("forty-two");
    expect(call).toMatchObject({
      attempts: 4,
      schema: "invalid",
      finish: "error",
      input_tokens: 40,
      output_tokens: 20,
    });
    expect((await rig.budget()).used - used).toBe(60);
    expect((await rig.budget()).held).toBe(0);
  });

  it("holds a stream back until it is known to have it", async () => {
    says["loose"] = [bad, good];
    const { answer, call } = await asked({ stream: true }, enforce);
    const stream = readStream(answer.text);
    expect([wordsOf(stream), stream.facts.schema, call?.attempts]).toEqual([good, "valid", 2]);
    expect(stub.seen.every(({ json }) => json.stream !== true)).toBe(true);
    says["loose"] = [bad];
    const refused = await asked({ stream: true }, enforce);
    expect([refused.answer.status, refused.answer.json.code]).toEqual([502, "reply.invalid"]);
  });

  it("opens no breaker: the provider did answer", async () => {
    says["loose"] = [bad];
    for (let i = 0; i < 3; i++) await asked({}, enforce);
    const { json } = await rig.charter.ask("/api/v1/circuit-breakers");
    expect(JSON.stringify(json)).not.toContain('"open"');
  });

  it("changes nothing where no form is asked for, and takes no other word", async () => {
    expect((await asked({ response_format: undefined }, enforce)).answer.status).toBe(200);
    const { status, json } = await rig.chat(
      { ...question(), model: "loose" },
      { headers: { "x-charter-schema": "fix" } },
    );
    expect([status, json.code]).toEqual([400, "request.invalid"]);
  });
});
