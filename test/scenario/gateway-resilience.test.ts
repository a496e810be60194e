// Providers that fail in every way they know: what the caller gets, what stands on record, and what the budget pays.
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { APIError } from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { maxReplyParts } from "../../src/kernel/limits.ts";
import {
  failureCode,
  questions,
  readStream,
  recordOf,
  scriptedAnswer,
  sendEvents,
  sendJson,
  settledBudget,
  startRig,
  startStub,
} from "../support/gateway/gateway.ts";
import type { DeploymentRow, GatewayRig, Stub } from "../support/gateway/gateway.ts";

const quick = {
  "upstream-headers-timeout-ms": "1500",
  "upstream-idle-timeout-ms": "1500",
  "max-reply-bytes": "1000000",
  // What is not repeated without it: gateway-accepted.test.ts.
  "repeat-accepted": "true",
};

/** Two deployments under one tag: one of tier 1 whose upstream follows a script, and a sound one of tier 2. */
const pair = (tag: string, model: string, more: object = {}): DeploymentRow[] => [
  { name: `${tag}-weak`, model, tier: 1, tags: [tag], ...more },
  { name: `${tag}-sound`, model: "ok-sound", tier: 2, tags: [tag] },
];
const failing = {
  "server-error": "500",
  overloaded: "529",
  stalling: "stall-before-headers",
  cutting: "cut-before-headers",
  garbled: "garbage",
  babbling: "garbage-sse",
  html: "html-error",
  foreign: "not-http",
  elsewhere: "redirect",
  limited: "429-retry-after",
  "too-long": "huge-reply",
  "long-head": "huge-head",
} as const;

let rig: GatewayRig;
let stub: Stub;

beforeAll(async () => {
  stub = await startStub();
  const atStub = { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true };
  rig = await startRig({
    flags: quick,
    // Limits rest a whole provider, so the one that limits is nobody else's.
    providers: () => ({ own: atStub, limiting: atStub }),
    deployments: [
      ...Object.entries(failing).flatMap(([tag, script]) =>
        pair(tag, script, script === "429-retry-after" ? { provider: "limiting" } : {}),
      ),
      ...pair("refused", "refuse-context"),
      ...pair("early-error", "early-error", { provider: "own" }),
      ...pair("late-error", "late-error", { provider: "own" }),
    ],
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});
afterEach(() => rig.upstream.script([]));

const question = questions();
/** Chooses the lowest tier first. */
const cheaply = { headers: { "x-charter-strategy": "cost_optimized" } };

interface Told {
  readonly status: number | undefined;
  readonly code: string | undefined;
}
/** A call that must fail, whole and streamed: what the caller is told each time, before any byte of an answer. */
async function refusals(model: string): Promise<Told[]> {
  const told: Told[] = [];
  for (const stream of [false, true]) {
    await rig.charter.ask("/api/v1/circuit-breakers/reset_all", { method: "POST" });
    const answer = await rig.chat({ ...question(), model, stream });
    // What fails after the head of a stream has left, which is within a second, is told in the stream.
    told.push({ status: stream ? undefined : answer.status, code: failureCode(answer) });
  }
  return told;
}

describe("a provider that fails before it has said anything", () => {
  it.each(Object.keys(failing))("is replaced by the next tier's: %s", async (tag) => {
    if (tag === "limited")
      stub.answer = (_request, response) => sendJson(response, { error: { message: "slow down" } }, 429);
    // A stream of any length is sound; one event of this length is not, but by then the stream has begun.
    for (const stream of tag === "too-long" ? [false] : [false, true]) {
      const size = await rig.charter.ledgerSize();
      const { status, text, json } = await rig.chat({ ...question(), model: `tag:${tag}`, stream }, cheaply);
      expect([status, stream ? undefined : json.choices[0].message.content]).toEqual([
        200,
        stream ? undefined : scriptedAnswer,
      ]);
      if (stream) expect(readStream(text).facts.deployment).toBe(`${tag}-sound`);
      const { deployment, tier, attempts, reasons } = recordOf(await rig.outcomeSince(size));
      expect([deployment, tier]).toEqual([`${tag}-sound`, 2]);
      // What is known to rest is not even tried.
      if (!(tag === "limited" && stream)) {
        expect(attempts).toBe(2);
        expect(reasons).toMatch(new RegExp(`(^|; )${tag}-weak failed: (upstream|model)\\.`));
      }
    }
  });

  it("is tried again when there is no other, and its second answer is the answer", async () => {
    rig.upstream.script(["500", "ok"]);
    const size = await rig.charter.ledgerSize();
    const { status, json } = await rig.chat({ ...question(), model: "answers" });
    expect([status, json.choices[0].message.content]).toEqual([200, scriptedAnswer]);
    expect(recordOf(await rig.outcomeSince(size))).toMatchObject({ attempts: 2, deployment: "answers" });
  });

  it("is given up after as many attempts as are allowed, with a typed error and nothing of its page", async () => {
    const before = rig.upstream.seen.length;
    rig.upstream.script(Array.from({ length: 20 }, () => "html-error"));
    const { status, json, text } = await rig.chat({ ...question(), model: "answers" });
    expect([status, json.code]).toEqual([502, "upstream.failed"]);
    expect(text).not.toContain("<h1>");
    expect(rig.upstream.seen.length - before).toBe(4);
  });

  it.each([
    ["stall-before-headers", 504, "upstream.timeout"],
    ["cut-before-headers", 502, "upstream.failed"],
    ["garbage", 502, "upstream.garbled"],
    ["not-http", 502, "upstream.garbled"],
    ["500", 502, "upstream.failed"],
    ["redirect", 502, "upstream.failed"],
  ])("tells its caller so: %s", async (script, status, code) => {
    expect(await refusals(`up/${script}`)).toEqual([
      { status, code },
      { status: undefined, code },
    ]);
  });

  it("with a stream of garbage tells its caller so", async () => {
    const answer = await rig.chat({ ...question(), model: "up/garbage-sse", stream: true });
    expect(failureCode(answer)).toBe("upstream.garbled");
  });

  it("with a reply beyond the limit is stopped there", async () => {
    const { status, json } = await rig.chat({ ...question(), model: "up/huge-reply" });
    expect([status, json.code]).toEqual([502, "upstream.garbled"]);
  });

  it("is not replaced when it refuses the request itself", async () => {
    const size = await rig.charter.ledgerSize();
    const { status, json } = await rig.chat({ ...question(), model: "tag:refused" }, cheaply);
    expect([status, json.code]).toEqual([400, "upstream.context_exceeded"]);
    const { outcome, facts: call } = await rig.outcomeSince(size);
    expect([outcome, call?.attempts]).toEqual(["refused", 1]);
  });

  it("charges nothing to the budget where it refused, and about what it had read where it broke off", async () => {
    const headers = { "x-charter-project": "failing" };
    await rig.chat({ ...question(), model: "up/500" }, { headers });
    expect(await settledBudget(rig, "failing")).toEqual({ used: 0, held: 0 });
    await rig.chat({ ...question(), model: "up/cut-before-headers" }, { headers });
    const { used, held } = await settledBudget(rig, "failing");
    expect(held).toBe(0);
    // Four times a question of a dozen tokens.
    expect(used).toBeGreaterThan(0);
    expect(used).toBeLessThan(200);
  });
});

describe("an answer that had begun and was not used", () => {
  const limit = 500;
  const json = (response: ServerResponse, body: string): void =>
    void response.writeHead(200, { "content-type": "application/json" }).end(body);
  const broken: Readonly<Record<string, { readonly stream: boolean; answer(response: ServerResponse): void }>> = {
    "cut in the middle of its body": {
      stream: false,
      answer(response) {
        response.writeHead(200, { "content-type": "application/json", "content-length": 1000 });
        response.write('{"id":"x",', () => response.destroy());
      },
    },
    "cut before its first event": {
      stream: true,
      answer(response) {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(": wait\n\n", () => response.destroy());
      },
    },
    "ended before its first event": {
      stream: true,
      answer: (response) => void response.writeHead(200, { "content-type": "text/event-stream" }).end(": wait\n\n"),
    },
    "nested deeper than is read": {
      stream: false,
      answer: (response) => json(response, `{"choices":[],"x":${"[".repeat(9000)}${"]".repeat(9000)}}`),
    },
    "of more parts than are read": {
      stream: false,
      answer: (response) => json(response, `{"choices":[],"x":[${"[],".repeat(maxReplyParts)}[]]}`),
    },
  };

  it.each(Object.keys(broken))("may have been billed, so what was held for it is charged: %s", async (name) => {
    const project = name.replaceAll(" ", "-");
    const headers = { "x-charter-project": project };
    stub.answer = (_request, response) => broken[name]?.answer(response);
    const { stream } = broken[name]!;
    const { status } = await rig.chat(
      { ...question(), model: `own/${project}`, max_tokens: limit, stream },
      { headers },
    );
    expect(status).toBe(502);
    const { used, held } = await settledBudget(rig, project);
    expect(held).toBe(0);
    expect(used).toBeGreaterThanOrEqual(limit);
  });
});

describe("an error in a stream", () => {
  const chunk = (delta: object, finish: string | null = null): string =>
    JSON.stringify({
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 1,
      model: "m",
      choices: [{ index: 0, delta, finish_reason: finish }],
    });
  const error = JSON.stringify({ error: { message: "over and out", type: "server_error", code: "overloaded" } });

  it("before the first byte makes another deployment answer", async () => {
    stub.answer = (_request, response) => {
      sendEvents(response, [error]);
      response.end();
    };
    const { status, text } = await rig.chat({ ...question(), model: "tag:early-error", stream: true }, cheaply);
    expect(status).toBe(200);
    const { facts, data } = readStream(text);
    expect(facts?.deployment).toBe("early-error-sound");
    expect(text).not.toContain("over and out");
    expect(data.at(-1)).toBe("[DONE]");
  });

  it("after the first byte ends in a typed error frame, with no second answer glued on", async () => {
    stub.answer = async (_request, response) => {
      sendEvents(response, [chunk({ role: "assistant", content: "" })]);
      // Long enough that the two pieces come apart, also when this process has to wait for a core in between.
      await sleep(500);
      // What comes in one piece with the error is the caller's all the same.
      response.end(`data: ${chunk({ content: "The beginning. " })}\n\ndata: ${error}\n\n`);
    };
    const size = await rig.charter.ledgerSize();
    const { status, text } = await rig.chat({ ...question(), model: "tag:late-error", stream: true }, cheaply);
    expect(status).toBe(200);
    const { data } = readStream(text);
    expect(text).toContain("The beginning.");
    expect(text).not.toContain("forty");
    expect(data).not.toContain("[DONE]");
    expect(JSON.parse(data.at(-1)!)).toMatchObject({ error: { code: "upstream.overloaded" } });
    const { outcome, code, facts: call } = await rig.outcomeSince(size);
    expect([outcome, code, call?.deployment, call?.attempts]).toEqual([
      "failed",
      "upstream.overloaded",
      "late-error-weak",
      1,
    ]);
  });

  it.each([
    ["cut-mid-stream", "upstream.failed"],
    ["stall-mid-stream", "upstream.timeout"],
    ["error-in-stream", "upstream.overloaded"],
  ])("says what happened to the caller and to the ledger, and charges what was used: %s", async (script, code) => {
    const headers = { "x-charter-project": script };
    const size = await rig.charter.ledgerSize();
    const client = rig.openai(rig.productKey, headers);
    const stream = await client.chat.completions.create({ ...question(), model: `up/${script}`, stream: true });
    const words: string[] = [];
    const failure = await (async () => {
      for await (const { choices } of stream) words.push(choices[0]?.delta.content ?? "");
    })().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(APIError);
    expect(failure).toMatchObject({ code });
    expect(scriptedAnswer.startsWith(words.join(""))).toBe(true);
    expect(words.join("").length).toBeGreaterThan(0);
    const outcome = await rig.outcomeSince(size);
    expect(outcome).toMatchObject({ outcome: "failed", code });
    const { input_tokens, output_tokens, estimated, finish } = recordOf(outcome);
    expect([estimated, finish]).toEqual([true, "error"]);
    expect(input_tokens).toBeGreaterThan(0);
    expect(output_tokens).toBeGreaterThan(0);
    expect(await settledBudget(rig, script)).toEqual({ used: input_tokens + output_tokens, held: 0 });
  });
});

describe("a provider that is slow but sound", () => {
  it("byte by byte gives the same answer, whole and streamed", async () => {
    const whole = await rig.openai().chat.completions.create({ ...question(), model: "up/trickle" });
    expect(whole.choices[0]?.message.content).toBe(scriptedAnswer);
    const stream = rig.openai().chat.completions.stream({ ...question(), model: "up/trickle" });
    expect(await stream.finalContent()).toBe(scriptedAnswer);
  });

  it("with pauses shorter than the idle limit but longer in all is not cut off", async () => {
    const stream = rig.openai().chat.completions.stream({ ...question(), model: "up/paced-400" });
    expect(await stream.finalContent()).toBe(scriptedAnswer);
  });

  it("that never says [DONE] but said why it stopped has given a whole answer, and the caller hears its end", async () => {
    const size = await rig.charter.ledgerSize();
    const { status, text } = await rig.chat({ ...question(), model: "up/no-done", stream: true });
    const { data, facts } = readStream(text);
    expect(status).toBe(200);
    expect(facts).toBeDefined();
    expect(data.at(-1)).toBe("[DONE]");
    expect(await rig.outcomeSince(size)).toMatchObject({ outcome: "committed", facts: { finish: "stop" } });
  });
});

describe("a provider that does not do what it was asked", () => {
  const whole = {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: scriptedAnswer }, finish_reason: "stop" }],
    usage: { prompt_tokens: 12, completion_tokens: 6, total_tokens: 18 },
  };

  it("and gives its answer whole is streamed all the same", async () => {
    stub.answer = (_request, response) => sendJson(response, whole);
    const size = await rig.charter.ledgerSize();
    const stream = rig.openai().chat.completions.stream({
      ...question(),
      model: "own/whole",
      stream_options: { include_usage: true },
    });
    expect(await stream.finalContent()).toBe(scriptedAnswer);
    expect(await stream.totalUsage()).toMatchObject({ prompt_tokens: 12, completion_tokens: 6 });
    const { facts: call } = await rig.outcomeSince(size);
    expect(call).toMatchObject({
      streamed: true,
      input_tokens: 12,
      output_tokens: 6,
      estimated: false,
      finish: "stop",
    });
    const message = rig.anthropic().messages.stream({ ...question(), model: "own/whole", max_tokens: 9 } as never);
    expect(await message.finalText()).toBe(scriptedAnswer);
  });

  it("and streams what was to be whole is read to a whole answer", async () => {
    stub.answer = (_request, response) => {
      sendEvents(response, [JSON.stringify(whole), "[DONE]"]);
      response.end();
    };
    const { choices, usage } = await rig.openai().chat.completions.create({ ...question(), model: "own/streams" });
    expect(choices[0]?.message.content).toBe(scriptedAnswer);
    expect(usage).toMatchObject({ prompt_tokens: 12, completion_tokens: 6 });
  });

  it("and ends a stream without a word has not answered", async () => {
    for (const [i, words] of ["", ": ping\n\n: ping\n\n", "data: [DONE]\n\n"].entries()) {
      stub.answer = (_request, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" }).end(words);
      };
      const { status, text } = await rig.chat({ ...question(), model: `own/silent-${i}`, stream: true });
      expect([status, JSON.parse(text).code], words).toEqual([
        502,
        expect.stringMatching(/^upstream\.(garbled|failed)$/),
      ]);
    }
  });
});

describe("a provider that lies about usage", () => {
  it.each(["lie-usage-negative", "lie-usage-huge", "no-usage"])("is not believed: %s", async (script) => {
    const headers = { "x-charter-project": script };
    const totals: number[] = [];
    for (const stream of [false, true]) {
      const size = await rig.charter.ledgerSize();
      const { status } = await rig.chat(
        { messages: [{ role: "user", content: `Say it, ${script}.` }], model: `up/${script}`, stream, temperature: 1 },
        { headers },
      );
      expect(status).toBe(200);
      const { input_tokens, output_tokens, estimated } = recordOf(await rig.outcomeSince(size));
      expect(estimated).toBe(true);
      expect(input_tokens).toBeGreaterThan(0);
      expect(input_tokens).toBeLessThan(100);
      expect(output_tokens).toBeGreaterThan(0);
      expect(output_tokens).toBeLessThan(100);
      totals.push(input_tokens + output_tokens);
    }
    expect(await settledBudget(rig, script)).toEqual({ used: totals[0]! + totals[1]!, held: 0 });
  });

  it("does not make its callers believe it either", async () => {
    const { usage } = await rig.openai().chat.completions.create({ ...question(), model: "claude-answers" });
    expect(usage).toMatchObject({ prompt_tokens: 12, completion_tokens: 6 });
    rig.upstream.script(["lie-usage-negative"]);
    const lied = await rig.openai().chat.completions.create({ ...question(), model: "claude-answers" });
    expect(lied.usage?.prompt_tokens).toBeGreaterThan(0);
    expect(lied.usage?.completion_tokens).toBeGreaterThan(0);
  });
});
