// What a provider has accepted it bills, so a call is made once: whatever becomes of the answer, nobody is asked again unless
// the operator allows it. What was refused before that goes on to the next deployment.
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  questions,
  recordOf,
  scriptedAnswer,
  sendJson,
  settledBudget,
  startRig,
  startStub,
} from "../support/gateway/gateway.ts";
import type { DeploymentRow, GatewayRig, Stub } from "../support/gateway/gateway.ts";

let rig: GatewayRig;
let stub: Stub;
const pair = (tag: string): DeploymentRow[] => [
  { name: `${tag}-weak`, provider: "own", model: tag, tier: 1, tags: [tag] },
  { name: `${tag}-sound`, model: "ok-sound", tier: 2, tags: [tag] },
];

type Answer = (response: ServerResponse) => void | Promise<void>;
const head = (response: ServerResponse, type = "application/json"): ServerResponse =>
  response.writeHead(200, { "content-type": type });
const accepted: Readonly<
  Record<string, { readonly code: string; readonly stream?: boolean; readonly answer: Answer }>
> = {
  "breaks at once": { code: "upstream.failed", answer: (response) => void response.destroy() },
  "breaks at work": {
    code: "upstream.failed",
    answer: async (response) => {
      await sleep(200);
      response.destroy();
    },
  },
  "breaks at work streaming": {
    code: "upstream.failed",
    stream: true,
    answer: async (response) => {
      await sleep(200);
      response.destroy();
    },
  },
  "breaks after head": {
    code: "upstream.failed",
    answer: (response) => void head(response).write('{"id":', () => response.destroy()),
  },
  "breaks before an event": {
    code: "upstream.failed",
    stream: true,
    answer: (response) => void head(response, "text/event-stream").write(": wait\n\n", () => response.destroy()),
  },
  "says nothing": { code: "upstream.timeout", answer: () => {} },
  "stops after head": { code: "upstream.timeout", answer: (response) => void head(response).write("{") },
  "is empty": { code: "upstream.garbled", answer: (response) => void head(response).end() },
  "is a page": { code: "upstream.garbled", answer: (response) => void head(response, "text/html").end("<html>") },
  "is other json": { code: "upstream.garbled", answer: (response) => sendJson(response, { result: "paid" }) },
  "is an empty stream": {
    code: "upstream.failed",
    stream: true,
    answer: (response) => void head(response, "text/event-stream").end(),
  },
  "is a stream of garbage": {
    code: "upstream.garbled",
    stream: true,
    answer: (response) => void head(response, "text/event-stream").end("data: {broken\n\n"),
  },
  "is damaged": {
    code: "upstream.garbled",
    answer: (response) => void response.writeHead(200, { "content-encoding": "gzip" }).end("\u001f\u008bno"),
  },
};
const tagOf = (name: string): string => name.replaceAll(" ", "-");

beforeAll(async () => {
  stub = await startStub();
  rig = await startRig({
    flags: { "upstream-headers-timeout-ms": "700", "upstream-idle-timeout-ms": "700" },
    providers: () => ({ own: { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true } }),
    deployments: [...Object.keys(accepted).flatMap((name) => pair(tagOf(name))), ...pair("refused")],
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});

const question = questions();
const cheaply = { "x-charter-strategy": "cost_optimized" };

describe("an accepted call", () => {
  it.each(Object.keys(accepted))("is made once, is on record, and harms no later one: %s", async (name) => {
    const { code, stream = false, answer } = accepted[name]!;
    const tag = tagOf(name);
    for (const model of [`own/${tag}`, `tag:${tag}`]) {
      const from = stub.seen.length;
      const size = await rig.charter.ledgerSize();
      const project = `${tag}-${model.slice(0, 3)}`.replace("/", "");
      stub.answer = (_request, response) => answer(response);
      const headers = { ...cheaply, "x-charter-project": project };
      const told = await rig.chat({ ...question(), model, stream, max_tokens: 500 }, { headers });
      expect(told.json.code, model).toBe(code);
      expect(stub.seen.length - from, model).toBe(1);
      const outcome = await rig.outcomeSince(size);
      expect(outcome).toMatchObject({ code, facts: { attempts: 1, estimated: true } });
      // The provider has read the question at the least.
      const { used, held } = await settledBudget(rig, project);
      expect(held).toBe(0);
      expect(used).toBeGreaterThan(0);
      expect(used).toBe(recordOf(outcome).input_tokens + recordOf(outcome).output_tokens);
    }
    const sound = { index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" };
    stub.answer = (_request, response) => sendJson(response, { id: "1", model: "m", choices: [sound] });
    expect((await rig.chat({ ...question(), model: `own/${tag}` })).status).toBe(200);
  });
});

describe("an answer that says what it cost", () => {
  const usage = { prompt_tokens: 10, completion_tokens: 33, total_tokens: 43 };
  const image = { type: "image_url", image_url: { url: "data:image/png;base64,aGk=" } };
  const unwritable = { role: "assistant", content: "Here.", images: [image] };
  const garbled = { role: "assistant", tool_calls: [{ type: "function", function: { arguments: "{}" } }] };

  it.each([
    ["of pictures, whole", unwritable, "/v1/chat/completions", false],
    ["of pictures, as a stream", unwritable, "/v1/chat/completions", true],
    ["of pictures, in another API", unwritable, "/v1/messages", false],
    ["of pictures, as a stream in another API", unwritable, "/v1/messages", true],
    ["that cannot be read", garbled, "/v1/chat/completions", false],
    ["that cannot be read, as a stream in another API", garbled, "/v1/messages", true],
  ] as const)(
    "is charged so much, by whatever door it was asked for and whether it can leave there: %s",
    async (...row) => {
      const [name, message, path, stream] = row;
      const project = name.replaceAll(/\W+/g, "-");
      const from = stub.seen.length;
      const size = await rig.charter.ledgerSize();
      stub.answer = (_request, response) =>
        sendJson(response, { id: "1", model: "m", choices: [{ index: 0, message, finish_reason: "stop" }], usage });
      const body = { ...question(), model: "own/pictures", stream, max_tokens: 500 };
      await rig.charter.ask(path, { body, key: rig.productKey, headers: { "x-charter-project": project } });
      expect(stub.seen.length - from).toBe(1);
      expect(await settledBudget(rig, project)).toMatchObject({ used: 43, held: 0 });
      const { facts } = await rig.outcomeSince(size);
      expect(facts).toMatchObject({ attempts: 1, input_tokens: 10, output_tokens: 33, estimated: false });
    },
  );
});

describe("a call that was refused before it was accepted", () => {
  it.each([500, 502, 503, 504, 529, 429])("goes on to the next deployment: %i", async (status) => {
    await rig.charter.ask("/api/v1/circuit-breakers/reset_all", { method: "POST" });
    stub.answer = (_request, response) => sendJson(response, { error: { message: "no" } }, status);
    const from = stub.seen.length;
    const { json } = await rig.chat({ ...question(), model: "tag:refused" }, { headers: cheaply });
    expect(json.choices?.[0].message.content).toBe(scriptedAnswer);
    expect(stub.seen.length - from).toBe(1);
  });

  it("by an error that the provider reports with a good status too", async () => {
    await rig.charter.ask("/api/v1/circuit-breakers/reset_all", { method: "POST" });
    const error = { error: { message: "overloaded", type: "overloaded_error", code: 529 } };
    for (const stream of [false, true]) {
      stub.answer = (_request, response) =>
        stream
          ? void head(response, "text/event-stream").end(`data: ${JSON.stringify(error)}\n\n`)
          : sendJson(response, error);
      const { status, text } = await rig.chat(
        { ...question(), model: "tag:breaks-at-once", stream },
        { headers: cheaply },
      );
      expect([status, text.includes("forty")]).toEqual([200, true]);
    }
  });
});

describe("an error that follows what the model has written", () => {
  const about = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "m" };
  const error = { error: { message: "over and out", type: "server_error", code: "server_error" } };
  const used = { prompt_tokens: 10, completion_tokens: 400, total_tokens: 410 };
  const account = { ...about, choices: [], usage: used };
  const saying = (content: string): object => ({
    ...about,
    choices: [{ index: 0, delta: { role: "assistant", content }, finish_reason: null }],
  });
  const said = saying("word ".repeat(300));
  const framed = (events: readonly object[]): string =>
    events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");

  it.each([
    ["words and the usage", true, [said, account], 400],
    ["words and the usage", false, [said, account], 400],
    ["words", true, [said], undefined],
    ["words", false, [said], undefined],
    ["the usage", true, [account], 400],
    ["the usage", false, [account], 400],
  ] as const)("in one packet is of an accepted call: %s, streamed: %s", async (name, stream, events, tokens) => {
    stub.answer = (_request, response) => void head(response, "text/event-stream").end(framed([...events, error]));
    const [from, size] = [stub.seen.length, await rig.charter.ledgerSize()];
    const project = `${tagOf(name)}-${stream}`;
    const headers = { "x-charter-project": project };
    const body = { ...question(), model: `own/${project}`, stream, max_tokens: 1000 };
    const { status, text } = await rig.chat(body, { headers });
    expect([status, stub.seen.length - from]).toEqual([stream ? 200 : 502, 1]);
    expect(text).toContain("upstream.failed");
    const { output_tokens } = recordOf(await rig.outcomeSince(size));
    if (tokens === undefined) expect(output_tokens).toBeGreaterThan(200);
    else expect(output_tokens).toBe(tokens);
    const { used: charged, held } = await settledBudget(rig, project);
    expect([charged > output_tokens, charged < 900, held]).toEqual([true, true, 0]);
  });

  it("in one body with an account of it is of an accepted call too", async () => {
    stub.answer = (_request, response) => sendJson(response, { ...about, usage: used, ...error });
    const [from, size] = [stub.seen.length, await rig.charter.ledgerSize()];
    const headers = { "x-charter-project": "in-one-body" };
    const { status } = await rig.chat({ ...question(), model: "own/in-one-body", max_tokens: 1000 }, { headers });
    expect([status, stub.seen.length - from]).toEqual([502, 1]);
    expect(recordOf(await rig.outcomeSince(size))).toMatchObject({ output_tokens: 400, estimated: false });
    expect(await settledBudget(rig, "in-one-body")).toEqual({ used: 410, held: 0 });
  });

  it.each([
    ["the usage", [saying("word word word"), account], 400],
    ["words alone", [said], undefined],
  ] as const)("leaves nothing unpaid that a guard still holds back: %s", async (name, events, tokens) => {
    for (const last of [framed([error]), ""]) {
      stub.answer = async (_request, response) => {
        head(response, "text/event-stream").write(framed(events));
        await sleep(200);
        response.end(last);
      };
      const size = await rig.charter.ledgerSize();
      const body = { ...question(), model: `own/held-${tagOf(name)}`, stream: true, max_tokens: 1000 };
      expect((await rig.chat(body)).text).not.toContain("word word");
      const { output_tokens } = recordOf(await rig.outcomeSince(size));
      if (tokens === undefined) expect(output_tokens).toBeGreaterThan(200);
      else expect(output_tokens).toBe(tokens);
    }
  });
});
