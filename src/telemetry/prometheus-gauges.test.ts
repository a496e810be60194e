import { afterEach, describe, expect, it } from "vitest";
import { silentLog } from "../kernel/ctx.ts";
import { samplesOf, total } from "../../test/support/gateway/scripted-calls.ts";
import type { Sample } from "../../test/support/gateway/scripted-calls.ts";
import type { BudgetLine } from "../budgets/index.ts";
import { unlistedDeployment } from "../models/catalogue/catalogue.ts";
import type { Deployment, Provider } from "../models/catalogue/index.ts";
import type { GaugeSources } from "./prometheus-gauges.ts";
import { PrometheusObserver } from "./prometheus-observer.ts";

const provider: Provider = {
  name: "groq",
  kind: "openai-compatible",
  baseUrl: "",
  keys: [],
  headers: {},
  priceProvider: "groq",
  pricePercent: 100,
  maxDataClass: "restricted",
  open: true,
  modelPrefixes: [],
  connections: 1,
  lacks: undefined,
};
const deployment: Deployment = { ...unlistedDeployment(provider, "m", "chat"), name: "listed", concurrency: 40 };
const storeStats = { hits: 1, misses: 2, evictions: 0, rejected: 0, entries: 3, bytes: 4000 };
const line: BudgetLine = {
  id: null,
  scope: { product: "mitra" },
  unit: "tokens",
  window: "day",
  limit: 1000,
  used: 300,
  held: 100,
  available: 600,
  since: null,
  until: null,
};

function sources(own: Partial<GaugeSources> = {}): GaugeSources {
  return {
    fleet: {
      breakers: () => ({ listed: { state: "half_open" }, "groq/a": { state: "open" }, "groq/b": { state: "open" } }),
      overallHealthOf: () => ({ load: 0.25 }),
    },
    deployments: [deployment],
    cache: { stats: () => ({ near: storeStats, heldBytes: 96 }) },
    budgets: { state: async () => ({ budgets: [line] }) },
    ...own,
  };
}

const opened: PrometheusObserver[] = [];
let nowMs = 0;
const warned: string[] = [];

function open(from?: GaugeSources): PrometheusObserver {
  const observer = new PrometheusObserver({
    deployments: ["listed"],
    products: ["mitra"],
    clock: { nowMs: () => nowMs },
    log: { ...silentLog, warn: (_fields, message) => warned.push(message) },
  });
  if (from !== undefined) observer.watch(from);
  opened.push(observer);
  return observer;
}

async function read(observer: PrometheusObserver): Promise<readonly Sample[]> {
  return samplesOf(await observer.text());
}

afterEach(async () => {
  nowMs = 0;
  warned.length = 0;
  await Promise.all(opened.splice(0).map((observer) => observer[Symbol.asyncDispose]()));
});

describe("the gauges", () => {
  it("show each breaker's state, and those of models that nobody lists together", async () => {
    const samples = await read(open(sources()));
    const state = (name: string, value: string): number =>
      total(samples, "charter_breaker_state", { charter_deployment: name, charter_breaker_state: value });
    expect([state("listed", "closed"), state("listed", "half_open"), state("listed", "open")]).toEqual([0, 1, 0]);
    expect(state("other", "open")).toBe(2);
  });

  it("forget a breaker that is gone", async () => {
    let breakers: Readonly<Record<string, { readonly state: "open" }>> = { listed: { state: "open" } };
    const { fleet } = sources();
    const observer = open(sources({ fleet: { ...fleet, breakers: () => breakers } }));
    expect(total(await read(observer), "charter_breaker_state")).toBe(1);
    breakers = {};
    expect(total(await read(observer), "charter_breaker_state")).toBe(0);
  });

  it("show the calls under way, the cache and the process", async () => {
    const samples = await read(open(sources()));
    expect(total(samples, "charter_deployment_in_flight", { charter_deployment: "listed" })).toBe(10);
    expect(total(samples, "charter_deployment_load_ratio")).toBe(0.25);
    expect(total(samples, "charter_cache_entries")).toBe(3);
    expect(total(samples, "charter_cache_memory_bytes")).toBe(4096);
    expect(total(samples, "process_memory_usage_bytes")).toBeGreaterThan(1_000_000);
  });

  it("show the process alone before anything else is there to look at", async () => {
    const samples = await read(open());
    expect(total(samples, "process_memory_usage_bytes")).toBeGreaterThan(1_000_000);
    expect(samples.filter(({ name }) => name.startsWith("charter_budget"))).toEqual([]);
  });

  it("show for each product, unit and window the tightest budget, those of keys and models left out", async () => {
    const lines: readonly BudgetLine[] = [
      line,
      { ...line, scope: { product: "mitra", project: "small" }, limit: 50, available: 5 },
      { ...line, scope: { product: "mitra", key: "key_1" }, available: 0 },
      { ...line, scope: { product: "mitra", model: "listed" }, available: 0 },
      { ...line, unit: "microdollars", available: 77 },
      { ...line, scope: {}, window: "month", available: 9 },
      { ...line, scope: { product: null }, available: 8 },
      { ...line, scope: { product: "unheard of" }, available: 4 },
    ];
    const samples = await read(open(sources({ budgets: { state: async () => ({ budgets: lines }) } })));
    const left = (product: string, unit: string, window: string): number =>
      total(samples, "charter_budget_left", {
        charter_product: product,
        charter_budget_unit: unit,
        charter_budget_window: window,
      });
    expect(left("mitra", "tokens", "day")).toBe(5);
    expect(left("mitra", "microdollars", "day")).toBe(77);
    expect(left("all", "tokens", "month")).toBe(9);
    expect(left("none", "tokens", "day")).toBe(8);
    expect(left("other", "tokens", "day")).toBe(4);
    expect(total(samples, "charter_budget_limit", { charter_product: "mitra", charter_budget_unit: "tokens" })).toBe(
      50,
    );
  });

  it("ask for the budgets at most once in five seconds", async () => {
    let asked = 0;
    const state = async () => {
      asked++;
      return { budgets: [{ ...line, available: asked }] };
    };
    const observer = open(sources({ budgets: { state } }));
    await Promise.all([observer.text(), observer.text()]);
    nowMs = 4999;
    expect(total(await read(observer), "charter_budget_left")).toBe(1);
    expect(asked).toBe(1);
    nowMs = 5000;
    expect(total(await read(observer), "charter_budget_left")).toBe(2);
  });

  it("keep what is known of the budgets when they cannot be read, and say so in the log", async () => {
    let isDown = false;
    const state = () => (isDown ? Promise.reject(new Error("no database")) : Promise.resolve({ budgets: [line] }));
    const observer = open(sources({ budgets: { state } }));
    await observer.text();
    isDown = true;
    nowMs = 6000;
    expect(total(await read(observer), "charter_budget_left")).toBe(600);
    expect(warned).toEqual(["the budgets could not be read for the metrics"]);
  });

  it("do not wait for budgets that do not come", async () => {
    const observer = open(sources({ budgets: { state: () => new Promise(() => {}) } }));
    expect(total(await read(observer), "charter_cache_entries")).toBe(3);
  });
});
