// The write gate and room: so many writers and no more, quotas and storage that are never overdrawn, and reads that go on.
import { once } from "node:events";
import { request } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { constitutionWith } from "../support/app/constitution.ts";
import { spawnCharter } from "../support/app/process.ts";
import type { CharterProcess, Reply } from "../support/app/process.ts";

const pauseAt = 100;
const reopenBelow = 75;
const a = { product: "AI_ASSISTANT", type: "ConversationArtifact" };
const b = { product: "GURUKUL", type: "ContentArtifact" };

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "charter-gate-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

function pathOf({ product, type }: typeof a): string {
  return `/v1/artifacts?product=${product}&type=${type}`;
}

function store(server: CharterProcess, place: typeof a, bytes: number, fill = "x"): Promise<Reply> {
  return server.ask(pathOf(place), { body: Buffer.alloc(bytes, fill), headers: { "content-type": "text/plain" } });
}

/** Bytes that the uploads in progress of a place have reserved. */
async function heldBy(server: CharterProcess, { product }: typeof a): Promise<number> {
  const { products } = (await server.ask("/v1/products")).json;
  return products.find((state: { product: string }) => state.product === product).held_bytes;
}

/** An upload that has sent half of its body and waits to be told to send the rest. */
class SlowUpload {
  /** Declared, and reserved from admission on. */
  static readonly sizeBytes = 10;
  readonly #request: ClientRequest;
  readonly #answer: Promise<[IncomingMessage]>;
  /** Resolves when the first half has been handed to the network. */
  readonly written: Promise<void>;

  constructor(server: CharterProcess) {
    const headers = {
      authorization: `Bearer ${server.adminKey}`,
      "content-type": "text/plain",
      "content-length": String(SlowUpload.sizeBytes),
    };
    this.#request = request(`${server.url}${pathOf(a)}`, { method: "POST", headers, agent: false });
    this.#answer = once(this.#request, "response") as Promise<[IncomingMessage]>;
    this.#answer.catch(() => {});
    this.written = new Promise((resolve) => this.#request.write("first", () => resolve()));
  }

  /** Sends the rest; resolves with the status. */
  async finish(): Promise<number | undefined> {
    this.#request.end("other");
    const [response] = await this.#answer;
    response.resume();
    await once(response, "end");
    return response.statusCode;
  }
}

describe("a hundred writers", () => {
  it("shut the gate for the next with 429 until fewer than 75 are left, and stop no reader", async () => {
    // These clients are slow on purpose.
    const args = ["--slow-client-window-ms", "60000"];
    await using server = await spawnCharter({ dataDir: join(root, "writers"), args });
    const known = await store(server, a, 10);
    const uploads = Array.from({ length: pauseAt }, () => new SlowUpload(server));
    await Promise.all(uploads.map(({ written }) => written));
    // A probe that is inside would take the place of an upload that is still on its way, so all must hold their room first.
    const heldBytes = pauseAt * SlowUpload.sizeBytes;
    for (let tries = 0; (await heldBy(server, a)) < heldBytes && tries < 600; tries++) await sleep(100);
    expect(await heldBy(server, a)).toBe(heldBytes);
    const probe = await store(server, a, 1);
    expect([probe.status, probe.json.code, probe.headers["retry-after"]]).toEqual([429, "writes.paused", "1"]);
    expect(probe.headers["content-type"]).toBe("application/problem+json");
    expect((await server.ask(`/v1/artifacts/${known.json.artifact.artifact_id}/content`)).status).toBe(200);
    expect((await server.ask("/v1/artifacts")).status).toBe(200);

    let inside = pauseAt;
    while (inside > reopenBelow) {
      expect(await uploads.pop()?.finish()).toBe(201);
      inside -= 1;
      if (inside % 5 === 0) expect([inside, (await store(server, a, 1)).status]).toEqual([inside, 429]);
    }
    expect(await uploads.pop()?.finish()).toBe(201);
    expect((await store(server, a, 1)).status).toBe(201);
    for (const upload of uploads) expect(await upload.finish()).toBe(201);
    expect(await heldBy(server, a)).toBe(0);
    expect(await server.stop()).toBe(0);
  });
});

describe("a storage of 1 MB", () => {
  it("refuses writes with 503 when it is full, and goes on reading", async () => {
    const constitution = await constitutionWith(join(root, "small"), [[["limits", "storageTotalBytes"], 1_000_000]]);
    await using server = await spawnCharter({ dataDir: join(root, "storage"), args: ["--constitution", constitution] });
    const stored: string[] = [];
    for (let i = 0; i < 10; i++) {
      const { status, json } = await store(server, i % 2 ? a : b, 100_000, String(i));
      expect([i, status, json.detail]).toEqual([i, 201, undefined]);
      stored.push(json.artifact.artifact_id);
    }
    const size = await server.ledgerSize();
    for (const bytes of [1, 100_000, 0]) {
      const full = await store(server, a, bytes);
      expect([bytes, full.status, full.json.code]).toEqual([bytes, 503, "storage.halted"]);
      expect(Number(full.headers["retry-after"])).toBeGreaterThan(0);
    }
    expect(await server.ledgerSize()).toBeGreaterThan(size);
    for (const id of stored) {
      const { status, bytes } = await server.ask(`/v1/artifacts/${id}/content`);
      expect([status, bytes.length]).toEqual([200, 100_000]);
    }
    const { json } = await server.ask("/metrics/storage-capacity");
    expect(json).toMatchObject({ status: "HALTED", band: "RED", writes_halted: true, usage_percent: 100 });
    expect((await server.ask("/ready")).status).toBe(200);
  });
});

describe("a quota", () => {
  const quotaBytes = 40_960;
  let server: CharterProcess;
  beforeAll(async () => {
    const constitution = await constitutionWith(join(root, "quota"), [
      [["products", a.product, "quotaBytes"], quotaBytes],
      [["products", b.product, "quotaBytes"], quotaBytes],
    ]);
    server = await spawnCharter({
      dataDir: join(root, "quota-data"),
      args: ["--constitution", constitution],
      connections: 256,
    });
  });
  afterAll(() => server.stop());

  it("with room for ten admits exactly ten of two hundred at once", async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => store(server, b, 4096, `${i}-`)));
    const byStatus = new Map<number, number>();
    for (const { status, json } of answers) {
      byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
      if (status === 507) expect(json).toMatchObject({ code: "quota.exceeded", limit: "quotaBytes" });
      else if (status !== 201) expect([status, json.code]).toEqual([429, "writes.paused"]);
    }
    expect(byStatus.get(201)).toBe(10);
    const [state] = (await server.ask("/v1/products")).json.products.filter(
      ({ product }: { product: string }) => product === b.product,
    );
    expect(state).toMatchObject({ used_bytes: quotaBytes, held_bytes: 0, artifacts: 10, state: "FULL" });
  });

  it("warns from 90 % on and refuses with 507 beyond", async () => {
    expect((await store(server, a, 36_000)).json.warnings).toEqual([]);
    const near = await store(server, a, 1000);
    expect([near.status, near.json.warnings]).toEqual([201, [expect.objectContaining({ code: "quota.near" })]]);
    const over = await store(server, a, 4000);
    expect([over.status, over.json.code, over.json.limit]).toEqual([507, "quota.exceeded", "quotaBytes"]);
    expect(over.json.remedy).toMatch(/^Store at most 3960 bytes/);
    expect((await store(server, a, 3960)).status).toBe(201);
  });

  it("counts the bytes of a body whose length nobody declared", async () => {
    const chunked = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.alloc(10);
    };
    const { status, json } = await server.ask(pathOf(a), { body: chunked() });
    expect([status, json.code]).toEqual([507, "quota.exceeded"]);
    expect(json.remedy).toMatch(/^Declare the length, and store at most/);
  });

  it("that is full in one product leaves no trace that another product could read", async () => {
    const key = await server.keyFor("product", "WORKFLOW");
    const leavesFor = async (product: string): Promise<unknown[]> => {
      const body = { product_id: product, artifact_type: a.type, payload: {} };
      const { json } = await server.ask("/v1/artifacts", { key, body });
      const seen = await server.ask(`/ledger/entries?request=${json.request_id}`, { key });
      return seen.json.entries.map(({ leaf }: { leaf: { kind: string; finding?: unknown } }) => [
        leaf.kind,
        leaf.finding,
      ]);
    };
    expect(await leavesFor(a.product)).toEqual(await leavesFor("NO_SUCH_PRODUCT"));
  });
});
