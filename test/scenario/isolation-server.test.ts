// Two products on one server: while one of them does everything it may and much that it may not, whatever the other one reads is
// the same, and what it sends is taken. What they share (places of writers, memory for bodies, storage) is shared fairly.
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PrincipalKind } from "../../src/kernel/ctx.ts";
import { bearerOf, logIn, newcomerAt } from "../support/attack/attacks.ts";
import { constitutionWith } from "../support/app/constitution.ts";
import { envelope, startTestCharter } from "../support/app/in-process.ts";
import type { Answer, Ask, TestCharter } from "../support/app/in-process.ts";
import { openWalk, operationNames, rowOf } from "../support/http/walk.ts";
import type { Walk } from "../support/http/walk.ts";

const a = { product_id: "AI_ASSISTANT", artifact_type: "ConversationArtifact" };
const b = { product_id: "GURUKUL", artifact_type: "ContentArtifact" };

let root: string;
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), "charter-isolation-"))));
afterAll(() => rm(root, { recursive: true, force: true }));

/** What anyone may read of the log: its size and hashes grow with every product's entries and say nothing of whose they are. */
const publicLog: ReadonlySet<string> = new Set(["ledger.checkpoint", "ledger.tile", "ledger.proof"]);

/** How free thought may be follows from how busy the host is, whoever keeps it so; what is measured is not told. */
const hostState = "consciousness.state";

const reads = operationNames.filter(
  (name) => rowOf(name).effect === "read" && !publicLog.has(name) && name !== hostState,
);

/** An answer without what is new in every answer: ids, times, and where the caller stands in its own rate. */
function lesson({ status, headers, text }: Answer): unknown {
  const own = [...headers].filter(
    ([name]) => !/^(date|ratelimit.*|x-request-id|request-id|connection|keep-alive)$/.test(name),
  );
  const plain = (words: string): string =>
    words
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<id>")
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>");
  return { status, headers: own.map(([name, value]) => [name, plain(value)]), text: plain(text) };
}

/** Everything that a key reads. */
async function everyRead(walk: Walk, key: string): Promise<Map<string, unknown>> {
  const seen = new Map<string, unknown>();
  for (const name of reads) seen.set(name, lesson(await walk.call(name, key)));
  return seen;
}

/** A product does what it can: writes, calls, budgets, mistakes, oversteps, floods; and it is halted for it. */
async function actAsA(charter: TestCharter): Promise<void> {
  const key = await charter.keyFor("product", a.product_id);
  const executor = await charter.keyFor("executor", a.product_id, "admin");
  const say = (path: string, ask: Ask): Promise<Answer> => charter.ask(path, { key, ...ask });
  const stored = await say("/v1/artifacts", { body: envelope() });
  expect(stored.status).toBe(201);
  await say(`/v1/artifacts?product=${a.product_id}&type=${a.artifact_type}`, {
    body: Buffer.alloc(3_000_000, "large "),
    headers: { "content-type": "text/plain" },
  });
  for (let i = 0; i < 20; i++) {
    const body = { model: "auto", messages: [{ role: "user", content: `${i}` }], max_tokens: 50 };
    await say("/v1/chat/completions", { body });
    await say("/v1/chat/completions", { body: { ...body, model: `nothing-${i}` } });
    await say("/v1/artifacts", { body: envelope({ product_id: b.product_id, artifact_type: b.artifact_type }) });
    await say("/v1/artifacts", { body: envelope({ payload: `${i}` }) });
    await say("/v1/artifacts", { body: "{" });
  }
  const claim = { request_id: "a", task: "t", purpose: "p", model: "m", estimated_tokens: 5 };
  await say("/api/v1/budget/request", { body: claim });
  await say("/api/v1/consciousness/process", { body: { prompt: "What holds a house up?" } });
  const scope = { product: a.product_id };
  await charter.ask("/v1/budgets", { body: { scope, unit: "tokens", window: "day", limit: 1000 } });
  for (let i = 0; i < 6; i++) await logIn(charter, "nobody", "wrong");
  await charter.ask(`/v1/artifacts/${stored.json.artifact.artifact_id}`, { method: "DELETE", key: executor });
  await say("/v1/artifacts", { body: envelope() });
}

describe("whatever one product does,", () => {
  const kinds = ["product", "ai_agent", "executor", "auditor"] as const satisfies readonly PrincipalKind[];

  it("every read of another one is answered as before, for every kind of caller and for a user without a product", async () => {
    await using charter = await startTestCharter();
    const walk = await openWalk(charter);
    const keys: string[] = [];
    for (const kind of kinds) keys.push(await charter.keyFor(kind, b.product_id));
    const newcomer = await newcomerAt(charter);
    keys.push(await bearerOf(charter, newcomer));
    // B is at work too, so that there is something to be seen.
    const [own = ""] = keys;
    expect((await charter.ask("/v1/artifacts", { key: own, body: envelope({ ...b }) })).status).toBe(201);
    const body = { model: "auto", messages: [{ role: "user", content: "b" }] };
    expect((await charter.ask("/v1/chat/completions", { key: own, body })).status).toBe(200);

    const before = [];
    for (const key of keys) before.push(await everyRead(walk, key));
    // The walk sees something, and most of it is no refusal.
    const statuses = [...before[0]!.values()].map((each) => (each as { status: number }).status);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(15);
    await actAsA(charter);
    for (const [i, key] of keys.entries()) {
      for (const [name, answer] of await everyRead(walk, key)) {
        expect([kinds[i], name, answer]).toEqual([kinds[i], name, before[i]!.get(name)]);
      }
    }
    const [measured, told] = [await charter.ask("/api/v1/consciousness/state"), await walk.call(hostState, own)];
    expect(measured.json.vitals.cpu_pressure).toEqual(expect.any(Number));
    expect(new Set(Object.values(told.json.vitals))).toEqual(new Set([null]));
    // Who works for the whole server did notice.
    expect((await charter.ask("/v1/halts")).json.halts).toHaveLength(1);
  });

  it("a user without a product sees no product's state, not even that of all together", async () => {
    await using charter = await startTestCharter();
    await actAsA(charter);
    const key = await bearerOf(charter, await newcomerAt(charter));
    for (const path of ["/v1/products", "/circuit-breakers", "/metrics/storage-capacity", "/v1/halts", "/v1/models"]) {
      const { status, text } = await charter.ask(path, { key });
      expect([200, 403, 404]).toContain(status);
      expect([path, text]).toEqual([path, expect.not.stringMatching(/AI_ASSISTANT|by_product|T5_|"used_bytes":[1-9]/)]);
    }
  });
});

describe("storage that one product fills", () => {
  it("shows in no view, finding or warning of another one, and in those of who works for the whole server", async () => {
    const constitution = await constitutionWith(join(root, "storage"), [
      [["limits", "storageTotalBytes"], 1_000_000],
      [["products", a.product_id, "quotaBytes"], 980_000],
      [["products", b.product_id, "quotaBytes"], 500_000],
    ]);
    await using charter = await startTestCharter({ flags: { constitution } });
    const keyA = await charter.keyFor("product", a.product_id);
    const keyB = await charter.keyFor("product", b.product_id);
    const write = async (): Promise<unknown> => {
      const answer = await charter.ask("/v1/artifacts", { key: keyB, body: envelope({ ...b, payload: "b" }) });
      expect(answer.status).toBe(201);
      const { json } = await charter.ask(`/ledger/entries?request=${answer.json.request_id}`, { key: keyB });
      return [answer.json.warnings, json.entries.map(({ leaf }: { leaf: { kind: string } }) => leaf.kind)];
    };
    const capacity = async (): Promise<object> => (await charter.ask("/metrics/storage-capacity", { key: keyB })).json;
    const before = [await write(), { ...(await capacity()), used_bytes: 0, free_bytes: 0 }];
    const path = `/v1/artifacts?product=${a.product_id}&type=${a.artifact_type}`;
    const headers = { "content-type": "text/plain" };
    for (const size of [700_000, 250_000]) {
      expect((await charter.ask(path, { key: keyA, body: Buffer.alloc(size, "x"), headers })).status).toBe(201);
    }
    expect([await write(), { ...(await capacity()), used_bytes: 0, free_bytes: 0 }]).toEqual(before);
    expect(await capacity()).toMatchObject({ total_bytes: 500_000, status: "HEALTHY" });
    expect((await charter.ask("/metrics/storage-capacity")).json).toMatchObject({
      total_bytes: 1_000_000,
      band: "ORANGE",
    });
    const found = (await charter.ask("/ledger/entries?kind=finding&limit=1000")).json.entries as {
      leaf: { product?: string; finding: { threat: string } };
    }[];
    const storage = found.filter(({ leaf }) => leaf.finding.threat === "T1_STORAGE_EXHAUSTION");
    expect(storage.length).toBeGreaterThan(0);
    expect(storage.filter(({ leaf }) => leaf.product === b.product_id)).toEqual([]);
  });
});

/** A request that has sent a part of its body and waits to be told to send the rest. */
class Slow {
  readonly #request: ClientRequest;
  readonly answer: Promise<number>;

  constructor(charter: TestCharter, path: string, key: string, first: string, length: number, type: string) {
    const headers = { authorization: `Bearer ${key}`, "content-type": type, "content-length": String(length) };
    this.#request = request(`${charter.url}${path}`, { method: "POST", headers, agent: false });
    this.answer = once(this.#request, "response").then(([response]: IncomingMessage[]) => {
      response?.resume();
      return response?.statusCode ?? 0;
    });
    this.answer.catch(() => {});
    this.#request.on("error", () => {});
    this.#request.write(first);
  }

  finish(rest: string): void {
    this.#request.end(rest);
  }

  drop(): void {
    this.#request.destroy();
  }
}

/** How many have been refused so far. */
async function refusedOf(all: readonly Slow[]): Promise<number> {
  const statuses = await Promise.all(all.map(({ answer }) => Promise.race([answer, sleep(0, 0)])));
  return statuses.filter((status) => status >= 400).length;
}

describe("a product that takes all it can of what is shared", () => {
  const patient = { "slow-client-window-ms": "120000", "max-connections-per-address": "1000" };

  it("leaves places for the writers of another one, and is itself let in again when enough of its own have left", async () => {
    await using charter = await startTestCharter({ flags: patient });
    const keyA = await charter.keyFor("product", a.product_id);
    const keyB = await charter.keyFor("product", b.product_id);
    const path = `/v1/artifacts?product=${a.product_id}&type=${a.artifact_type}`;
    const uploads = Array.from({ length: 120 }, () => new Slow(charter, path, keyA, "first", 10, "text/plain"));
    while ((await refusedOf(uploads)) < 40) await sleep(20);
    const write = (key: string, of: typeof a): Promise<Answer> =>
      charter.ask("/v1/artifacts", { key, body: envelope({ ...of, payload: "x" }) });
    for (let i = 0; i < 10; i++) expect((await write(keyB, b)).status).toBe(201);
    const refused = await write(keyA, a);
    expect([refused.status, refused.json.code]).toEqual([429, "writes.paused"]);
    expect(await refusedOf(uploads)).toBe(40);
    for (const upload of uploads) upload.finish("other");
    const statuses = await Promise.all(uploads.map(({ answer }) => answer));
    expect(statuses.filter((status) => status === 201)).toHaveLength(80);
    expect((await write(keyA, a)).status).toBe(201);
  });

  it("is refused while the event loop lags, and one that asks for little is not", async () => {
    await using charter = await startTestCharter({ flags: { "max-event-loop-delay-ms": "100" } });
    const keyA = await charter.keyFor("product", a.product_id);
    const keyB = await charter.keyFor("product", b.product_id);
    const read = async (key: string): Promise<number> => (await charter.ask("/v1/artifacts", { key })).status;
    expect([await read(keyA), await read(keyB)]).toEqual([200, 200]);
    const seen = new Set<string>();
    for (let round = 0; round < 30 && !seen.has("503 200"); round++) {
      await Promise.all(Array.from({ length: 60 }, () => read(keyA)));
      for (let block = 0; block < 4; block++) {
        const endMs = performance.now() + 300;
        while (performance.now() < endMs);
        await sleep(1);
      }
      const [ofA, ofB] = [await read(keyA), await read(keyB)];
      seen.add(`${ofA} ${ofB}`);
      // One that nobody knows is not let in by inventing a credential.
      if (ofA === 503) expect([503, 401]).toContain(await read("ck_invented"));
    }
    expect([...seen]).toContain("503 200");
    expect([...seen].filter((pair) => pair.endsWith("503"))).toEqual([]);
  });

  it("leaves memory for the bodies of another one", async () => {
    await using charter = await startTestCharter({ flags: { ...patient, "json-body-budget-bytes": "1000000" } });
    const keyA = await charter.keyFor("product", a.product_id);
    const keyB = await charter.keyFor("product", b.product_id);
    const write = (): Promise<Answer> =>
      charter.ask("/v1/artifacts", { key: keyB, body: envelope({ ...b, payload: "x".repeat(20_000) }) });
    const fill = (path: string, key: string): Slow[] =>
      Array.from({ length: 30 }, () => new Slow(charter, path, key, "x".repeat(60_000), 65_000, "application/json"));
    const held = [...fill("/v1/artifacts", keyA)];
    while ((await refusedOf(held)) === 0) await sleep(20);
    for (let i = 0; i < 5; i++) expect((await write()).status).toBe(201);
    for (const each of held) each.drop();
  });
});
