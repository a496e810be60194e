import { afterEach, describe, expect, it } from "vitest";
import { scriptedCall } from "../../test/support/gateway/scripted-calls.ts";
import { plainAttributes, startTraceReceiver } from "../../test/support/gateway/trace-receiver.ts";
import type { OtlpSpan, TraceReceiver } from "../../test/support/gateway/trace-receiver.ts";
import type { Log } from "../kernel/ctx.ts";
import { silentLog } from "../kernel/ctx.ts";
import { noUsage } from "../models/usage.ts";
import { OpenTelemetryObserver } from "./opentelemetry-observer.ts";

const opened: AsyncDisposable[] = [];

async function receiver(status?: number | "never"): Promise<TraceReceiver> {
  const started = await startTraceReceiver(status);
  opened.push(started);
  return started;
}

function open(url: string, log: Log = silentLog, nowMs = () => 0): OpenTelemetryObserver {
  return new OpenTelemetryObserver({ url, version: "0.1.0", clock: { nowMs }, log });
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const startMs = 5000.25;
const wholeCall = scriptedCall({
  streamed: true,
  durationMs: 900,
  firstChunkMs: 450.5,
  overheadMs: 0.5,
  usage: {
    ...noUsage,
    inputTokens: 120,
    outputTokens: 30,
    cacheReadTokens: 64,
    cacheWriteTokens: 8,
    reasoningTokens: 12,
  },
  attempts: 2,
  phases: [
    { name: "route", startMs, endMs: startMs + 0.5 },
    { name: "decision", startMs: startMs + 0.5, endMs: startMs + 1.25 },
    { name: "attempt", startMs: startMs + 2, endMs: startMs + 50, deployment: "grok-4", error: "upstream.timeout" },
    { name: "attempt", startMs: startMs + 50, endMs: startMs + 450, deployment: "llama-3.1-8b" },
    { name: "stream", startMs: startMs + 450, endMs: startMs + 900 },
  ],
});

/** Nanoseconds since the epoch of an instant of `performance.now()`, as near as a number holds it: a microsecond. */
function near(nanos: string, milliseconds: number): boolean {
  return Math.abs(Number(nanos) / 1e6 - (performance.timeOrigin + milliseconds)) < 0.002;
}

function byName(spans: readonly OtlpSpan[], name: string): OtlpSpan {
  const found = spans.find((span) => span.name === name);
  if (found === undefined) throw new Error(`there is no span ${name}`);
  return found;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each[Symbol.asyncDispose]()));
});

describe("the OpenTelemetry observer", () => {
  it("sends a call as one trace: a root with its phases below it, at the times when they were", async () => {
    const at = await receiver();
    const observer = open(at.url);
    observer.ended(wholeCall);
    await observer[Symbol.asyncDispose]();
    const spans = at.spans();
    const root = byName(spans, "chat auto");
    expect(spans.map(({ name }) => name).toSorted()).toEqual(
      ["attempt", "attempt", "chat auto", "decision", "route", "stream"].toSorted(),
    );
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(root.parentSpanId ?? "").toBe("");
    const children = spans.filter((span) => span !== root);
    expect(children.every(({ parentSpanId }) => parentSpanId === root.spanId)).toBe(true);
    expect([near(root.startTimeUnixNano, startMs), near(root.endTimeUnixNano, startMs + 900)]).toEqual([true, true]);
    const decision = byName(spans, "decision");
    expect(near(decision.startTimeUnixNano, startMs + 0.5)).toBe(true);
    expect(near(decision.endTimeUnixNano, startMs + 1.25)).toBe(true);
    expect(at.mediaTypes).toEqual(["application/json"]);
    expect(plainAttributes(at.resource())).toEqual({ "service.name": "charter", "service.version": "0.1.0" });
  });

  it("names what is known of a call as the conventions do", async () => {
    const at = await receiver();
    const observer = open(at.url);
    observer.ended(wholeCall);
    await observer[Symbol.asyncDispose]();
    expect(plainAttributes(byName(at.spans(), "chat auto").attributes)).toEqual({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "groq",
      "gen_ai.request.model": "auto",
      "gen_ai.response.model": "llama-3.1-8b-instant",
      "gen_ai.request.stream": true,
      "gen_ai.response.finish_reasons": ["stop"],
      "gen_ai.response.time_to_first_chunk": 0.4505,
      "gen_ai.usage.input_tokens": 120,
      "gen_ai.usage.output_tokens": 30,
      "gen_ai.usage.cache_read.input_tokens": 64,
      "gen_ai.usage.cache_write.input_tokens": 8,
      "gen_ai.usage.reasoning.output_tokens": 12,
      "charter.request.id": wholeCall.requestId,
      "charter.operation": "chat.create",
      "charter.product": "mitra",
      "charter.deployment": "llama-3.1-8b",
      "charter.tier": 2,
      "charter.strategy": "balanced",
      "charter.cache": "miss",
      "charter.attempts": 2,
      "charter.cost.microdollars": 7,
      "charter.usage.estimated": false,
      "charter.overhead": 0.0005,
    });
  });

  it("marks what failed, with the code", async () => {
    const at = await receiver();
    const observer = open(at.url);
    observer.ended(
      scriptedCall({
        error: "upstream.timeout",
        responseModel: undefined,
        finish: undefined,
        deployment: undefined,
        provider: undefined,
        product: null,
        microdollars: null,
        phases: [{ name: "attempt", startMs, endMs: startMs + 1, deployment: "grok-4", error: "upstream.timeout" }],
      }),
    );
    await observer[Symbol.asyncDispose]();
    const [root, attempt] = [byName(at.spans(), "chat auto"), byName(at.spans(), "attempt")];
    expect(root.status).toEqual({ code: 2, message: "upstream.timeout" });
    expect(plainAttributes(attempt.attributes)).toEqual({
      "charter.deployment": "grok-4",
      "error.type": "upstream.timeout",
    });
    const known = plainAttributes(root.attributes);
    expect(known["error.type"]).toBe("upstream.timeout");
    for (const absent of ["gen_ai.provider.name", "charter.product", "charter.cost.microdollars"]) {
      expect(known).not.toHaveProperty([absent]);
    }
  });

  it("sends nothing of a prompt or a reply, even where the facts of a call carry them by mistake", async () => {
    const at = await receiver();
    const observer = open(at.url);
    const words = { prompt: "tell me a secret", reply: "the secret", turns: ["a secret"] };
    observer.ended({ ...wholeCall, ...words });
    await observer[Symbol.asyncDispose]();
    expect(at.bodies.join("")).toContain("chat auto");
    expect(at.bodies.join("")).not.toContain("secret");
  });

  it("cuts names that are too long", async () => {
    const at = await receiver();
    const observer = open(at.url);
    observer.ended(scriptedCall({ requestModel: "m".repeat(5000), responseModel: "n".repeat(5000) }));
    await observer[Symbol.asyncDispose]();
    const [root] = at.spans();
    expect(root?.name.length).toBe(256);
    expect(plainAttributes(root?.attributes ?? [])["gen_ai.response.model"]).toBe("n".repeat(256));
  });

  it("places a call without phases at its end", async () => {
    const at = await receiver();
    const observer = open(at.url);
    const before = performance.now();
    observer.ended(scriptedCall({ operation: "embedding.create", durationMs: 40 }));
    const after = performance.now();
    await observer[Symbol.asyncDispose]();
    const root = byName(at.spans(), "embeddings auto");
    const endMs = Number(root.endTimeUnixNano) / 1e6 - performance.timeOrigin;
    expect(endMs).toBeGreaterThan(before - 1);
    expect(endMs).toBeLessThan(after + 1);
    expect((Number(root.endTimeUnixNano) - Number(root.startTimeUnixNano)) / 1e6).toBeCloseTo(40, 1);
  });

  it("gives every call a trace of its own and sends full batches at once", async () => {
    const at = await receiver();
    const observer = open(at.url);
    for (let i = 0; i < 1000; i++) observer.ended(scriptedCall());
    await observer[Symbol.asyncDispose]();
    expect(new Set(at.spans().map(({ traceId }) => traceId)).size).toBe(1000);
    expect(at.bodies.length).toBe(2);
  });

  it("drops what there is no room for while the receiver does not answer, and does not wait for it at the end", async () => {
    const said: object[] = [];
    const at = await receiver("never");
    const observer = open(at.url, { ...silentLog, warn: (fields) => said.push(fields) });
    for (let i = 0; i < 20_000; i++) observer.ended(scriptedCall());
    expect(said).toEqual([{ reason: "more spans are made than the receiver takes", spans: 1 }]);
    await observer[Symbol.asyncDispose]();
    expect(at.waiting()).toBeGreaterThan(0);
    expect(at.spans().length).toBeGreaterThan(0);
    expect(at.spans().length).toBeLessThanOrEqual(4096 + 512);
  });

  it("says that spans could not be sent, once a minute at most", async () => {
    const said: { readonly reason?: string; readonly spans?: number }[] = [];
    let nowMs = 0;
    const at = await receiver(400);
    const observer = open(at.url, { ...silentLog, warn: (fields) => said.push(fields) }, () => nowMs);
    const send = (): void => {
      for (let i = 0; i < 512; i++) observer.ended(scriptedCall());
    };
    send();
    await until(() => said.length === 1);
    expect(said).toEqual([{ reason: expect.any(String), spans: 512 }]);
    send();
    send();
    // Batches go one after the other, so the failure of the second is known when the third arrives.
    await until(() => at.bodies.length === 3);
    expect(said.length).toBe(1);
    nowMs = 60_000;
    send();
    await until(() => said.length === 2);
    expect(said[1]?.spans).toBeGreaterThanOrEqual(1024);
    await observer[Symbol.asyncDispose]();
    expect(said.length).toBe(2);
  });

  it("says how many spans were left when it was stopped, and takes calls afterwards without a word", async () => {
    const said: object[] = [];
    const gone = await startTraceReceiver();
    await gone[Symbol.asyncDispose]();
    const observer = open(gone.url, { ...silentLog, warn: (fields) => said.push(fields) });
    observer.ended(wholeCall);
    await observer[Symbol.asyncDispose]();
    expect(said).toEqual([{ reason: expect.any(String), spans: 6 }]);
    observer.ended(wholeCall);
    expect(said.length).toBe(1);
  });
});
