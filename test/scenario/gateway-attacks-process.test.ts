// The gateway as a process that is killed, flooded and left: what it owes is paid and on record afterwards, and what it
// holds for others is bounded.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDatabase } from "../../src/db/index.ts";
import { openBudgets } from "../../src/budgets/index.ts";
import { silentLog } from "../../src/kernel/ctx.ts";
import {
  filesHolding,
  handClock,
  providerKeys,
  sendJson,
  startStub,
  writeRigFiles,
} from "../support/gateway/gateway.ts";
import type { RigFiles, Stub } from "../support/gateway/gateway.ts";
import { announcedSeed, seededRandom, spawnCharter } from "../support/app/process.ts";
import type { CharterProcess } from "../support/app/process.ts";
import { everyEntry, expectEachIntentClosed, expectSound } from "../support/ledger/record.ts";
import { startUpstream } from "../support/gateway/upstream.ts";
import type { ScriptedUpstream } from "../support/gateway/upstream.ts";
import { eventually } from "../support/wait.ts";

const kills = 8;
const callers = 24;

let upstream: ScriptedUpstream;
let stub: Stub;
let files: RigFiles;
let args: readonly string[];
let dataDir: string;

beforeAll(async () => {
  upstream = await startUpstream();
  stub = await startStub();
  files = await writeRigFiles(upstream.url, {
    providers: ({ url, keyFile }) => ({
      wide: { kind: "openai-compatible", baseUrl: `${url}/v1`, keyless: true, open: true, connections: 2048 },
      own: {
        kind: "openai-compatible",
        baseUrl: `${stub.url}/v1`,
        keys: [{ file: keyFile(providerKeys.second) }],
        open: true,
      },
    }),
  });
  args = Object.entries(files.flags).flatMap(([name, value]) => [`--${name}`, value]);
});
afterAll(async () => {
  await upstream[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
  await rm(files.dir, { recursive: true, force: true });
});

async function folder<T>(work: () => Promise<T>): Promise<T> {
  dataDir = await mkdtemp(join(tmpdir(), "charter-attacks-"));
  try {
    return await work();
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

const body = (model: string, stream: boolean): object => ({
  model,
  messages: [{ role: "user", content: "Hi" }],
  max_tokens: 20,
  stream,
});

/** Calls without pause until the server is gone; notes the intents of which an answer has been seen. */
async function callUntilKilled(
  server: CharterProcess,
  key: string,
  random: () => number,
  seen: number[],
): Promise<void> {
  for (;;) {
    const model = random() < 0.5 ? "up/paced-5" : "claude-answers";
    try {
      const response = await fetch(`${server.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "cache-control": "no-store" },
        body: JSON.stringify(body(model, random() < 0.7)),
      });
      if (response.status === 200) seen.push(Number(response.headers.get("x-charter-intent")));
      await response.text();
    } catch {
      return;
    }
  }
}

describe("kill -9 while answers stream", () => {
  it(
    "leaves no answer without an intent, no intent without an outcome, and no budget held for ever",
    { timeout: 900_000 },
    () =>
      folder(async () => {
        const random = seededRandom(announcedSeed("gateway-attacks"));
        const seen: number[] = [];
        let adminKey = "";
        let key = "";
        for (let round = 0; round < kills; round++) {
          await using server = await spawnCharter({ dataDir, args, adminKey });
          adminKey = server.adminKey;
          key ||= await server.keyFor("product", "AI_ASSISTANT");
          // One without an end: a month may end while the test looks two hours ahead.
          const scope = { product: "AI_ASSISTANT", project: "default" };
          if (round === 0) {
            const budget = { scope, unit: "tokens", window: "total", limit: 1_000_000_000 };
            expect((await server.ask("/v1/budgets", { body: budget })).status).toBe(201);
          }
          const calling = Array.from({ length: callers }, () => callUntilKilled(server, key, random, seen));
          await sleep(100 + random() * 400);
          await eventually(() => seen.length > round + 1);
          await server.kill();
          await Promise.all(calling);
          await expectSound(dataDir, `after kill ${round + 1}`);
        }
        expect(seen.length).toBeGreaterThan(kills);
        let onRecord = 0;
        {
          await using server = await spawnCharter({ dataDir, args, adminKey });
          const leaves = await everyEntry(server);
          expectEachIntentClosed(leaves);
          for (const index of seen) expect(leaves[index]).toMatchObject({ kind: "intent", operation: "chat.create" });
          expect(leaves.some(({ outcome }) => outcome === "interrupted")).toBe(true);
          for (const { facts: call } of leaves) onRecord += (call?.input_tokens ?? 0) + (call?.output_tokens ?? 0);
          expect(await server.stop()).toBe(0);
        }
        const clock = handClock(Date.now() + 2 * 3_600_000);
        await using db = await openDatabase({ kind: "sqlite", file: join(dataDir, "charter.db") }, silentLog);
        await using budgets = openBudgets({ db, clock, log: silentLog, defaultTokens: 1_000_000 });
        const total = async (): Promise<{ held: number; used: number }> => {
          const { budgets: lines } = await budgets.state({ product: "AI_ASSISTANT", project: "default" });
          const line = lines.find(({ window }) => window === "total");
          if (line === undefined) throw new Error("the budget is gone");
          return line;
        };
        const before = await total();
        expect(before.held).toBeGreaterThan(0);
        // No kill made a call free: what an outcome says was used is charged, or what was promised is still held.
        expect(onRecord).toBeGreaterThan(0);
        expect(before.used + before.held).toBeGreaterThanOrEqual(onRecord);
        await budgets.expire(clock.nowMs());
        const after = await total();
        expect(after.held).toBe(0);
        // A call that was cut off may have cost all that it was promised.
        expect(after.used).toBe(before.used + before.held);
      }),
  );
});

async function rss(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

/** Callers that ask for a stream without an end and read nothing of it. */
const slowReaders = 200;

describe("a flood", () => {
  it(
    "of slow readers, of streams that are dropped and of invented names costs bounded memory",
    { timeout: 900_000 },
    () =>
      folder(async () => {
        const more = ["--max-connections-per-address", "5000", "--min-bytes-per-second", "0"];
        await using server = await spawnCharter({ dataDir, args: [...args, ...more] });
        const key = await server.keyFor("product", "AI_ASSISTANT");
        const scope = { product: "AI_ASSISTANT", project: "flood" };
        const limit = { scope, unit: "tokens", window: "total", limit: 1_000_000_000_000 };
        expect((await server.ask("/v1/budgets", { body: limit })).status).toBe(201);
        const { hostname, port } = new URL(server.url);
        const open = (model: string): Socket => {
          const socket = connect({ host: hostname, port: Number(port) });
          socket.on("error", () => {});
          const text = JSON.stringify(body(model, true));
          socket.write(
            `POST /v1/chat/completions HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${key}\r\nX-Charter-Project: flood\r\n` +
              `Content-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
          );
          return socket.pause();
        };
        for (let i = 0; i < 50; i++) await server.ask("/v1/chat/completions", { key, body: body("answers", false) });
        const before = await rss(server.pid);
        /** How much memory there is while so many read nothing; a later wave must not need more than the first. */
        const slowly = async (): Promise<number> => {
          const { length } = upstream.seen;
          const slow = Array.from({ length: slowReaders }, () => open("wide/endless"));
          // Each takes some megabytes before it is held up; waves are comparable when all of them have come so far.
          const reached = (): number => upstream.seen.length - length;
          await eventually(() => reached() >= slowReaders);
          expect(reached()).toBe(slowReaders);
          await sleep(2000);
          const peak = await rss(server.pid);
          for (const socket of slow) socket.destroy();
          await eventually(() => upstream.connections <= 50);
          return peak;
        };
        // The first two show what the process takes of the machine; a third must not need more.
        const during = Math.max(await slowly(), await slowly());
        const again = await slowly();

        for (let wave = 0; wave < 10; wave++) {
          const dropped = Array.from({ length: 200 }, (_, i) => open(`wide/stall-mid-stream-${i % 3}`));
          await sleep(150);
          for (const socket of dropped) socket.destroy();
        }
        const invented = Array.from({ length: 3000 }, (_, i) => `wide/invented-${i}`);
        await Promise.all(
          Array.from({ length: 32 }, async () => {
            for (let model = invented.pop(); model !== undefined; model = invented.pop()) {
              await server.ask("/v1/chat/completions", { key, body: body(model, false) });
            }
          }),
        );
        const { json } = await server.ask("/circuit-breakers");
        const { bytes } = await server.ask("/metrics");
        const after = await rss(server.pid);
        process.stderr.write(
          `flood: ${before >> 20} MiB, with ${slowReaders} slow readers ${during >> 20}, again ${again >> 20}, afterwards ${after >> 20}; ${Object.keys(json).length} breakers, ${bytes.length} bytes of metrics\n`,
        );
        expect(Object.keys(json).length).toBeLessThanOrEqual(2048);
        expect(bytes.toString()).not.toContain("invented-");
        expect(again - during).toBeLessThan(150 * 1024 * 1024);
        // A mebibyte for each that reads nothing, and what a busy process has not collected yet; the rest leaves nothing behind.
        expect(during - before).toBeLessThan((slowReaders + 300) * 1024 * 1024);
        expect(after - during).toBeLessThan(150 * 1024 * 1024);
        const state = "/api/v1/budget/state?product=AI_ASSISTANT&project=flood";
        await eventually(async () => (await server.ask(state)).json.budgets[0].held === 0);
        const standing = (await server.ask("/v1/models")).json.data.map(
          ({ charter }: { charter: { state: string } }) => charter.state,
        );
        expect(new Set(standing)).toEqual(new Set(["configured"]));
        expect(await server.stop()).toBe(0);
        expect(await expectSound(dataDir)).toMatchObject({ openIntents: 0 });
      }),
  );
});

describe("a provider that repeats the key in an error of a good status", () => {
  it("has it in no log and in no file", () =>
    folder(async () => {
      await using server = await spawnCharter({ dataDir, args: [...args, "--log-level", "debug"] });
      const key = await server.keyFor("product", "AI_ASSISTANT");
      stub.answer = (_request, response) =>
        sendJson(response, { error: { message: `bad ${providerKeys.second}`, code: providerKeys.second } });
      for (const stream of [true, false]) {
        const { status, bytes } = await server.ask("/v1/chat/completions", {
          key,
          body: body(`own/leaks-${stream}`, stream),
        });
        expect(status).toBe(502);
        expect(bytes.toString()).not.toContain(providerKeys.second);
      }
      await server.stop();
      expect(server.log()).not.toContain(providerKeys.second);
      expect(await filesHolding(dataDir, providerKeys.second)).toEqual([]);
    }));
});
