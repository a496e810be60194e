// Under pressure: new work is refused with a time to come back before memory runs out, probes are answered, and what runs
// goes on.
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { availableMemoryBytes } from "../../src/http/plugins/pressure.ts";
import { envelope, startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";
import { eventually } from "../support/wait.ts";

const code = async (charter: TestCharter, path: string): Promise<unknown> => (await charter.ask(path)).json.code;

describe("a server whose memory is nearly used up", () => {
  let charter: TestCharter;
  let slowUpload: ReturnType<typeof connect>;
  let heard = "";
  beforeAll(async () => {
    await begin();
    // On a busy machine the first sample may come before the upload has begun; then another server gets another one.
    for (let tries = 0; heard !== "" && tries < 10; tries++) {
      await charter[Symbol.asyncDispose]();
      await begin();
    }
  });
  async function begin(): Promise<void> {
    heard = "";
    // Everything is too much: from the first sample on, a second after the start, the server is under pressure. How slow the
    // upload is must not matter.
    charter = await startTestCharter({ flags: { "max-rss-bytes": "1", "min-bytes-per-second": "0" } });
    const { hostname, port } = new URL(charter.url);
    slowUpload = connect(Number(port), hostname);
    slowUpload.on("data", (piece) => (heard += String(piece)));
    slowUpload.write(
      `POST /v1/artifacts?product=AI_ASSISTANT&type=ConversationArtifact HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${charter.adminKey}\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n\r\n0123456789`,
    );
    await eventually(async () => (await code(charter, "/v1/artifacts")) === "server.overloaded");
    await code(charter, "/v1/artifacts");
  }
  afterAll(() => charter[Symbol.asyncDispose]());

  it("refuses new work with 503 and a time to come back, and records nothing of it", async () => {
    const size = await charter.ask("/ledger/checkpoint", { key: null });
    expect([size.status, size.headers.get("retry-after"), size.json.code]).toEqual([503, "5", "server.overloaded"]);
    const refused = await charter.ask("/v1/artifacts", { body: envelope() });
    expect([refused.status, refused.json.code]).toEqual([503, "server.overloaded"]);
    expect(refused.headers.get("x-frame-options")).toBe("DENY");
  });

  it("answers probes: alive, and not ready", async () => {
    expect((await charter.ask("/health", { key: null })).status).toBe(200);
    const ready = await charter.ask("/ready", { key: null });
    expect([ready.status, ready.json]).toEqual([
      503,
      { status: "not_ready", ledger: "open", reason: "the server has more to do than it can" },
    ]);
  });

  it("lets the upload end that had begun before", async () => {
    slowUpload.write("0123456789");
    await eventually(async () => heard !== "");
    expect(heard).toMatch(/^HTTP\/1\.1 201 /);
    slowUpload.destroy();
  });
});

describe("a server whose event loop lags", () => {
  it("refuses new work while it lags, and takes it again afterwards", async () => {
    await using charter = await startTestCharter({ flags: { "max-event-loop-delay-ms": "100" } });
    expect((await charter.ask("/v1/artifacts")).status).toBe(200);
    let refused = false;
    for (let round = 0; round < 20 && !refused; round++) {
      for (let block = 0; block < 4; block++) {
        const endMs = performance.now() + 400;
        while (performance.now() < endMs);
        await sleep(1);
      }
      refused = (await code(charter, "/v1/artifacts")) === "server.overloaded";
      expect((await charter.ask("/health", { key: null })).status).toBe(200);
    }
    expect(refused).toBe(true);
    await eventually(async () => (await charter.ask("/v1/artifacts")).status === 200);
  });
});

describe("the bytes of JSON bodies in memory", () => {
  const budget = 100_000;
  const head = (charter: TestCharter, length: number): string =>
    `POST /bucket/write HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${charter.adminKey}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;

  it("are bounded for all requests together, and given back when a request ends, however it ends", async () => {
    const flags = { "json-body-budget-bytes": String(budget), "min-bytes-per-second": "0" };
    await using charter = await startTestCharter({ flags });
    const { hostname, port } = new URL(charter.url);
    const body = (sizeBytes: number): object => envelope({ payload: "x".repeat(sizeBytes) });
    const status = async (path: string, sizeBytes: number): Promise<number> => {
      const field = path === "/bucket/write" ? { data: "x".repeat(sizeBytes) } : { payload: "x".repeat(sizeBytes) };
      const { payload: _, ...rest } = envelope();
      return (await charter.ask(path, { body: { ...rest, ...field } })).status;
    };
    expect((await charter.ask("/v1/artifacts", { body: body(60_000) })).status).toBe(201);
    const holder = connect(Number(port), hostname).on("error", () => {});
    holder.write(head(charter, 90_000) + " ".repeat(80_000));
    for (const path of ["/bucket/write", "/v1/artifacts"]) {
      await eventually(async () => (await status(path, 60_000)) === 503);
      expect(await status(path, 100)).toBe(201);
    }
    const refused = await charter.ask("/v1/artifacts", { body: body(60_000) });
    expect([refused.json.code, refused.json.limit]).toEqual(["server.overloaded", "http.jsonBodyBudgetBytes"]);
    expect(refused.headers.get("retry-after")).toBe("5");
    // What is streamed is not held, and does not count.
    const streamed = await charter.ask("/v1/artifacts?product=AI_ASSISTANT&type=ConversationArtifact", {
      body: Buffer.alloc(3 * budget, "x"),
      headers: { "content-type": "text/plain" },
    });
    expect(streamed.status).toBe(201);
    holder.destroy();
    await eventually(async () => (await status("/v1/artifacts", 60_000)) === 201);
    for (let round = 0; round < 10; round++) expect(await status("/v1/artifacts", 60_000)).toBe(201);
  });
});

describe("the memory there is", () => {
  it("is what the container or the machine has, and never more", () => {
    expect(availableMemoryBytes()).toBeGreaterThan(100_000_000);
    expect(availableMemoryBytes()).toBeLessThan(2 ** 50);
  });
});
