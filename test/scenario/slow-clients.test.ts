// Slow clients, two hundred of each kind on bare sockets: ordinary requests go on, and the slow ones are cut off.
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { envelope, startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";
import { establishedAt, openManySlow, openSlow } from "../support/attack/slow-sockets.ts";
import type { SlowSocket } from "../support/attack/slow-sockets.ts";
import { eventually } from "../support/wait.ts";

const many = 200;
/** Well above what the slow sockets of these tests manage, and well below loopback. */
const flags = {
  "headers-timeout-ms": "1500",
  "min-bytes-per-second": "5000",
  "slow-client-window-ms": "1000",
};
const streamed = "/v1/artifacts?product=AI_ASSISTANT&type=ConversationArtifact";
const bigBytes = 24 * 1024 * 1024;

let charter: TestCharter;
let key: string;
let big: string;
let open: SlowSocket[] = [];

beforeAll(async () => {
  charter = await startTestCharter({ flags });
  key = await charter.keyFor("product", "AI_ASSISTANT");
  const body = Buffer.alloc(bigBytes, "x");
  const stored = await charter.ask(streamed, { key, body, headers: { "content-type": "text/plain" } });
  big = stored.json.artifact.artifact_id;
});
afterEach(() => {
  for (const each of open) each.destroy();
  open = [];
});
afterAll(() => charter[Symbol.asyncDispose]());

/** Ordinary work that must not notice the slow ones. */
async function ordinaryWork(): Promise<void> {
  for (let round = 0; round < 5; round++) {
    expect((await charter.ask("/health", { key: null })).status).toBe(200);
    expect((await charter.ask("/v1/artifacts", { body: envelope({ payload: round }) })).status).toBe(201);
    expect((await charter.ask("/v1/artifacts?limit=1", { key })).status).toBe(200);
  }
}

const head = (line: string, ...headers: string[]): string => headAs(key, line, ...headers);
const headAs = (credential: string, line: string, ...headers: string[]): string =>
  [line, "Host: h", `Authorization: Bearer ${credential}`, ...headers].join("\r\n");

/** The head of an upload, with a key of its own: one key that fails so often is throttled. */
async function uploadHead(sizeBytes: number): Promise<string> {
  const fresh = await charter.keyFor("product", "AI_ASSISTANT");
  return `${headAs(fresh, `POST ${streamed} HTTP/1.1`, "Content-Type: text/plain", `Content-Length: ${sizeBytes}`)}\r\n\r\n`;
}

describe("two hundred clients that send", () => {
  it("nothing at all are cut off, and do not stop ordinary requests", async () => {
    open = openManySlow(charter.url, many, { first: "" });
    await ordinaryWork();
    await Promise.all(open.map(({ closed }) => closed));
  });

  it("their headers slowly are answered 408 and cut off, and do not stop ordinary requests", async () => {
    open = openManySlow(charter.url, many, { first: head("GET /health HTTP/1.1"), drip: "\r\nX: y" });
    await ordinaryWork();
    await Promise.all(open.map(({ closed }) => closed));
    for (const { heard } of open) expect(heard()).toMatch(/^HTTP\/1\.1 408 /);
  });

  it("a streamed body slowly are answered 408 and give their writer's places back", async () => {
    // The write gate has 100 places; the waves leave some of them to ordinary writers.
    for (let wave = 0; wave < 4; wave++) {
      const slow = openManySlow(charter.url, many / 4, { first: await uploadHead(100_000), drip: "x" });
      open.push(...slow);
      await ordinaryWork();
      await Promise.all(slow.map(({ closed }) => closed));
      for (const { heard } of slow) expect(heard()).toMatch(/^HTTP\/1\.1 408 /);
      // A place is given back once the outcome is on record, which a busy machine does after the answer.
      const ids = slow.map(({ heard }) => /x-request-id: (\S+)/.exec(heard())?.[1] ?? "none");
      await eventually(async () => {
        const { json } = await charter.ask("/ledger/entries?operation=artifact.create&kind=outcome&limit=1000");
        const requests = new Set(json.entries.map(({ leaf }: { leaf: { request_id: string } }) => leaf.request_id));
        return ids.every((id) => requests.has(id));
      }, `an outcome for each of ${ids.length} uploads`);
    }
    await ordinaryWork();
  });

  it("a JSON body slowly are answered 408, chunked or not", async () => {
    const coded = ["Content-Length: 100000", "Transfer-Encoding: chunked"];
    for (const coding of coded) {
      const first = `${head("POST /bucket/write HTTP/1.1", "Content-Type: application/json", coding)}\r\n\r\n`;
      const drip = coding.startsWith("Transfer") ? "1\r\n \r\n" : " ";
      open.push(...openManySlow(charter.url, many / 2, { first, drip }));
    }
    await ordinaryWork();
    await Promise.all(open.map(({ closed }) => closed));
    for (const { heard } of open) expect(heard()).toMatch(/^HTTP\/1\.1 408 [\s\S]*"request\.timeout"/);
  });
});

describe("two hundred clients that read", () => {
  it.each([0, 10])(
    "%d bytes of a large answer at a time are cut off, and do not stop ordinary requests",
    async (readBytes) => {
      const first = `${head(`GET /v1/artifacts/${big}/content HTTP/1.1`, "Connection: close")}\r\n\r\n`;
      const before = await establishedAt(charter.url);
      open = openManySlow(charter.url, many, { first, readBytes });
      await ordinaryWork();
      for (let waited = 0; waited < 400 && (await establishedAt(charter.url)) > before + 1; waited++) await sleep(100);
      // A client that is served to the end would get all of it now; one that was cut off gets what was under way.
      const received = await Promise.all(open.map((each) => each.rest()));
      expect(received).toHaveLength(many);
      for (const bytes of received) expect(bytes).toBeGreaterThan(0);
      for (const bytes of received) expect(bytes).toBeLessThan(bigBytes);
      await ordinaryWork();
    },
  );

  it("all of it in one go get all of it", async () => {
    const answer = await charter.ask(`/v1/artifacts/${big}/content`, { key });
    expect([answer.status, answer.text.length]).toEqual([200, bigBytes]);
  });
});

describe("a client that is slow for a reason of ours", () => {
  it("is not cut off while nothing is to be sent or read, and one that keeps the least rate never is", async () => {
    const length = 60_000;
    const first = await uploadHead(length);
    const steady = openSlow(charter.url, { first, drip: "x".repeat(2000), drips: length / 2000 });
    open.push(steady);
    await eventually(() => steady.heard() !== "");
    expect(steady.heard()).toMatch(/^HTTP\/1\.1 201 /);
    const idle = openSlow(charter.url, { first: `${head("GET /health HTTP/1.1")}\r\n\r\n` });
    open.push(idle);
    await sleep(2500);
    expect([idle.isClosed(), idle.heard().slice(0, 12)]).toEqual([false, "HTTP/1.1 200"]);
  });
});

describe("connections of one address", () => {
  it("beyond the limit are closed at once, and places come back", async () => {
    await using small = await startTestCharter({ flags: { "max-connections-per-address": "10" } });
    const { hostname, port } = new URL(small.url);
    const sockets = Array.from({ length: 30 }, () => connect(Number(port), hostname).on("error", () => {}));
    let heard = "";
    for (const socket of sockets) socket.on("data", (piece) => (heard += String(piece)));
    const kept = () => sockets.filter((socket) => !socket.destroyed);
    await eventually(() => sockets.every(({ connecting }) => !connecting) && kept().length <= 10);
    expect(kept().length).toBeGreaterThan(0);
    for (const socket of kept()) socket.write("GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
    await eventually(() => heard.split("HTTP/1.1 200").length - 1 === kept().length);
    for (const socket of sockets) socket.destroy();
    await eventually(() =>
      small.ask("/health").then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
  });

  it("do not count for a trusted proxy, whose connections are many clients'", async () => {
    const flags = { "max-connections-per-address": "2", "trusted-proxies": "127.0.0.0/8" };
    await using proxied = await startTestCharter({ flags });
    const answers = await Promise.all(Array.from({ length: 20 }, () => proxied.ask("/health")));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
  });
});
