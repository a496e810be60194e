// What the field's gateways are known to get wrong, each as a test of ours. Where another suite goes deeper, it is named.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  anthropicOf,
  filesHolding,
  openaiOf,
  providerKeys,
  readStream,
  sendEvents,
  sendJson,
  startRig,
  startStub,
  writeRigFiles,
} from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";
import { spawnCharter } from "../support/app/process.ts";
import type { CharterProcess } from "../support/app/process.ts";
import { everyEntry, expectEachIntentClosed } from "../support/ledger/record.ts";
import { startRedis } from "../support/servers/redis.ts";
import { describeWith } from "../support/servers/requires.ts";
import { startUpstream } from "../support/gateway/upstream.ts";
import { eventually, patienceMs } from "../support/wait.ts";

let rig: GatewayRig;
let stub: Stub;

beforeAll(async () => {
  stub = await startStub();
  rig = await startRig({
    providers: ({ keyFile }) => ({
      own: {
        kind: "openai-compatible",
        baseUrl: `${stub.url}/v1`,
        keys: [{ file: keyFile(providerKeys.first) }],
        open: true,
      },
      // Priced as OpenAI and Anthropic publish it.
      priced: {
        kind: "openai-compatible",
        baseUrl: `${stub.url}/v1`,
        keyless: true,
        open: true,
        priceProvider: "openai",
      },
      messages: { kind: "anthropic", baseUrl: `${stub.url}/v1`, keyless: true, open: true, priceProvider: "anthropic" },
    }),
    deployments: [{ name: "held", provider: "own", model: "held" }],
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});

let asked = 0;
const question = (text = "What is six times seven?"): { messages: { role: "user"; content: string }[] } => ({
  messages: [{ role: "user", content: `${text} (${String(++asked).padStart(5, "0")})` }],
});
const reply = (json: { model: string }, content: string, usage: object): object => ({
  id: "chatcmpl-own",
  object: "chat.completion",
  created: 1,
  model: json.model,
  choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  usage,
});
const fewTokens = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const project = (name: string): Record<string, string> => ({ "x-charter-project": name });
const limitTokens = (name: string, limit: number) =>
  rig.charter.ask("/v1/budgets", {
    body: { scope: { product: "AI_ASSISTANT", project: name }, unit: "tokens", window: "total", limit },
  });

describe("the field's loudest pains", () => {
  it("1: budgets are not overrun by calls at the same time, whichever API they use (gateway-spending: 200 at once)", async () => {
    // What the template and the request's own bytes may come to is held besides what is said.
    await limitTokens("crowd", 4000);
    const waiting: (() => void)[] = [];
    stub.answer = ({ json }, response) => void waiting.push(() => sendJson(response, reply(json, "late", fewTokens)));
    const headers = project("crowd");
    let refused = 0;
    const calls = Array.from({ length: 60 }, async (_, i) => {
      const [path, body] =
        i % 3 === 0
          ? ["/v1/messages", { model: "held", max_tokens: 200, ...question() }]
          : i % 3 === 1
            ? ["/v1/responses", { model: "held", max_output_tokens: 200, input: question().messages }]
            : ["/v1/chat/completions", { model: "held", max_tokens: 200, stream: i % 2 === 0, ...question() }];
      const { status } = await rig.charter.ask(path, { key: rig.productKey, headers, body });
      if (status === 409) refused++;
      return status;
    });
    // Each holds its 200 tokens of output and the most that its question can be.
    while (refused + waiting.length < 60) await sleep(5);
    expect(waiting).toHaveLength(4);
    for (const answerIt of waiting) answerIt();
    expect((await Promise.all(calls)).filter((status) => status === 200)).toHaveLength(4);
    expect(await rig.budget("crowd")).toMatchObject({ used: 60, held: 0 });
  });

  it("2: a streamed call is not free (gateway-spending: the same as the whole)", async () => {
    for (const model of ["answers", "claude-answers", "gem-answers"]) {
      const { text } = await rig.chat({ model, ...question(), stream: true, max_tokens: 50 });
      expect(readStream(text).facts.microdollars, model).toBe(24);
    }
  });

  it("3: a budget is not passed by another route or field (gateway-spending: ten ways)", async () => {
    await limitTokens("shut", 5);
    const { length } = stub.seen;
    for (const [path, body] of [
      ["/v1/completions", { model: "held", prompt: "Hi" }],
      ["/v1/chat/completions", { model: "held", ...question(), max_tokens: 1, max_completion_tokens: 100 }],
      ["/v1/chat/completions", { model: "held", ...question(), max_tokens: -5 }],
      ["/v1/chat/completions", { model: "held", ...question(), max_tokens: 1e-9 }],
      ["/v1/chat/completions", { model: "held", ...question(), n: 1000, max_tokens: 1 }],
      ["/execute", { query: "Hi", max_tokens: 1_000_000 }],
    ] as const) {
      const { status } = await rig.charter.ask(path, { key: rig.productKey, headers: project("shut"), body });
      expect([400, 402, 404, 409], `${path} ${JSON.stringify(body)}`).toContain(status);
    }
    expect(stub.seen).toHaveLength(length);
  });

  it("4: cached tokens are priced as the provider prices them", async () => {
    // gpt-4o: 2.50 in, 1.25 cached, 10.00 out per million, US dollars.
    stub.answer = ({ json }, response) =>
      sendJson(
        response,
        reply(json, "ok", {
          prompt_tokens: 1000,
          completion_tokens: 100,
          total_tokens: 1100,
          prompt_tokens_details: { cached_tokens: 800 },
          completion_tokens_details: { reasoning_tokens: 40 },
        }),
      );
    const chat = await rig.chat({ model: "priced/gpt-4o", ...question() });
    expect(chat.headers.get("x-charter-cost-microdollars")).toBe(String(200 * 2.5 + 800 * 1.25 + 100 * 10));
    // Claude Sonnet 4: 3.00 in, 0.30 read from and 3.75 written to the cache, 15.00 out.
    stub.answer = ({ json }, response) =>
      sendJson(response, {
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: json.model,
        content: [{ type: "text", text: "ok" }],
        stop_reason: "end_turn",
        stop_sequence: null,
        usage: {
          input_tokens: 200,
          cache_read_input_tokens: 800,
          cache_creation_input_tokens: 100,
          output_tokens: 100,
        },
      });
    const size = await rig.charter.ledgerSize();
    const message = await rig.chat({ model: "messages/claude-sonnet-4-20250514", ...question(), max_tokens: 100 });
    expect(message.headers.get("x-charter-cost-microdollars")).toBe(
      String(200 * 3 + 800 * 0.3 + 100 * 3.75 + 100 * 15),
    );
    expect((await rig.outcomeSince(size)).facts).toMatchObject({
      input_tokens: 1100,
      cache_read_tokens: 800,
      cache_write_tokens: 100,
      output_tokens: 100,
    });
    expect(message.json.usage).toMatchObject({ prompt_tokens: 1100, prompt_tokens_details: { cached_tokens: 800 } });
  });

  it("5: a model without a known price is not free: its cost is unknown", async () => {
    const size = await rig.charter.ledgerSize();
    const { headers } = await rig.chat({ model: "up/nobody-knows", ...question() });
    expect(headers.get("x-charter-cost-microdollars")).toBe("unknown");
    expect((await rig.outcomeSince(size)).facts).not.toHaveProperty("microdollars");
    const { text } = await rig.chat({ model: "up/nobody-knows", ...question(), stream: true });
    expect(readStream(text).facts.microdollars).toBeNull();
  });

  describeWith(["redis"], "with several servers", () => {
    it("6: limits are not multiplied by the number of servers", async () => {
      await using redis = await startRedis();
      await using upstream = await startUpstream();
      const files = await writeRigFiles(upstream.url, {
        constitution: [[["products", "AI_ASSISTANT", "models"], { modelRequestsPerMinute: 10 }]],
      });
      const dir = await mkdtemp(join(tmpdir(), "charter-replicas-"));
      const servers: CharterProcess[] = [];
      try {
        const flags = Object.entries({ ...files.flags, redis: redis.url, "redis-timeout-ms": "30000" });
        const args = flags.flatMap(([name, value]) => [`--${name}`, value]);
        for (const name of ["a", "b", "c"]) servers.push(await spawnCharter({ dataDir: join(dir, name), args }));
        const statuses = await Promise.all(
          servers.map(async (server) => {
            const key = await server.keyFor("product", "AI_ASSISTANT");
            const body = (): object => ({ model: "answers", ...question() });
            const calls = Array.from({ length: 10 }, () => server.ask("/v1/chat/completions", { key, body: body() }));
            return (await Promise.all(calls)).map(({ status }) => status);
          }),
        );
        expect(statuses.flat().filter((status) => status === 200)).toHaveLength(10);
        expect(statuses.flat().filter((status) => status === 429)).toHaveLength(20);
        expect(upstream.seen).toHaveLength(10);
      } finally {
        await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
        await rm(dir, { recursive: true, force: true });
        await rm(files.dir, { recursive: true, force: true });
      }
    }, 900_000);
  });

  it("7: after the first byte no other deployment answers: the stream ends in an error of the caller's API", async () => {
    rig.upstream.script(["cut-mid-stream", "ok", "ok", "ok"]);
    const { length } = rig.upstream.seen;
    const headers = { "cache-control": "no-store" };
    const body = { model: "answers", max_tokens: 50, stream: true, ...question() };
    const { status, text } = await rig.charter.ask("/v1/messages", { key: rig.productKey, headers, body });
    expect(status).toBe(200);
    expect(text.match(/event: message_start/g)).toHaveLength(1);
    expect(text).not.toContain("message_stop");
    expect(JSON.parse(readStream(text).data.at(-1)!)).toMatchObject({
      type: "error",
      error: { type: "api_error", code: "upstream.failed" },
    });
    expect(rig.upstream.seen).toHaveLength(length + 1);
    rig.upstream.script([]);
  });

  it("8: a fresh install streams, in every API, with nothing configured", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "charter-fresh-"));
    try {
      await using server = await spawnCharter({ dataDir });
      const key = await server.keyFor("product", "AI_ASSISTANT");
      const openai = openaiOf(server.url, key);
      const messages = question().messages;
      const deltas: string[] = [];
      const chat = openai.chat.completions.stream({ model: "auto", messages });
      chat.on("content", (delta) => deltas.push(delta));
      expect(await chat.finalContent()).toMatch(/simulat/i);
      expect(deltas.length).toBeGreaterThan(1);
      const response = openai.responses.stream({ model: "auto", input: "Hi" });
      expect((await response.finalResponse()).output_text).toMatch(/simulat/i);
      const message = anthropicOf(server.url, key).messages.stream({ model: "auto", max_tokens: 500, messages });
      expect(await message.finalText()).toMatch(/simulat/i);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  describeWith(["tmpfs"], "with a disk of its own", () => {
    it("9: with the audit trail's disk full, calls are refused and memory does not grow", async () => {
      const mount = mkdtempSync(join(tmpdir(), "charter-sink-"));
      await using upstream = await startUpstream();
      const files = await writeRigFiles(upstream.url);
      const { status: mounted } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=48m", "none", mount]);
      expect(mounted).toBe(0);
      try {
        const dataDir = join(mount, "data");
        const args = Object.entries(files.flags).flatMap(([name, value]) => [`--${name}`, value]);
        await using server = await spawnCharter({ dataDir, args });
        const key = await server.keyFor("product", "AI_ASSISTANT");
        // The provider bills what it answers, also where the answer cannot be recorded and so is not given.
        const ample = { scope: { product: "AI_ASSISTANT" }, unit: "tokens", window: "total", limit: 1_000_000_000 };
        expect((await server.ask("/v1/budgets", { body: ample })).status).toBeLessThan(300);
        const call = async (stream = false): Promise<[number, string]> => {
          const body = { model: "answers", ...question("x".repeat(2000)), stream };
          const { status, bytes } = await server.ask("/v1/chat/completions", { key, body });
          return [status, bytes.toString()];
        };
        const memory = async (): Promise<number> => {
          const status = await readFile(`/proc/${server.pid}/status`, "utf8");
          return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
        };
        for (let i = 0; i < 200; i++) expect((await call(i % 2 === 0))[0]).toBe(200);
        // Whatever the server gives up to go on is filled as well.
        const blocks: string[] = [];
        const fill = (): void => {
          for (let free = statfsSync(mount).bavail; free > 0; free = statfsSync(mount).bavail) {
            const path = join(mount, `in-the-way-${blocks.length}`);
            blocks.push(path);
            try {
              writeFileSync(path, Buffer.alloc(Math.min(free * 4096, 4 * 1024 * 1024), 1));
            } catch {
              return;
            }
          }
        };
        const refused: [number, string][] = [];
        for (let i = 0; i < 2000 && refused.length < 20; i++) {
          fill();
          const told = await call(i % 2 === 0);
          if (told[0] !== 200) refused.push(told);
        }
        expect(refused).toHaveLength(20);
        for (const [status, text] of refused) {
          expect(status, text).toBe(503);
          expect(text).not.toContain("forty");
        }
        const before = await memory();
        for (let i = 0; i < 40; i++) {
          fill();
          await Promise.all(Array.from({ length: 50 }, (_, at) => call(at % 2 === 0)));
        }
        expect(await memory()).toBeLessThan(before + 96 * 1024 * 1024);
        for (const path of blocks) rmSync(path, { force: true });
        await eventually(async () => (await call())[0] === 200);
        await vi.waitFor(async () => expectEachIntentClosed(await everyEntry(server)), {
          timeout: patienceMs,
          interval: 250,
        });
      } finally {
        spawnSync("umount", ["-l", mount]);
        rmSync(mount, { recursive: true, force: true });
        await rm(files.dir, { recursive: true, force: true });
      }
    }, 900_000);
  });

  it("10: what calls spend is written without deadlock and adds up, over keys, projects and models at once", async () => {
    for (const [name, limit] of [
      ["one", 1_000_000],
      ["two", 1_000_000],
      ["three", 1_000_000],
    ] as const) {
      await limitTokens(name, limit);
    }
    const scopes = [{ product: "AI_ASSISTANT" }, { model: "answers" }, { model: "claude-answers" }, { project: "two" }];
    for (const scope of scopes) {
      await rig.charter.ask("/v1/budgets", { body: { scope, unit: "tokens", window: "day", limit: 10_000_000 } });
    }
    const keys = [rig.productKey, rig.agentKey];
    const projects = ["one", "two", "three"];
    const models = ["answers", "claude-answers", "gem-answers"];
    const calls = Array.from({ length: 360 }, (_, i) =>
      rig.chat(
        { model: models[i % 3]!, max_tokens: 20, stream: i % 5 === 0, ...question() },
        { key: keys[i % 2]!, headers: project(projects[Math.floor(i / 3) % 3]!) },
      ),
    );
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    for (const name of projects) expect(await rig.budget(name)).toMatchObject({ used: 120 * 18, held: 0 });
  });

  it("11: what the catalogue says is what is listed, explained and called: there is no second place", async () => {
    const { data } = (await rig.charter.ask("/v1/models", { key: rig.productKey })).json;
    const tiers = (await rig.charter.ask("/models", { key: rig.productKey })).json.models_by_tier;
    const tiered = Object.values(tiers).flat() as Record<string, unknown>[];
    type Row = { id: string; charter: { tier: number; serves: string; in_catalogue: boolean } };
    for (const { id, charter } of data as Row[]) {
      if (charter.serves !== "chat" || id === "held" || !charter.in_catalogue) continue;
      expect(
        tiered.map((row) => Object.values(row)).filter((values) => values.includes(id)),
        id,
      ).toHaveLength(1);
      const body = { model: id, max_tokens: 50, ...question() };
      const explained = await rig.charter.ask("/v1/route/explain", { key: rig.productKey, body });
      expect(JSON.stringify(explained.json), id).toContain(`"${id}"`);
      const { headers } = await rig.chat(body);
      expect(headers.get("x-charter-tier"), id).toBe(String(charter.tier));
    }
    // Nothing of it is copied into the data, where it could come to differ.
    expect(await filesHolding(rig.charter.dataDir, stub.url)).toEqual([]);
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      const { status } = await rig.charter.ask("/v1/models", { method, body: { id: "mine" } });
      expect([404, 405], method).toContain(status);
    }
  });

  it("12: an answer never crosses products, also not while it is being made (gateway-cache)", async () => {
    const waiting: (() => void)[] = [];
    let made = 0;
    stub.answer = ({ json }, response) => {
      const content = `answer number ${++made}`;
      waiting.push(() => sendJson(response, reply(json, content, fewTokens)));
    };
    const body = { model: "held", ...question("The same for everybody.") };
    const calls = [rig.productKey, rig.otherKey, rig.charter.adminKey].flatMap((key) =>
      Array.from({ length: 5 }, async () => (await rig.chat(body, { key })).json.choices[0].message.content as string),
    );
    while (waiting.length < 3) await sleep(5);
    await sleep(100);
    expect(waiting).toHaveLength(3);
    for (const answerIt of waiting) answerIt();
    const words = await Promise.all(calls);
    const groups = [words.slice(0, 5), words.slice(5, 10), words.slice(10)].map((group) => new Set(group));
    expect(groups.map(({ size }) => size)).toEqual([1, 1, 1]);
    expect(new Set(groups.flatMap((group) => [...group])).size).toBe(3);
  });

  it("13: nothing in a credential, header or name is taken for SQL or for an address (gateway-callers: addresses)", async () => {
    const wicked = [
      "' OR '1'='1",
      "x'; DROP TABLE budget_limits; --",
      '" OR ""="',
      "1) UNION SELECT 1 --",
      "%27%20OR%201=1",
    ];
    for (const text of wicked) {
      for (const headers of [{ authorization: `Bearer ${text}` }, { "x-api-key": text }] as Record<string, string>[]) {
        const { status } = await rig.charter.ask("/v1/chat/completions", {
          key: null,
          headers,
          body: { model: "answers", ...question() },
        });
        expect(status, text).toBe(401);
      }
      // One credential does not make another one good.
      const both = { authorization: `Bearer ${text.replaceAll(/[^!-~]/g, "_")}`, "x-api-key": rig.productKey };
      const { status } = await rig.charter.ask("/v1/models", { key: null, headers: both });
      expect(status, text).toBe(401);
      const { status: named } = await rig.chat({ model: "answers", ...question() }, { headers: project(text) });
      expect([200, 400], text).toContain(named);
      expect((await rig.chat({ model: text, ...question() })).status, text).toBe(404);
      const product = await rig.chat(
        { model: "answers", ...question() },
        { key: rig.charter.adminKey, headers: { "x-charter-product": text } },
      );
      expect(product.status, text).toBe(404);
    }
    expect((await rig.charter.ask("/v1/budgets")).status).toBe(200);
    expect((await rig.chat({ model: "answers", ...question() })).status).toBe(200);
  });

  it("14: a provider that repeats the key in its answers does not get it past Charter (gateway-provider-keys: everywhere)", async () => {
    const key = providerKeys.first;
    const chunk = JSON.stringify({
      id: "1",
      object: "chat.completion.chunk",
      created: 1,
      model: "m",
      choices: [{ index: 0, delta: { role: "assistant", content: "Well " }, finish_reason: null }],
    });
    const error = JSON.stringify({ error: { message: `bad key ${key}`, type: key, code: key } });
    stub.answer = async ({ json }, response) => {
      if (json.stream !== true) return sendJson(response, { error: { message: `bad key ${key}` } }, 400);
      sendEvents(response, [chunk]);
      await sleep(30);
      sendEvents(response, [error]);
      response.end();
    };
    for (const stream of [false, true]) {
      for (const path of ["/v1/chat/completions", "/v1/messages"]) {
        const body = { model: "own/repeats", max_tokens: 9, stream, ...question() };
        const { text } = await rig.charter.ask(path, { key: rig.productKey, body });
        expect(text).toMatch(/bad key|upstream\./);
        expect(text, `${path} ${stream}`).not.toContain(key);
      }
    }
    expect(await filesHolding(rig.charter.dataDir, key)).toEqual([]);
  });

  it("15: every dependency is pinned, is bound to its content, and runs nothing when it is installed", async () => {
    interface Locked {
      readonly resolved?: string;
      readonly integrity?: string;
      readonly link?: boolean;
      readonly hasInstallScript?: boolean;
    }
    const lock = JSON.parse(await readFile("package-lock.json", "utf8")) as { packages: Record<string, Locked> };
    const manifest = JSON.parse(await readFile("package.json", "utf8")) as {
      dependencies: Record<string, string>;
      devDependencies: Record<string, string>;
      optionalDependencies: Record<string, string>;
      allowScripts: Record<string, boolean>;
    };
    const { dependencies, devDependencies, optionalDependencies, allowScripts } = manifest;
    for (const [name, range] of Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
      expect(range, name).toMatch(/^\d+\.\d+\.\d+$/);
    }
    const packages = Object.entries(lock.packages).filter(([path]) => path !== "");
    expect(packages.length).toBeGreaterThan(100);
    for (const [path, { resolved, integrity, hasInstallScript }] of packages) {
      expect(integrity, path).toMatch(/^sha512-/);
      // From the registry, and neither from a repository nor from a folder.
      expect(resolved ?? "https:", path).toMatch(/^https:/);
      const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
      if (hasInstallScript === true) expect(allowScripts[name], path).toBe(false);
    }
  });
});
