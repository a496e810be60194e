// Two products on one server: neither can see, guess or infer what the other stores. For everything that B may ask about
// a thing of A's there is a question about a thing that does not exist, and the two answers must be the same.
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PrincipalKind } from "../../src/kernel/ctx.ts";
import { newId } from "../../src/kernel/ids.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { everyPage, spawnCharter } from "../support/app/process.ts";
import type { CharterProcess, ProcessAsk, Reply } from "../support/app/process.ts";

const a = { product: "AI_ASSISTANT", type: "ConversationArtifact" };
const b = { product: "GURUKUL", type: "ContentArtifact" };
const kindsOfB = ["product", "ai_agent", "executor", "auditor"] as const satisfies readonly PrincipalKind[];

let dataDir: string;
let server: CharterProcess;
let keyOfA: string;
const keysOfB = new Map<PrincipalKind, string>();
/** An artifact of A's, one made from it, and one with the same content as one of B's. */
let secret: string;
let secretHash: string;
let own: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "charter-isolation-"));
  server = await spawnCharter({ dataDir });
  keyOfA = await server.keyFor("product", a.product);
  for (const kind of kindsOfB) keysOfB.set(kind, await server.keyFor(kind, b.product));
  const stored = await store(keyOfA, a, "the same words");
  secret = stored.json.artifact.artifact_id;
  secretHash = stored.json.artifact.content_hash;
  await server.ask("/v1/artifacts", {
    key: keyOfA,
    body: { product_id: a.product, artifact_type: a.type, payload: {}, tags: ["secret"], derived_from: [secret] },
  });
  own = (await store(keysOfB.get("product") ?? "", b, "of my own")).json.artifact.artifact_id;
});
afterAll(async () => {
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
});

function store(key: string, { product, type }: typeof a, content: string, headers = {}): Promise<Reply> {
  const path = `/v1/artifacts?product=${product}&type=${type}&tag=mine`;
  return server.ask(path, { key, body: content, headers: { "content-type": "text/plain", ...headers } });
}

/** What B learns from an answer, without what is new in every answer; `names` are the words that B itself sent. */
function lesson({ status, headers, bytes }: Reply, ...names: string[]): unknown {
  const { date: _, "x-request-id": __, "request-id": _____, "content-length": ___, ratelimit: ____, ...told } = headers;
  let text = bytes.toString();
  for (const name of names) text = text.replaceAll(name, "<name>");
  text = text.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<id>");
  return { status, told, text: text.replaceAll(/"(intent_index|outcome_index)":\d+/g, '"$1":0') };
}

/** Asks and also tells how many leaves the question left. */
async function leavesLeft(path: string, ask: ProcessAsk): Promise<[Reply, number]> {
  const before = await server.ledgerSize();
  const reply = await server.ask(path, ask);
  return [reply, (await server.ledgerSize()) - before];
}

/** Every way to reach for an artifact by its id. */
const reaches: readonly (readonly [name: string, path: (id: string) => string, ask: ProcessAsk])[] = [
  ["read", (id) => `/v1/artifacts/${id}`, {}],
  ["head", (id) => `/v1/artifacts/${id}`, { method: "HEAD" }],
  ["content", (id) => `/v1/artifacts/${id}/content`, {}],
  ["content head", (id) => `/v1/artifacts/${id}/content`, { method: "HEAD" }],
  ["range", (id) => `/v1/artifacts/${id}/content`, { headers: { range: "bytes=0-3" } }],
  ["range beyond the end", (id) => `/v1/artifacts/${id}/content`, { headers: { range: "bytes=99999-" } }],
  ["proof", (id) => `/v1/artifacts/${id}/proof`, {}],
  ["ancestors", (id) => `/v1/artifacts/${id}/lineage`, {}],
  ["descendants", (id) => `/v1/artifacts/${id}/lineage?direction=descendants`, {}],
  ["hold", (id) => `/v1/artifacts/${id}/hold`, { body: { hold: true, reason: "curiosity of others" } }],
  ["replace", (id) => `/v1/artifacts/${id}`, { method: "PUT" }],
  ["update", (id) => `/v1/artifacts/${id}`, { method: "PATCH" }],
  ["delete", (id) => `/v1/artifacts/${id}`, { method: "DELETE" }],
];

describe.each(kindsOfB)("a key of kind %s of B", (kind) => {
  it.each(reaches)("gets the same answer for A's artifact as for none: %s", async (_name, path, ask) => {
    const key = keysOfB.get(kind) ?? "";
    const nobody = newId<"artifact">(systemClock);
    const [foreign, foreignLeaves] = await leavesLeft(path(secret), { ...ask, key });
    const [absent, absentLeaves] = await leavesLeft(path(nobody), { ...ask, key });
    expect(foreign.status).toBeGreaterThanOrEqual(403);
    expect(lesson(foreign, secret, secretHash)).toEqual(lesson(absent, nobody));
    expect(foreignLeaves).toBe(absentLeaves);
    expect((await server.ask(`/v1/artifacts/${secret}`)).json.legal_hold).toBe(false);
  });

  it("gets the same answer for creating into A as into a product that does not exist, at the same cost", async () => {
    const key = keysOfB.get(kind) ?? "";
    for (const [path, make] of creations) {
      const [foreign, foreignLeaves] = await leavesLeft(path(a.product), { key, ...make(a.product, a.type) });
      const [absent, absentLeaves] = await leavesLeft(path("NO_SUCH_PRODUCT"), {
        key,
        ...make("NO_SUCH_PRODUCT", a.type),
      });
      expect(foreign.status).toBe(404);
      expect(lesson(foreign, a.product)).toEqual(lesson(absent, "NO_SUCH_PRODUCT"));
      expect(foreignLeaves).toBe(absentLeaves);
    }
  });

  it("is not told in its own ledger entries what distinguishes A from nothing", async () => {
    const key = keysOfB.get(kind) ?? "";
    const entriesFor = async (product: string): Promise<string[]> => {
      const { json } = await server.ask("/v1/artifacts", {
        key,
        body: { product_id: product, artifact_type: a.type, payload: {} },
      });
      const seen = await server.ask(`/ledger/entries?request=${json.request_id}`);
      return seen.json.entries.map(({ leaf }: { leaf: Record<string, unknown> }) => shapeOfLeaf(leaf));
    };
    expect(await entriesFor(a.product)).toEqual(await entriesFor("NO_SUCH_PRODUCT"));
  });

  it("is refused A's rows, A's leaves and the bundles that hold everybody's", async () => {
    const key = keysOfB.get(kind) ?? "";
    for (const path of ["/v1/artifacts", "/ledger/entries"]) {
      const foreign = await server.ask(`${path}?product=${a.product}`, { key });
      const absent = await server.ask(`${path}?product=NO_SUCH_PRODUCT`, { key });
      expect(foreign.status).toBeGreaterThanOrEqual(403);
      expect(lesson(foreign, a.product)).toEqual(lesson(absent, "NO_SUCH_PRODUCT"));
    }
    const size = await server.ledgerSize();
    for (const path of [`/ledger/tile/entries/000.p/${size}`, "/ledger/tile/entries/000", "/v1/scrub", "/v1/keys"]) {
      const { status } = await server.ask(path, { key });
      expect([path, status]).toEqual([path, status === 404 ? 404 : 403]);
    }
  });
});

/** The two ways to create, as requests that name a product. */
const creations: readonly (readonly [(product: string) => string, (product: string, type: string) => ProcessAsk])[] = [
  [() => "/v1/artifacts", (product_id, artifact_type) => ({ body: { product_id, artifact_type, payload: "x" } })],
  [
    () => "/v1/artifacts",
    (product_id, artifact_type) => ({
      headers: { "idempotency-key": "once", "if-none-match": "*" },
      body: { product_id, artifact_type, payload: "the same words", derived_from: [secret] },
    }),
  ],
  [(product) => `/v1/artifacts?product=${product}&type=${a.type}`, () => ({ body: "the same words" })],
  [() => "/bucket/write", (product_id, artifact_type) => ({ body: { product_id, artifact_type, data: 1 } })],
];

/** A leaf without what is new in every leaf. */
function shapeOfLeaf(leaf: Record<string, unknown>): string {
  const { time: _, request_id: __, resource: ___, intent: ____, ...same } = leaf;
  return JSON.stringify(same);
}

describe("a product key of B", () => {
  const key = (): string => keysOfB.get("product") ?? "";

  it("lists its own artifacts only, whatever it filters by", async () => {
    const creator = (await server.ask(`/v1/artifacts/${secret}`)).json.created_by;
    for (const filter of ["", "tag=secret", "tag=mine", `created_by=${creator}`, `type=${a.type}`]) {
      const rows = await everyPage<{ product_id: string }>(server, `/v1/artifacts?${filter}`, "artifacts", key());
      expect(new Set(rows.map(({ product_id }) => product_id))).toEqual(new Set(rows.length > 0 ? [b.product] : []));
    }
  });

  it("sees its own leaves only", async () => {
    const entries = await everyPage<{ leaf: { product?: string } }>(server, "/ledger/entries", "entries", key());
    expect(entries.length).toBeGreaterThan(0);
    expect(new Set(entries.map(({ leaf }) => leaf.product))).toEqual(new Set([b.product]));
    for (const filter of ["operation=artifact.create&principal=key_00000000", "kind=intent"]) {
      const { json } = await server.ask(`/ledger/entries?${filter}`, { key: key() });
      for (const { leaf } of json.entries) expect(leaf.product).toBe(b.product);
    }
  });

  it("cannot use a cursor of A's", async () => {
    await store(keyOfA, a, "one more");
    for (const path of ["/v1/artifacts", "/ledger/entries"]) {
      const page = await server.ask(`${path}?limit=1`, { key: keyOfA });
      expect(page.json.next).toEqual(expect.any(String));
      const taken = await server.ask(`${path}?limit=1&cursor=${page.json.next}`, { key: key() });
      expect([path, taken.json.code]).toEqual([path, "cursor.invalid"]);
    }
  });

  it("cannot derive from A's artifact, nor learn that it is there", async () => {
    const derive = (parent: string) =>
      leavesLeft("/v1/artifacts", {
        key: key(),
        body: { product_id: b.product, artifact_type: b.type, payload: "child", derived_from: [own, parent] },
      });
    const nobody = newId<"artifact">(systemClock);
    const [[foreign, foreignLeaves], [absent, absentLeaves]] = [await derive(secret), await derive(nobody)];
    expect([foreign.status, foreign.json.code]).toEqual([400, "artifact.parent_not_found"]);
    expect(lesson(foreign, secret)).toEqual(lesson(absent, nobody));
    expect(foreignLeaves).toBe(absentLeaves);
  });

  it("notices nothing when A holds the same content", async () => {
    const states = async (): Promise<unknown> => (await server.ask("/v1/products", { key: key() })).json.products;
    const known = Buffer.alloc(2_000_000, "of A's, known to B");
    const unknown = Buffer.alloc(2_000_000, "of nobody but B's ");
    for (const [mine, others] of [
      ["the same words", "other words 14"],
      [known, unknown],
    ] as const) {
      if (typeof mine !== "string") {
        await server.ask(`/v1/artifacts?product=${a.product}&type=${a.type}`, { key: keyOfA, body: mine });
      }
      const seen: unknown[] = [];
      for (const body of [mine, others]) {
        const before = await states();
        const [reply, leaves] = await leavesLeft(`/v1/artifacts?product=${b.product}&type=${b.type}`, {
          key: key(),
          body,
          headers: { "if-none-match": "*" },
        });
        const { artifact, warnings, replayed } = reply.json;
        const {
          artifact_id: _,
          created_at: __,
          retain_until: ___,
          content_hash: ____,
          intent_index: _____,
          ...rest
        } = artifact;
        const after = await states();
        seen.push({ status: reply.status, leaves, rest, warnings, replayed, grown: grown(before, after) });
      }
      expect(seen[0]).toEqual(seen[1]);
      expect(seen[0]).toMatchObject({ status: 201, leaves: 2 });
    }
  });

  it("sees in its numbers nothing of what A stores", async () => {
    const numbers = async (): Promise<unknown> => [
      (await server.ask("/v1/products", { key: key() })).json,
      (await server.ask("/metrics/storage-capacity", { key: key() })).json,
      (await server.ask("/v1/halts", { key: key() })).json,
      (await server.ask("/governance/info", { key: key() })).json,
    ];
    const before = await numbers();
    await store(keyOfA, a, "x".repeat(700_000));
    expect(await numbers()).toEqual(before);
  });

  it("does not learn that A is halted", async () => {
    const executor = await server.keyFor("executor", a.product, "admin");
    const [own404] = await leavesLeft("/v1/artifacts", { key: key(), ...creations[0]?.[1](a.product, a.type) });
    const overstep = await server.ask(`/v1/artifacts/${secret}`, { method: "DELETE", key: executor });
    expect(overstep.json.findings[0].threat).toBe("T5_EXECUTOR_OVERRIDE");
    expect((await store(keyOfA, a, "halted")).json.code).toBe("governance.halted");
    expect((await server.ask("/v1/halts", { key: keyOfA })).json.halts).toHaveLength(1);

    expect((await server.ask("/v1/halts", { key: key() })).json.halts).toEqual([]);
    expect((await store(key(), b, "not halted")).status).toBe(201);
    const [halted] = await leavesLeft("/v1/artifacts", { key: key(), ...creations[0]?.[1](a.product, a.type) });
    expect(lesson(halted)).toEqual(lesson(own404));
    const leaves: string[] = [];
    for (const { json } of [own404, halted]) {
      const seen = await server.ask(`/ledger/entries?request=${json.request_id}`, { key: key() });
      expect(seen.json.entries.length).toBeGreaterThan(1);
      leaves.push(seen.json.entries.map(({ leaf }: { leaf: Record<string, unknown> }) => shapeOfLeaf(leaf)).join("\n"));
    }
    expect(leaves[1]).toBe(leaves[0]);
  });

  it("gets for guesses that are no ids the same 404", async () => {
    for (const guess of [randomUUID(), secret.toUpperCase(), `${secret}0`, secret.slice(0, -1), "%01", "..%2f"]) {
      const { status, json } = await server.ask(`/v1/artifacts/${guess}`, { key: key() });
      expect([guess, status, json.code]).toEqual([guess, 404, "artifact.not_found"]);
    }
  });
});

/** How much each number of B's quota grew. */
function grown(before: unknown, after: unknown): unknown {
  const numbers = (states: unknown) => (states as { used_bytes: number; held_bytes: number; artifacts: number }[])[0];
  const [from, to] = [numbers(before), numbers(after)];
  return (
    from && to && [to.used_bytes - from.used_bytes, to.held_bytes - from.held_bytes, to.artifacts - from.artifacts]
  );
}
