import { spawnSync } from "node:child_process";
import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { silentLog } from "../kernel/ctx.ts";
import { samplesOf, scriptedAttempt, scriptedCall, total } from "../../test/support/gateway/scripted-calls.ts";
import type { Sample } from "../../test/support/gateway/scripted-calls.ts";
import { describeWith } from "../../test/support/servers/requires.ts";
import type { CallFacts } from "../gateway/observer.ts";
import { PrometheusObserver } from "./prometheus-observer.ts";

const opened: PrometheusObserver[] = [];

function open(): PrometheusObserver {
  const observer = new PrometheusObserver({
    deployments: ["llama-3.1-8b", "grok-4"],
    products: ["mitra", "setu"],
    clock: { nowMs: () => 0 },
    log: silentLog,
  });
  opened.push(observer);
  return observer;
}

async function read(observer: PrometheusObserver): Promise<readonly Sample[]> {
  return samplesOf(await observer.text());
}

const tokens = "gen_ai_client_inference_usage";
const word = fc.constantFrom("upstream.failed", "model.unavailable", "budget.insufficient");
const count = fc.integer({ min: 0, max: 1_000_000 });
const anyCall: fc.Arbitrary<CallFacts> = fc
  .record({
    operation: fc.constantFrom("chat.create", "message.create", "embedding.create"),
    product: fc.constantFrom("mitra", "setu", "nobody-registered-me", null),
    deployment: fc.option(fc.constantFrom("llama-3.1-8b", "grok-4", "openai/o9"), { nil: undefined }),
    provider: fc.option(fc.constantFrom("groq", "gemini"), { nil: undefined }),
    cache: fc.constantFrom("hit", "miss", "bypass"),
    error: fc.option(word, { nil: undefined }),
    microdollars: fc.option(count, { nil: null }),
    durationMs: fc.integer({ min: 0, max: 200_000 }),
    overheadMs: fc.integer({ min: 0, max: 100 }),
    firstChunkMs: fc.option(fc.integer({ min: 0, max: 9000 }), { nil: undefined }),
    perChunkMs: fc.option(fc.integer({ min: 0, max: 900 }), { nil: undefined }),
    usage: fc.record({
      inputTokens: count,
      outputTokens: count,
      cacheReadTokens: count,
      cacheWriteTokens: count,
      reasoningTokens: count,
      estimated: fc.boolean(),
    }),
  })
  .map((own) => scriptedCall(own));

function sumOf(calls: readonly CallFacts[], pick: (facts: CallFacts) => number | undefined): number {
  return calls.reduce((sum, facts) => sum + (pick(facts) ?? 0), 0);
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((observer) => observer[Symbol.asyncDispose]()));
});

describe("the Prometheus observer", () => {
  it("adds up to what it was told, whatever it was told", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyCall, { maxLength: 40 }), async (calls) => {
        const observer = open();
        for (const facts of calls) observer.ended(facts);
        const samples = await read(observer);
        const failed = calls.filter(({ error }) => error !== undefined).length;
        expect(total(samples, "charter_calls_total")).toBe(calls.length);
        expect(total(samples, "charter_cache_lookups_total")).toBe(calls.length);
        expect(total(samples, "charter_errors_total")).toBe(failed);
        expect(total(samples, "charter_calls_total", { charter_outcome: "ok" })).toBe(calls.length - failed);
        expect(total(samples, `${tokens}_input_tokens_total`)).toBe(sumOf(calls, ({ usage }) => usage.inputTokens));
        expect(total(samples, `${tokens}_output_tokens_total`)).toBe(sumOf(calls, ({ usage }) => usage.outputTokens));
        expect(total(samples, `${tokens}_cache_read_input_tokens_total`)).toBe(
          sumOf(calls, ({ usage }) => usage.cacheReadTokens),
        );
        expect(total(samples, `${tokens}_cache_write_input_tokens_total`)).toBe(
          sumOf(calls, ({ usage }) => usage.cacheWriteTokens),
        );
        expect(total(samples, `${tokens}_reasoning_output_tokens_total`)).toBe(
          sumOf(calls, ({ usage }) => usage.reasoningTokens),
        );
        expect(total(samples, "charter_cost_microdollars_total")).toBe(
          sumOf(calls, (facts) => facts.microdollars ?? 0),
        );
        expect(total(samples, "charter_calls_unpriced_total")).toBe(
          calls.filter(({ microdollars }) => microdollars === null).length,
        );
        expect(total(samples, "charter_calls_estimated_total")).toBe(
          calls.filter(({ usage }) => usage.estimated).length,
        );
        expect(total(samples, "charter_overhead_seconds_sum")).toBeCloseTo(sumOf(calls, (c) => c.overheadMs) / 1000, 6);
        expect(total(samples, "gen_ai_client_inference_time_to_first_chunk_seconds_sum")).toBeCloseTo(
          sumOf(calls, ({ firstChunkMs }) => firstChunkMs) / 1000,
          6,
        );
        expect(total(samples, "gen_ai_client_inference_time_per_output_chunk_seconds_count")).toBe(
          calls.filter(({ perChunkMs }) => perChunkMs !== undefined).length,
        );
        const durations = ["inference", "embeddings"].map((kind) => `gen_ai_client_${kind}_duration_seconds`);
        expect(
          sumOf([], () => 0) + durations.reduce((sum, name) => sum + total(samples, `${name}_sum`), 0),
        ).toBeCloseTo(sumOf(calls, ({ durationMs }) => durationMs) / 1000, 6);
        for (const le of ["0.01", "1.28", "81.92", "+Inf"]) {
          const bound = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le) * 1000;
          expect(durations.reduce((sum, name) => sum + total(samples, `${name}_bucket`, { le }), 0)).toBe(
            calls.filter(({ durationMs }) => durationMs <= bound).length,
          );
        }
      }),
      { numRuns: 60 },
    );
  });

  it("says where a call went and how it ended", async () => {
    const observer = open();
    observer.ended(scriptedCall());
    observer.ended(scriptedCall({ error: "upstream.timeout", provider: "gemini", cache: "bypass" }));
    const calls = (await read(observer)).filter(({ name }) => name === "charter_calls_total");
    expect(calls.map(({ labels }) => labels)).toEqual([
      {
        charter_operation: "chat.create",
        gen_ai_provider_name: "groq",
        charter_deployment: "llama-3.1-8b",
        charter_tier: "2",
        charter_outcome: "ok",
        charter_cache: "miss",
        charter_product: "mitra",
      },
      {
        charter_operation: "chat.create",
        gen_ai_provider_name: "gcp.gemini",
        charter_deployment: "llama-3.1-8b",
        charter_tier: "2",
        charter_outcome: "upstream.timeout",
        charter_cache: "bypass",
        charter_product: "mitra",
      },
    ]);
  });

  it("counts a call whose price is unknown apart and not as free", async () => {
    const observer = open();
    observer.ended(scriptedCall({ microdollars: null }));
    observer.ended(scriptedCall({ microdollars: 0 }));
    observer.ended(scriptedCall({ microdollars: 11 }));
    const samples = await read(observer);
    expect(total(samples, "charter_calls_unpriced_total", { charter_deployment: "llama-3.1-8b" })).toBe(1);
    expect(total(samples, "charter_cost_microdollars_total")).toBe(11);
  });

  it("counts attempts by provider, class of status and code, and retries", async () => {
    const observer = open();
    observer.attempted(scriptedAttempt());
    observer.attempted(scriptedAttempt({ status: 503, error: "upstream.failed" }));
    observer.attempted(scriptedAttempt({ status: 500, error: "upstream.failed", isRetry: true }));
    observer.attempted(scriptedAttempt({ status: undefined, error: "upstream.timeout", isRetry: true }));
    const samples = await read(observer);
    const attempts = "charter_attempts_total";
    expect(total(samples, attempts, { charter_upstream_status: "2xx" })).toBe(1);
    expect(total(samples, attempts, { charter_upstream_status: "5xx", error_type: "upstream.failed" })).toBe(2);
    expect(total(samples, attempts, { charter_upstream_status: "none", error_type: "upstream.timeout" })).toBe(1);
    expect(total(samples, "charter_retries_total", { gen_ai_provider_name: "groq" })).toBe(2);
    expect(total(samples, "charter_attempt_duration_seconds_sum")).toBeCloseTo(0.8);
  });

  it("keeps the number of series bounded when callers make up models, products and more", async () => {
    const observer = open();
    for (let i = 0; i < 3000; i++) {
      const [provider, operation, error] = [`provider-${i}`, `operation-${i}`, `code-${i}`];
      observer.ended(scriptedCall({ deployment: `openai/priced-${i}`, product: `product-${i}` }));
      observer.ended(scriptedCall({ provider, operation, error }));
      observer.attempted(scriptedAttempt({ provider, error, status: 400 }));
    }
    const samples = await read(observer);
    const values = (label: string): ReadonlySet<string> =>
      new Set(samples.flatMap(({ labels }) => labels[label] ?? []));
    expect(values("charter_deployment").size).toBeLessThanOrEqual(2 + 1 + 200 + 1);
    expect(values("charter_deployment")).toContain("other");
    expect(values("charter_product")).toEqual(new Set(["mitra", "other"]));
    for (const label of ["gen_ai_provider_name", "charter_operation", "error_type", "charter_outcome"]) {
      expect(values(label).size).toBeLessThanOrEqual(202);
    }
    expect(total(samples, "charter_calls_total")).toBe(6000);
    expect(total(samples, "charter_attempts_total")).toBe(3000);
  });

  it("shows none of a thousand names that nobody has a price for or that nobody answered to", async () => {
    const observer = open();
    observer.ended(scriptedCall({ deployment: "openai/gpt-5-mini" }));
    const lines = (await read(observer)).length;
    for (let i = 0; i < 1000; i++) {
      observer.ended(scriptedCall({ deployment: `local/made-up-${i}`, microdollars: null, provider: "openai" }));
      observer.ended(scriptedCall({ deployment: `openai/made-up-${i}`, microdollars: null, error: "upstream.failed" }));
    }
    // A name that is known stays what it is, also when a call fails.
    observer.ended(scriptedCall({ deployment: "openai/gpt-5-mini", microdollars: null, error: "upstream.failed" }));
    const samples = await read(observer);
    expect(await observer.text()).not.toContain("made-up");
    expect(total(samples, "charter_calls_total", { charter_deployment: "other" })).toBe(2000);
    expect(total(samples, "charter_calls_total", { charter_deployment: "openai/gpt-5-mini" })).toBe(2);
    expect(samples.length).toBeLessThan(5 * lines);
  });

  it("folds what is left into `other` when too many combinations have been seen", async () => {
    const observer = open();
    let told = 0;
    for (let i = 0; i < 190; i++, told++) observer.ended(scriptedCall({ deployment: `openai/${i}` }));
    for (let i = 0; i < 190; i++) {
      for (let j = 0; j < 60; j++) {
        observer.ended(scriptedCall({ deployment: `openai/${i}`, error: `code-${j}` }));
        told++;
      }
    }
    const calls = (await read(observer)).filter(({ name }) => name === "charter_calls_total");
    expect(calls.length).toBeLessThanOrEqual(10_000 + 60);
    expect(total(calls, "charter_calls_total")).toBe(told);
    expect(total(calls, "charter_calls_total", { charter_product: "other", charter_deployment: "other" })).toBe(
      told - 10_000,
    );
  });

  it("shows no request id and nothing that a caller wrote", async () => {
    const observer = open();
    observer.ended(
      scriptedCall({ requestId: "request-4711", requestModel: "my secret question", responseModel: "echo of it" }),
    );
    const text = await observer.text();
    for (const word of ["request-4711", "secret", "echo"]) expect(text).not.toContain(word);
  });

  it("is not thrown off by numbers that are none, and never counts down", async () => {
    const observer = open();
    observer.ended(scriptedCall({ durationMs: Number.NaN, overheadMs: -3 }));
    const samples = await read(observer);
    expect(total(samples, "gen_ai_client_inference_duration_seconds_count")).toBe(0);
    expect(total(samples, "charter_overhead_seconds_sum")).toBe(0);
    expect(total(samples, "charter_overhead_seconds_count")).toBe(1);
  });

  it("keeps a registry of its own", async () => {
    const [first, second] = [open(), open()];
    first.ended(scriptedCall());
    expect(total(await read(second), "charter_calls_total")).toBe(0);
    expect(second.mediaType).toBe("text/plain; version=0.0.4; charset=utf-8");
  });
});

describeWith(["promtool"], "the text of the metrics", () => {
  it("passes the linter of Prometheus", async () => {
    const observer = open();
    observer.ended(scriptedCall({ deployment: 'quo"te\\d\nname', firstChunkMs: 100, perChunkMs: 4 }));
    observer.ended(scriptedCall({ operation: "embedding.create", error: "upstream.failed" }));
    observer.attempted(scriptedAttempt());
    const checked = spawnSync("promtool", ["check", "metrics"], { input: await observer.text(), encoding: "utf8" });
    expect({ status: checked.status, said: checked.stdout + checked.stderr }).toEqual({ status: 0, said: "" });
    const broken = spawnSync("promtool", ["check", "metrics"], { input: "calls 1\ncalls 2\n", encoding: "utf8" });
    expect(broken.status).not.toBe(0);
  });
});
