// The keys by which providers know Charter: used in turn, and seen by their provider and nobody else.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  filesHolding,
  providerKeys,
  questions,
  scriptedAnswer,
  sendJson,
  startRig,
  startStub,
  writeRigFiles,
} from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";
import { spawnCharter } from "../support/app/process.ts";
import { startUpstream } from "../support/gateway/upstream.ts";

let rig: GatewayRig;
let stub: Stub;

beforeAll(async () => {
  stub = await startStub();
  rig = await startRig({
    providers: ({ keyFile }) => {
      const keys = [{ file: keyFile(providerKeys.first) }, { file: keyFile(providerKeys.second) }];
      const own = { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keys, open: true };
      // What one test does to the keys of a provider is no other test's business.
      return { rotating: own, refusing: own, exhausted: own, denying: own };
    },
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});
afterEach(() => rig.upstream.script([]));

const question = questions();

describe("keys of a provider", () => {
  const ok = { id: "1", object: "chat.completion", created: 1, model: "m", choices: [] as object[] };
  const sound = {
    ...ok,
    choices: [{ index: 0, message: { role: "assistant", content: scriptedAnswer }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  };
  const keysSeen = (from: number): unknown[] => stub.seen.slice(from).map(({ headers }) => headers.authorization);
  const [first, second] = Object.values(providerKeys).map((key) => `Bearer ${key}`) as [string, string];

  it("rotate when one is limited, and the limited one rests", async () => {
    stub.answer = ({ headers }, response) => {
      if (headers.authorization === first) response.setHeader("retry-after", "60");
      sendJson(response, headers.authorization === first ? {} : sound, headers.authorization === first ? 429 : 200);
    };
    const from = stub.seen.length;
    for (let i = 0; i < 3; i++) {
      const { choices } = await rig.openai().chat.completions.create({ ...question(), model: "rotating/m" });
      expect(choices[0]?.message.content).toBe(scriptedAnswer);
    }
    expect(keysSeen(from)).toEqual([first, second, second, second]);
  });

  it("rotate when one is refused", async () => {
    stub.answer = ({ headers }, response) =>
      sendJson(response, headers.authorization === first ? {} : sound, headers.authorization === first ? 401 : 200);
    const from = stub.seen.length;
    for (let i = 0; i < 3; i++) {
      const { choices } = await rig.openai().chat.completions.create({ ...question(), model: "refusing/m" });
      expect(choices[0]?.message.content).toBe(scriptedAnswer);
    }
    expect(keysSeen(from)).toEqual([first, second, second, second]);
  });

  it("rotate when one may not use the model, and the same key goes on to serve the others", async () => {
    stub.answer = ({ headers, json }, response) => {
      const isDenied = json.model === "large" && headers.authorization === first;
      sendJson(response, isDenied ? { error: { message: "not for your key" } } : sound, isDenied ? 403 : 200);
    };
    const seenBy = async (model: string, times: number): Promise<unknown[]> => {
      const from = stub.seen.length;
      for (let i = 0; i < times; i++) {
        expect((await rig.chat({ ...question(), model: `denying/${model}` })).status).toBe(200);
      }
      return keysSeen(from);
    };
    expect(await seenBy("large", 3)).toEqual([first, second, second, second]);
    expect(await seenBy("small", 4)).toEqual([first, second, first, second]);
  });

  it("that are all denied a model are told so each time, one request for each call, and no model is held up", async () => {
    stub.answer = ({ json }, response) =>
      sendJson(response, json.model === "none" ? {} : sound, json.model === "none" ? 403 : 200);
    const asked = async (model: string): Promise<[number, string | undefined, number]> => {
      const from = stub.seen.length;
      const { status, json } = await rig.chat({ ...question(), model: `denying/${model}` });
      return [status, json.code, stub.seen.length - from];
    };
    expect(await asked("none")).toEqual([502, "upstream.key_refused", 2]);
    for (let i = 0; i < 8; i++) expect(await asked("none")).toEqual([502, "upstream.key_refused", 1]);
    expect(await asked("small")).toEqual([200, undefined, 1]);
  });

  it("that are all limited make the call a 429 that says when to come back", async () => {
    stub.answer = (_request, response) => {
      response.setHeader("retry-after", "60");
      sendJson(response, {}, 429);
    };
    const { status, json, headers } = await rig.chat({ ...question(), model: "exhausted/m" });
    expect([status, json.code]).toEqual([429, "model.busy"]);
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(50);
    expect(Number(headers.get("retry-after"))).toBeLessThanOrEqual(60);
    const from = stub.seen.length;
    expect((await rig.chat({ ...question(), model: "exhausted/m" })).status).toBe(429);
    expect(stub.seen).toHaveLength(from);
  });
});

describe("the keys of providers", () => {
  it("are seen by their provider and nowhere else: no log, answer, metric, listing or file", async () => {
    await using upstream = await startUpstream();
    const files = await writeRigFiles(upstream.url, {
      providers: ({ keyFile }) => ({
        two: {
          kind: "openai-compatible",
          baseUrl: `${upstream.url}/v1`,
          keys: [{ file: keyFile(providerKeys.first) }, { file: keyFile(providerKeys.second) }],
          open: true,
        },
      }),
    });
    const dataDir = await mkdtemp(join(tmpdir(), "charter-keys-"));
    try {
      const args = Object.entries(files.flags).flatMap(([name, value]) => [`--${name}`, value]);
      await using server = await spawnCharter({ dataDir, args: [...args, "--log-level", "debug"] });
      const key = await server.keyFor("product", "AI_ASSISTANT");
      const told: string[] = [];
      const hear = async (path: string, body?: unknown, as: string = key): Promise<void> => {
        const { bytes, headers } = await server.ask(path, { key: as, ...(body === undefined ? {} : { body }) });
        told.push(bytes.toString(), JSON.stringify(headers));
      };
      const scripts = "ok leak-key 401 403 429-retry-after 500 garbage garbage-sse not-http cut-mid-stream".split(" ");
      for (const script of scripts) {
        for (const model of [`two/${script}`, `claude/${script}`, `gem/${script}`]) {
          for (const stream of [false, true]) {
            await hear("/v1/chat/completions", { ...question(), model, stream, max_tokens: 10 });
          }
        }
      }
      for (const path of ["/v1/models", "/models", "/circuit-breakers", "/metrics", "/health", "/governance/info"]) {
        await hear(path, undefined, server.adminKey);
      }
      await hear("/v1/route/explain", { ...question(), model: "two/ok" }, server.adminKey);
      await hear("/ledger/entries?limit=1000", undefined, server.adminKey);
      const used = upstream.seen.map(({ headers }) => JSON.stringify(headers)).join("");
      const said = told.join("\n") + server.log();
      expect(server.log().length).toBeGreaterThan(0);
      await server.stop();
      for (const secret of Object.values(providerKeys)) {
        expect(used).toContain(secret);
        expect(said).not.toContain(secret);
        // Nor the part that tells one key from another.
        expect(said).not.toContain(secret.slice(-12));
        expect(await filesHolding(dataDir, secret)).toEqual([]);
      }
    } finally {
      await rm(dataDir, { recursive: true, force: true });
      await rm(files.dir, { recursive: true, force: true });
    }
  });
});
