import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOfJson } from "../../src/kernel/hash.ts";
import { startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";

const process = "/api/v1/consciousness/process";

describe("a deliberation over HTTP", () => {
  let charter: TestCharter;
  let key: string;
  beforeAll(async () => {
    charter = await startTestCharter();
    key = await charter.keyFor("product", "AI_ASSISTANT");
  });
  afterAll(() => charter[Symbol.asyncDispose]());

  it("is answered by the gateway's models, and every call of it is an act of its own", async () => {
    const { status, json, headers } = await charter.ask(process, { key, body: { prompt: "What holds a house up?" } });
    expect(status).toBe(200);
    const { receipt, ...record } = json;
    // How many branches there are depends on how busy this machine is; the rest does not.
    expect(record).toMatchObject({ request_id: headers.get("x-request-id"), cost_microdollars: 0 });
    expect(record.response).not.toBe("");
    expect(record.calls).toBeLessThanOrEqual(record.max_calls);
    expect(record.temperature).toBeLessThanOrEqual(0.7);
    expect(headers.get("x-charter-intent")).toBe(String(receipt.intent_index));
    expect(headers.get("x-charter-cost-microdollars")).toBe("0");

    const { entries } = (await charter.ask("/ledger/entries?limit=1000")).json;
    const leafAt = (index: number) => entries.find((entry: { index: number }) => entry.index === index).leaf;
    expect(leafAt(receipt.intent_index)).toMatchObject({ kind: "intent", operation: "consciousness.process" });
    expect(leafAt(receipt.outcome_index)).toMatchObject({
      kind: "outcome",
      intent: receipt.intent_index,
      outcome: "committed",
      digest: digestOfJson(record),
    });
    expect(record.call_intents.length).toBeGreaterThan(0);
    for (const index of record.call_intents) {
      expect(leafAt(index)).toMatchObject({ kind: "intent", resource: "model/auto", product: "AI_ASSISTANT" });
    }
  });

  it("tells the state of the host to whoever may view tasks", async () => {
    const { status, json } = await charter.ask("/api/v1/consciousness/state", { key });
    expect(status).toBe(200);
    expect(json.silicon_id).toMatch(/^[0-9a-f]{16}$/);
    expect((await charter.ask("/api/v1/consciousness/state", { key: null })).status).toBe(401);
  });

  it.each([
    ["no prompt", {}],
    ["an empty prompt", { prompt: "" }],
    ["a prompt of 10 001 characters", { prompt: "x".repeat(10_001) }],
    ["a temperature above 2", { prompt: "a", temperature: 2.1 }],
    ["a temperature below 0", { prompt: "a", temperature: -0.1 }],
    ["more than 4096 tokens", { prompt: "a", max_tokens: 4097 }],
    ["no token", { prompt: "a", max_tokens: 0 }],
    ["a field that it does not know", { prompt: "a", mode: "dream" }],
  ])("refuses a body with %s", async (_what, body) => {
    const before = await charter.ledgerSize();
    expect((await charter.ask(process, { key, body })).status).toBe(400);
    expect(await charter.ledgerSize()).toBe(before);
  });

  it("refuses a product that does not exist", async () => {
    const asked = { body: { prompt: "a" }, headers: { "x-charter-product": "NOWHERE" } };
    expect((await charter.ask(process, asked)).status).toBe(404);
  });
});
