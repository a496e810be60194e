// What a parameter does to the price is in what is reserved before and in what is booked after; what nobody can price is
// refused where a budget in money covers the call.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  chatChunk,
  chatReply,
  questions,
  rigPrice,
  readStream,
  sendEvents,
  sendJson,
  startRig,
  startStub,
} from "../../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../../support/gateway/gateway.ts";

let rig: GatewayRig;
let stub: Stub;
let dir: string;

beforeAll(async () => {
  stub = await startStub();
  dir = await mkdtemp(join(tmpdir(), "charter-prices-"));
  const prices = { provider: "plain", model: "own", ...rigPrice, servicePercents: { priority: 150, slow: 20 } };
  await writeFile(join(dir, "prices.yaml"), JSON.stringify([prices]));
  rig = await startRig({
    flags: { "prices-file": join(dir, "prices.yaml") },
    constitution: [
      [["products", "WORKFLOW", "models"], { parameters: { price: "refuse" } }],
      [["products", "GURUKUL", "models"], { parameters: { model: "restricted", place: "restricted" } }],
    ],
    providers: () => {
      const own = { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true };
      return {
        oai: { api: "chat", ...own, priceProvider: "openai" },
        router: { ...own, priceProvider: "openrouter" },
        plain: own,
        "own-claude": { ...own, kind: "anthropic" },
        ant: { ...own, kind: "anthropic", priceProvider: "anthropic" },
      };
    },
    deployments: [
      { name: "listed", provider: "plain", model: "m" },
      { name: "claude-listed", provider: "own-claude", model: "m" },
    ],
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const next = questions();
/** As long as the usage that is reported of it: a provider that reports more than it can have read is not believed. */
const question = () => next("word ".repeat(20_000));
const usage = { prompt_tokens: 100_000, completion_tokens: 10_000, total_tokens: 110_000 };
const costOf = ({ headers }: { headers: Headers }): string | null => headers.get("x-charter-cost-microdollars");

let projects = 0;
/** A project of its own, so that no call uses up what another one needs. */
const fresh = (): Record<string, string> => ({ "x-charter-project": `p-${++projects}` });

async function chat(model: string, more: object, reply: object, headers = fresh()) {
  stub.answer = ({ json }, response) => sendJson(response, { ...chatReply(json.model, "yes"), usage, ...reply });
  return rig.chat({ ...question(), model, max_tokens: 10_000, ...more }, { headers });
}

async function message(model: string, more: object, account: object) {
  stub.answer = ({ json }, response) =>
    sendJson(response, {
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: json.model,
      content: [{ type: "text", text: "yes" }],
      stop_reason: "end_turn",
      usage: { input_tokens: 1000, output_tokens: 1000, ...account },
    });
  const body = { ...question(), model, max_tokens: 1000, ...more };
  return rig.charter.ask("/v1/messages", { key: rig.productKey, headers: fresh(), body });
}

const budget = (project: string, limit: number) =>
  rig.charter.ask("/v1/budgets", {
    body: { scope: { product: "AI_ASSISTANT", project }, unit: "microdollars", window: "total", limit },
  });

describe("a tier of service", () => {
  it("is booked at its own price, by what the reply says was given", async () => {
    // gpt-5 is 1.25 and 10 dollars for a million: 225 000 micro-dollars.
    for (const [asked, given, cost] of [
      [undefined, undefined, "225000"],
      ["auto", "default", "225000"],
      ["flex", "flex", "112500"],
      ["priority", "priority", "450000"],
      ["priority", "default", "225000"],
      ["fast", undefined, "450000"],
      ["flex", undefined, "225000"],
      [undefined, "priority", "450000"],
      ["ultrafast", "ultrafast", "1350000"],
    ] as const) {
      const more = asked === undefined ? {} : { service_tier: asked };
      const answer = await chat("oai/gpt-5", more, given === undefined ? {} : { service_tier: given });
      expect([asked, given, costOf(answer)]).toEqual([asked, given, cost]);
      expect(stub.seen.at(-1)?.json.service_tier).toBe(asked);
    }
  });

  it("costs the same in every spelling that a server could take", async () => {
    for (const more of [
      { serviceTier: "priority" },
      { Service_Tier: "PRIORITY" },
      { extra_body: { service_tier: "priority" } },
    ]) {
      expect(costOf(await chat("oai/gpt-5", more, {}))).toBe("450000");
    }
  });

  it("of a stream is booked as of the whole, and is on record", async () => {
    const size = await rig.charter.ledgerSize();
    stub.answer = ({ json }, response) => {
      const end = { ...JSON.parse(chatChunk(json.model, {}, "stop")), usage, service_tier: "priority" };
      sendEvents(response, [chatChunk(json.model, { content: "yes" }), JSON.stringify(end), "[DONE]"]);
      response.end();
    };
    const { text } = await rig.chat(
      { ...question(), model: "oai/gpt-5", stream: true, service_tier: "priority" },
      { headers: fresh() },
    );
    expect(readStream(text).facts.microdollars).toBe(450_000);
    const { facts: call } = await rig.outcomeSince(size);
    expect(call).toMatchObject({
      microdollars: 450_000,
      service_tier: "priority",
      governed_parameters: "service_tier (price)",
    });
  });

  it("is reserved at its own price before the provider is asked", async () => {
    await budget("tiers", 300_000);
    const headers = { "x-charter-project": "tiers" };
    const words = { messages: [{ role: "user", content: "word ".repeat(20_000) }] };
    const { length } = stub.seen;
    const refused = await chat("oai/gpt-5", { ...words, service_tier: "ultrafast" }, {}, headers);
    expect([refused.status, refused.json.code]).toEqual([402, "budget.exhausted"]);
    expect(stub.seen).toHaveLength(length);
    expect((await chat("oai/gpt-5", { ...words, service_tier: "default" }, {}, headers)).status).toBe(200);
  });

  it("whose price nobody knows is unknown, and refused under a budget in money", async () => {
    expect(costOf(await chat("listed", { service_tier: "priority" }, {}))).toBe("unknown");
    expect(costOf(await chat("oai/gpt-5", { service_tier: "brand-new" }, {}))).toBe("unknown");
    await budget("unknown", 1_000_000_000);
    const { length } = stub.seen;
    for (const [model, more] of [
      ["listed", { service_tier: "priority" }],
      ["oai/gpt-5", { service_tier: "brand-new" }],
      ["oai/gpt-5", { service_tier: ["priority"] }],
      ["oai/gpt-5", { service_tier: "default", serviceTier: "brand-new" }],
      ["oai/gpt-5", { web_search_options: {} }],
      ["oai/gpt-5", { processing_tier: "gold" }],
      ["listed", { modalities: ["text", "audio"], audio: { voice: "a" } }],
      ["router/openai/gpt-5", { plugins: [{ id: "web" }] }],
      ["router/openai/gpt-5:online", {}],
    ] as const) {
      const { status, json } = await chat(model, more, {}, { "x-charter-project": "unknown" });
      expect([model, more, status, json.code]).toEqual([model, more, 402, "budget.price_unknown"]);
    }
    expect(stub.seen).toHaveLength(length);
    expect((await chat("listed", {}, {}, { "x-charter-project": "unknown" })).status).toBe(200);
    const audio = { modalities: ["text", "audio"], audio: { voice: "a" } };
    const { status } = await chat("oai/gpt-4o-audio-preview", audio, {}, { "x-charter-project": "unknown" });
    expect(status).toBe(200);
  });

  it("costs what the operator's price list says, so that a budget in money can cover it", async () => {
    await budget("own", 100_000_000);
    for (const [tier, cost] of [
      ["priority", "180000"],
      ["slow", "24000"],
      ["default", "120000"],
      ["brand-new", "unknown"],
    ] as const) {
      expect(costOf(await chat("plain/own", { service_tier: tier }, { service_tier: tier }))).toBe(cost);
      const { status } = await chat("plain/own", { service_tier: tier }, {}, { "x-charter-project": "own" });
      expect(status, tier).toBe(tier === "brand-new" ? 402 : 200);
    }
  });

  it("that a provider of unknown services reports without being asked changes nothing", async () => {
    const size = await rig.charter.ledgerSize();
    // 1 and 2 dollars for a million.
    expect(costOf(await chat("listed", {}, { service_tier: "on_fire" }))).toBe("120000");
    expect((await rig.outcomeSince(size)).facts?.service_tier).toBe("on_fire");
  });

  it("is refused where the terms refuse what changes the price", async () => {
    const key = await rig.charter.keyFor("product", "WORKFLOW");
    stub.answer = ({ json }, response) => sendJson(response, chatReply(json.model, "yes"));
    const ask = (more: object) => rig.chat({ ...question(), model: "listed", ...more }, { key, headers: fresh() });
    expect((await ask({ service_tier: "flex" })).json).toMatchObject({
      code: "parameter.refused",
      limit: "parameters.price",
    });
    expect((await ask({ service_tier: "auto" })).status).toBe(200);
    const body = { ...question(), model: "claude/any", max_tokens: 9 };
    const headers = { "anthropic-beta": "fast-mode-2026-02-01" };
    const beta = await rig.charter.ask("/v1/messages", { key, headers, body });
    expect([beta.status, beta.json.at]).toEqual([400, "anthropic-beta"]);
  });
});

describe("what a provider of another API is not told", () => {
  it("is not priced", async () => {
    stub.answer = ({ json }, response) => sendJson(response, { ...chatReply(json.model, "yes"), usage });
    const body = { ...question(), model: "oai/gpt-5", max_tokens: 10_000, speed: "fast" };
    const answer = await rig.charter.ask("/v1/messages", { key: rig.productKey, headers: fresh(), body });
    expect([answer.status, costOf(answer)]).toEqual([200, "225000"]);
    expect(stub.seen.at(-1)?.json).not.toHaveProperty("speed");
    expect(answer.headers.get("x-charter-dropped")).toBe("speed");
  });
});

describe("a choice of models or places that the terms allow", () => {
  it("has no price beforehand, so a budget in money refuses it", async () => {
    const key = await rig.charter.keyFor("product", "GURUKUL");
    const scope = { product: "GURUKUL", project: "open" };
    const limit = { scope, unit: "microdollars", window: "total", limit: 1_000_000_000 };
    await rig.charter.ask("/v1/budgets", { body: limit });
    stub.answer = ({ json }, response) => sendJson(response, { ...chatReply(json.model, "yes"), usage });
    const ask = (more: object, project: string) =>
      rig.chat({ ...question(), model: "oai/gpt-5", ...more }, { key, headers: { "x-charter-project": project } });
    for (const more of [{ models: ["gpt-5-pro"] }, { provider: { order: ["a"] } }]) {
      expect((await ask(more, "open")).json.code).toBe("budget.price_unknown");
      expect((await ask(more, "unlimited")).status).toBe(200);
    }
  });
});

describe("Anthropic's measures", () => {
  it("of speed and place are booked by what the account says", async () => {
    // claude-opus-4-6 is 5 and 25 dollars for a million.
    const model = "ant/claude-opus-4-6";
    expect(costOf(await message(model, {}, {}))).toBe("30000");
    expect(costOf(await message(model, { speed: "fast" }, { speed: "fast" }))).toBe("180000");
    expect(costOf(await message(model, { speed: "fast" }, { speed: "standard" }))).toBe("30000");
    expect(costOf(await message(model, {}, { inference_geo: "us" }))).toBe("33000");
    expect(costOf(await message(model, {}, { inference_geo: "global", service_tier: "standard" }))).toBe("30000");
  });
});

describe("a cache for an hour", () => {
  it("is priced where its price is known, and unknown at a price of text", async () => {
    const hour = { type: "ephemeral", ttl: "1h" };
    const written = { cache_creation_input_tokens: 1000, cache_creation: { ephemeral_1h_input_tokens: 1000 } };
    const [text] = question().messages;
    const marks: readonly object[] = [
      { cache_control: hour },
      { system: [{ type: "text", text: "a", cache_control: hour }] },
      { tools: [{ name: "f", input_schema: { type: "object" }, cache_control: hour }] },
      { messages: [{ role: "user", content: [{ type: "text", text: text!.content, cache_control: hour }] }] },
    ];
    for (const more of marks) {
      // Written for an hour: twice the 5 dollars of input.
      expect(costOf(await message("ant/claude-opus-4-6", more, written))).toBe("40000");
      expect(costOf(await message("claude-listed", more, written))).toBe("unknown");
    }
    expect(costOf(await message("claude-listed", {}, {}))).toBe("3000");
  });
});

describe("a model that answers in place of the one that was asked", () => {
  it("is on record and priced as itself where its price is known", async () => {
    const size = await rig.charter.ledgerSize();
    // gpt-5-mini is 0.25 and 2 dollars for a million.
    expect(costOf(await chat("oai/gpt-5", {}, { model: "gpt-5-mini" }))).toBe("45000");
    expect((await rig.outcomeSince(size)).facts?.model).toBe("gpt-5-mini");
  });

  it("is the one that was asked when only its date or the order of its words differs", async () => {
    for (const model of ["gpt-5-2025-08-07", "openai/gpt-5", "GPT-5", "nobody-knows-it"]) {
      expect(costOf(await chat("oai/gpt-5", {}, { model }))).toBe("225000");
    }
  });
});
