// Breakers over the whole app, on a clock that the test moves by hand.
import { describe, expect, it } from "vitest";
import { maxReplyContainers, maxReplyParts } from "../../src/kernel/limits.ts";
import { handClock, questions, sendJson, startRig, startStub } from "../support/gateway/gateway.ts";

const quick = {
  "upstream-headers-timeout-ms": "1500",
  "upstream-idle-timeout-ms": "1500",
};

const question = questions();

describe("a breaker", () => {
  it("opens after five failures, refuses without asking, probes after 30 s, and one good probe closes it", async () => {
    const clock = handClock();
    await using timed = await startRig({ clock, flags: { "max-attempts": "1" } });
    const call = async (): Promise<number> => (await timed.chat({ ...question(), model: "answers" })).status;
    const state = async (): Promise<{ state: string; failure_count: number }> =>
      (await timed.charter.ask("/circuit-breakers")).json["answers"];
    timed.upstream.script(Array.from({ length: 5 }, () => "500"));
    for (let i = 0; i < 5; i++) {
      expect(await call()).toBe(502);
      expect(await state()).toMatchObject({ state: i < 4 ? "closed" : "open", failure_count: i + 1 });
    }
    const { length } = timed.upstream.seen;
    const refused = await timed.chat({ ...question(), model: "answers" });
    expect([refused.status, refused.json.code]).toEqual([503, "model.unavailable"]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(timed.upstream.seen).toHaveLength(length);
    clock.advance(29_999);
    expect(await call()).toBe(503);
    clock.advance(1);
    timed.upstream.script(["500"]);
    expect(await call()).toBe(502);
    expect(await state()).toMatchObject({ state: "open" });
    clock.advance(30_000);
    expect(await call()).toBe(200);
    expect(await state()).toMatchObject({ state: "closed", failure_count: 0 });
    expect(await call()).toBe(200);
  });

  it.each(["cut-before-headers", "cut-mid-stream", "stall-before-headers"])(
    "counts %s as a failure",
    async (script) => {
      await using timed = await startRig({ clock: handClock(), flags: { ...quick, "max-attempts": "1" } });
      timed.upstream.script(Array.from({ length: 5 }, () => script));
      for (let i = 0; i < 5; i++) {
        await timed.chat({ ...question(), model: "answers", stream: script === "cut-mid-stream" });
      }
      expect((await timed.charter.ask("/circuit-breakers")).json["answers"]).toMatchObject({ state: "open" });
    },
  );

  it("does not count an answer that is refused for a limit of Charter's own, and no such answer is asked for again", async () => {
    await using stub = await startStub();
    await using timed = await startRig({
      clock: handClock(),
      providers: () => ({ own: { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true } }),
      deployments: [{ name: "long", provider: "own" }],
    });
    const message = { role: "assistant", content: "Hi" };
    const bodies = [
      { more: Array.from({ length: maxReplyParts }, () => []) },
      { logprobs: { content: Array.from({ length: maxReplyContainers }, () => []) } },
    ];
    for (const [i, more] of [...bodies, ...bodies, ...bodies].entries()) {
      stub.answer = (_request, response) => sendJson(response, { choices: [{ index: 0, message, ...more }] });
      const { status, json } = await timed.chat({ ...question(), model: "long" });
      expect([status, json.code, stub.seen.length]).toEqual([502, "upstream.garbled", i + 1]);
    }
    expect((await timed.charter.ask("/circuit-breakers")).json["long"]).toMatchObject({ state: "closed" });
  });

  it.each(["garbage", "garbage-sse", "not-http"])("does not count what Charter cannot read: %s", async (script) => {
    await using timed = await startRig({ clock: handClock() });
    timed.upstream.script(Array.from({ length: 6 }, () => script));
    for (let i = 0; i < 6; i++) {
      const { status, json } = await timed.chat({ ...question(), model: "answers", stream: script === "garbage-sse" });
      expect([status, json.code]).toEqual([502, "upstream.garbled"]);
    }
    expect(timed.upstream.seen).toHaveLength(6);
    expect((await timed.charter.ask("/circuit-breakers")).json["answers"]).toMatchObject({ state: "closed" });
    expect((await timed.chat({ ...question(), model: "answers" })).status).toBe(200);
  });

  it("is not met by the probabilities of a long answer, with the bytes of every token", async () => {
    await using stub = await startStub();
    await using timed = await startRig({
      providers: () => ({ own: { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true } }),
      deployments: [{ name: "long", provider: "own" }],
    });
    const likely = { token: " a", logprob: -0.25, bytes: [32, 97] };
    const token = { ...likely, top_logprobs: Array.from({ length: 20 }, () => likely) };
    const logprobs = { content: Array.from({ length: 20_000 }, () => token) };
    const message = { role: "assistant", content: " a".repeat(20_000) };
    const usage = { prompt_tokens: 9, completion_tokens: 20_000, total_tokens: 20_009 };
    stub.answer = (_request, response) =>
      sendJson(response, { choices: [{ index: 0, message, finish_reason: "stop", logprobs }], usage });
    const asked = { ...question(), model: "long", max_tokens: 20_000, logprobs: true, top_logprobs: 20 };
    const { status, json } = await timed.chat(asked);
    expect([status, json.choices[0].logprobs.content.length, stub.seen.length]).toEqual([200, 20_000, 1]);
  });

  it("does not count what the request is to blame for, nor limits", async () => {
    await using timed = await startRig({ clock: handClock(), flags: { "max-attempts": "1" } });
    timed.upstream.script(["400", "404", "422", "refuse-context", "400", "400", "413"]);
    for (let i = 0; i < 7; i++) {
      const { status } = await timed.chat({ ...question(), model: "answers" });
      expect([400, 404, 413, 422]).toContain(status);
    }
    expect((await timed.charter.ask("/circuit-breakers")).json["answers"]).toMatchObject({
      state: "closed",
      failure_count: 0,
    });
  });

  it("is reset by an admin and by nobody else, on record", async () => {
    await using timed = await startRig({ clock: handClock(), flags: { "max-attempts": "1" } });
    const breakOpen = async (): Promise<void> => {
      timed.upstream.script(Array.from({ length: 5 }, () => "500"));
      for (let i = 0; i < 5; i++) await timed.chat({ ...question(), model: "answers" });
      expect((await timed.chat({ ...question(), model: "answers" })).status).toBe(503);
    };
    await breakOpen();
    const paths = ["/api/v1/circuit-breakers/reset_all", "/api/v1/circuit-breakers/answers/reset"];
    for (const path of paths) {
      const { status } = await timed.charter.ask(path, { method: "POST", key: timed.productKey });
      expect(status).toBe(403);
    }
    expect((await timed.chat({ ...question(), model: "answers" })).status).toBe(503);
    for (const path of paths) {
      const { status, json } = await timed.charter.ask(path, { method: "POST" });
      expect([status, json.reset]).toEqual([200, 1]);
      expect((await timed.chat({ ...question(), model: "answers" })).status).toBe(200);
      await breakOpen();
    }
    const missing = await timed.charter.ask("/api/v1/circuit-breakers/nobody/reset", { method: "POST" });
    expect([missing.status, missing.json.code]).toEqual([404, "breaker.not_found"]);
    const resets = (await timed.leaves()).filter(
      ({ kind, operation, outcome }) =>
        kind === "outcome" && operation.startsWith("breaker.reset") && outcome === "committed",
    );
    expect(resets).toHaveLength(2);
  });
});
