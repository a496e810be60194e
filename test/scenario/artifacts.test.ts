// Artifacts from the outside: what goes in comes out, ranges, conditions, idempotency, refusals.
import { createHash, randomBytes } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { envelope, startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";

let charter: TestCharter;
let product: string;
const sha256 = (bytes: Uint8Array | string): Buffer => createHash("sha256").update(bytes).digest();
const digestField = (bytes: Uint8Array | string): string => `sha-256=:${sha256(bytes).toString("base64")}:`;
const streamed = "/v1/artifacts?product=AI_ASSISTANT&type=ConversationArtifact";

beforeAll(async () => {
  charter = await startTestCharter();
  product = await charter.keyFor("product", "AI_ASSISTANT");
});
afterAll(() => charter[Symbol.asyncDispose]());

describe("storing an artifact", () => {
  it("keeps a JSON payload as its canonical bytes and says who, when and how long", async () => {
    const stored = await charter.ask("/v1/artifacts", {
      key: product,
      body: envelope({ payload: { b: 1, a: "é" }, metadata: { session: "s1" }, tags: ["t1"] }),
    });
    expect(stored.status).toBe(201);
    const { artifact, receipt } = stored.json;
    expect(artifact).toMatchObject({
      product_id: "AI_ASSISTANT",
      artifact_type: "ConversationArtifact",
      created_by: expect.stringMatching(/^key_/),
      content_hash: `sha256:${sha256('{"a":"é","b":1}').toString("hex")}`,
      metadata: { session: "s1" },
      tags: ["t1"],
      legal_hold: false,
    });
    expect(receipt).toMatchObject({ decision: { allow: true }, outcome_index: receipt.intent_index + 1 });
    const content = await charter.ask(`/v1/artifacts/${artifact.artifact_id}/content`, { key: product });
    expect(content.text).toBe('{"a":"é","b":1}');
    expect(content.headers.get("repr-digest")).toBe(digestField('{"a":"é","b":1}'));
    expect(content.headers.get("content-type")).toBe("application/json");
  });

  it("streams content of any type and size and gives back the same bytes", async () => {
    for (const size of [0, 1, 65_536, 1_048_576, 1_048_577, 5_000_000]) {
      const bytes = randomBytes(size);
      const stored = await charter.ask(streamed, {
        method: "POST",
        key: product,
        body: bytes,
        headers: { "content-type": "application/octet-stream", "repr-digest": digestField(bytes) },
      });
      expect(stored.status).toBe(201);
      const response = await fetch(`${charter.url}/v1/artifacts/${stored.json.artifact.artifact_id}/content`, {
        headers: { authorization: `Bearer ${product}` },
      });
      expect(sha256(new Uint8Array(await response.arrayBuffer()))).toEqual(sha256(bytes));
    }
  });

  it("refuses content that does not hash to its declared digest, with 422, and keeps nothing", async () => {
    const before = await charter.ask("/v1/products");
    for (const header of ["content-digest", "repr-digest"]) {
      const refused = await charter.ask(streamed, {
        method: "POST",
        key: product,
        body: "these bytes",
        headers: { "content-type": "text/plain", [header]: digestField("other bytes") },
      });
      expect(refused.status).toBe(422);
      expect(refused.json.code).toBe("content.digest_mismatch");
    }
    const after = await charter.ask("/v1/products");
    expect(after.json).toEqual(before.json);
  });

  it("accepts 100 000 000 declared bytes as far as size goes and refuses 600 000 000 with 413 before any byte", async () => {
    const { request } = await import("node:http");
    const statusFor = (length: number): Promise<number> =>
      new Promise((resolve, reject) => {
        const call = request(`${charter.url}${streamed}`, {
          method: "POST",
          headers: { authorization: `Bearer ${product}`, "content-type": "text/plain", "content-length": length },
        });
        call.on("response", (response) => {
          resolve(response.statusCode ?? 0);
          call.destroy();
        });
        call.on("error", (error) => (length > 524_288_000 ? reject(error) : undefined));
        call.write("x");
        if (length > 524_288_000) return;
        setTimeout(() => {
          resolve(0);
          call.destroy();
        }, 300);
      });
    expect(await statusFor(600_000_000)).toBe(413);
    expect(await statusFor(524_288_001)).toBe(413);
    expect(await statusFor(100_000_000)).toBe(0);
  });

  it("stores once per Idempotency-Key, answers a repeat with the same receipt and another request with 409", async () => {
    const headers = { "idempotency-key": "order-1" };
    const first = await charter.ask("/v1/artifacts", { key: product, body: envelope(), headers });
    const size = await charter.ledgerSize();
    const again = await charter.ask("/v1/artifacts", { key: product, body: envelope(), headers });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.json.replayed).toBe(true);
    expect(again.json.receipt).toEqual(first.json.receipt);
    expect(again.json.artifact).toEqual(first.json.artifact);
    expect(await charter.ledgerSize()).toBe(size);
    const other = await charter.ask("/v1/artifacts", { key: product, body: envelope({ payload: 2 }), headers });
    expect(other.status).toBe(409);
    expect(other.json).toMatchObject({ code: "idempotency.conflict", intent_index: expect.any(Number) });
  });

  it("refuses a repeat under a known Idempotency-Key that does not hash to its declared digest, with 422", async () => {
    const ask = (digest: string) =>
      charter.ask(streamed, {
        method: "POST",
        key: product,
        body: "the same bytes",
        headers: { "content-type": "text/plain", "idempotency-key": "digested", "content-digest": digest },
      });
    const first = await ask(digestField("the same bytes"));
    expect(first.status).toBe(201);
    const wrong = await ask(digestField("other bytes"));
    expect([wrong.status, wrong.json.code]).toEqual([422, "content.digest_mismatch"]);
    const again = await ask(digestField("the same bytes"));
    expect([again.status, again.json.artifact]).toEqual([200, first.json.artifact]);
  });

  it("gives twenty concurrent requests under one Idempotency-Key one artifact", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        charter.ask("/v1/artifacts", { key: product, body: envelope(), headers: { "idempotency-key": "storm" } }),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(new Set(answers.map(({ json }) => json.artifact.artifact_id)).size).toBe(1);
  });

  it("answers If-None-Match: * with 412 when the product holds the content already", async () => {
    const body = envelope({ payload: { only: "once" } });
    const headers = { "if-none-match": "*" };
    expect((await charter.ask("/v1/artifacts", { key: product, body, headers })).status).toBe(201);
    expect((await charter.ask("/v1/artifacts", { key: product, body, headers })).status).toBe(412);
    expect((await charter.ask("/v1/artifacts", { key: product, body })).status).toBe(201);
  });

  it("remembers what an artifact was made from, in both directions, and refuses unknown parents", async () => {
    const parent = (await charter.ask("/v1/artifacts", { key: product, body: envelope() })).json.artifact.artifact_id;
    const body = envelope({ derived_from: [parent] });
    const child = (await charter.ask("/v1/artifacts", { key: product, body })).json.artifact.artifact_id;
    const up = await charter.ask(`/v1/artifacts/${child}/lineage`, { key: product });
    expect(up.json.edges).toEqual([{ child, parent }]);
    const down = await charter.ask(`/v1/artifacts/${parent}/lineage?direction=descendants`, { key: product });
    expect(down.json.nodes.map((node: { artifact_id: string }) => node.artifact_id)).toEqual([parent, child]);
    const orphan = envelope({ derived_from: ["01920000-0000-7000-8000-000000000000"] });
    expect((await charter.ask("/v1/artifacts", { key: product, body: orphan })).json.code).toBe(
      "artifact.parent_not_found",
    );
  });

  it("keeps no byte of content whose parent is unknown, however large it is and however it is sent", async () => {
    const parent = "01920000-0000-7000-8000-000000000000";
    const before = await blobBytes();
    for (const size of [500_000, 2_000_000]) {
      const whole = envelope({ derived_from: [parent], payload: "x".repeat(size) });
      const headers = { "content-type": "application/octet-stream" };
      for (const refused of [
        await charter.ask("/v1/artifacts", { key: product, body: whole }),
        await charter.ask(`${streamed}&derived_from=${parent}`, { key: product, body: randomBytes(size), headers }),
      ]) {
        expect([refused.status, refused.json.code]).toEqual([400, "artifact.parent_not_found"]);
      }
    }
    expect(await blobBytes()).toEqual(before);
  });
});

/** Every file that holds content, and its length. */
async function blobBytes(): Promise<[path: string, bytes: number][]> {
  const found = await readdir(join(charter.dataDir, "blobs"), { recursive: true, withFileTypes: true });
  const paths = found.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return Promise.all(paths.toSorted().map(async (path) => [path, (await stat(path)).size] as [string, number]));
}

describe("reading an artifact", () => {
  let id: string;
  beforeAll(async () => {
    const stored = await charter.ask(streamed, {
      method: "POST",
      key: product,
      body: "0123456789",
      headers: { "content-type": "text/plain" },
    });
    id = stored.json.artifact.artifact_id;
  });
  const range = (value: string) =>
    charter.ask(`/v1/artifacts/${id}/content`, { key: product, headers: { range: value } });

  it("serves ranges from the start, the middle and the end", async () => {
    for (const [asked, text, contentRange] of [
      ["bytes=0-3", "0123", "bytes 0-3/10"],
      ["bytes=4-", "456789", "bytes 4-9/10"],
      ["bytes=-2", "89", "bytes 8-9/10"],
      ["bytes=5-999", "56789", "bytes 5-9/10"],
      ["bytes=-999", "0123456789", "bytes 0-9/10"],
    ] as const) {
      const part = await range(asked);
      expect([part.status, part.text, part.headers.get("content-range")]).toEqual([206, text, contentRange]);
    }
  });

  it("answers 416 with the length when no byte lies in the range, and ignores ranges it does not know", async () => {
    for (const asked of ["bytes=10-", "bytes=99-100", "bytes=-0"]) {
      const refused = await range(asked);
      expect([refused.status, refused.headers.get("content-range")]).toEqual([416, "bytes */10"]);
    }
    for (const asked of ["bytes=5-2", "lines=1-2", "bytes=0-1,3-4", "bytes=x"]) {
      expect((await range(asked)).status).toBe(200);
    }
  });

  it("answers HEAD with the headers of GET and no body, and 304 when the client has the content", async () => {
    const head = await charter.ask(`/v1/artifacts/${id}/content`, { key: product, method: "HEAD" });
    expect([head.status, head.text, head.headers.get("content-length")]).toEqual([200, "", "10"]);
    const etag = head.headers.get("etag") ?? "";
    const fresh = await charter.ask(`/v1/artifacts/${id}/content`, {
      key: product,
      headers: { "if-none-match": etag },
    });
    expect(fresh.status).toBe(304);
    expect((await charter.ask(`/v1/artifacts/${id}`, { key: product, method: "HEAD" })).status).toBe(200);
  });

  it("answers 404 to an admin who lists what a product holds, or did, that there is not", async () => {
    for (const path of ["/v1/artifacts", "/ledger/entries"]) {
      for (const name of ["NOPE", "", "constructor"]) {
        const unknown = await charter.ask(`${path}?product=${name}`);
        expect([path, name, unknown.status, unknown.json.code]).toEqual([path, name, 404, "product.not_found"]);
      }
      expect((await charter.ask(`${path}?product=GURUKUL`)).status).toBe(200);
    }
  });

  it("lists newest first, page by page, and refuses a cursor that was altered or belongs to another question", async () => {
    const tag = `page-${Date.now()}`;
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) {
      const stored = await charter.ask("/v1/artifacts", { key: product, body: envelope({ tags: [tag] }) });
      ids.unshift(stored.json.artifact.artifact_id);
    }
    const seen: string[] = [];
    let cursor = "";
    do {
      const page = await charter.ask(`/v1/artifacts?tag=${tag}&limit=2${cursor && `&cursor=${cursor}`}`, {
        key: product,
      });
      seen.push(...page.json.artifacts.map((artifact: { artifact_id: string }) => artifact.artifact_id));
      cursor = page.json.next ?? "";
    } while (cursor);
    expect(seen).toEqual(ids);
    const first = await charter.ask(`/v1/artifacts?tag=${tag}&limit=2`, { key: product });
    const next = first.json.next as string;
    for (const path of [`?tag=other&limit=2&cursor=${next}`, `?tag=${tag}&limit=2&cursor=${next.slice(0, -2)}AA`]) {
      expect((await charter.ask(`/v1/artifacts${path}`, { key: product })).json.code).toBe("cursor.invalid");
    }
  });
});

describe("what the constitution refuses", () => {
  it("answers UPDATE and DELETE with 403 naming RULE_01, and records the attempt", async () => {
    const { artifact_id } = (await charter.ask("/v1/artifacts", { key: product, body: envelope() })).json.artifact;
    for (const method of ["PUT", "PATCH", "DELETE"]) {
      const refused = await charter.ask(`/v1/artifacts/${artifact_id}`, { method, key: product });
      expect(refused.status).toBe(403);
      expect(refused.headers.get("content-type")).toContain("application/problem+json");
      expect(refused.json.articles[0]).toBe("RULE_01_WRITE_ONLY");
      expect(refused.json.outcome_index).toBe(refused.json.intent_index + 1);
    }
    expect((await charter.ask(`/v1/artifacts/${artifact_id}`, { key: product })).status).toBe(200);
  });

  it("lets an agent create and not read, and names T6 when it tries to delete", async () => {
    const agent = await charter.keyFor("ai_agent", "AI_ASSISTANT");
    const stored = await charter.ask("/v1/artifacts", { key: agent, body: envelope() });
    expect(stored.status).toBe(201);
    const id = stored.json.artifact.artifact_id;
    const read = await charter.ask(`/v1/artifacts/${id}`, { key: agent });
    expect([read.status, read.json.articles]).toEqual([403, ["RULE_09_AI_WRITE_ONLY"]]);
    const deleted = await charter.ask(`/v1/artifacts/${id}`, { key: agent, method: "DELETE" });
    expect(deleted.status).toBe(403);
    expect(deleted.json.articles).toContain("RULE_01_WRITE_ONLY");
    expect(deleted.json.findings).toEqual([
      expect.objectContaining({ threat: "T6_AI_ESCALATION", severity: "CRITICAL" }),
    ]);
  });

  it("refuses forged fields, hidden characters, __proto__ and oversized metadata with a T2 finding", async () => {
    for (const body of [
      envelope({ created_by: "somebody_else" }),
      envelope({ metadata: { note: "safe\u202Egnp.exe" } }),
      envelope({ metadata: { note: "x".repeat(17_000) } }),
      envelope({ client_time: "2001-01-01T00:00:00Z" }),
    ]) {
      const refused = await charter.ask("/v1/artifacts", { key: product, body });
      expect(refused.status).toBe(403);
      expect(refused.json.findings[0].threat).toBe("T2_METADATA_POISONING");
    }
    const raw = JSON.stringify(envelope()).replace("{", '{"metadata":{"__proto__":{"admin":true}},');
    const headers = { "content-type": "application/json" };
    const refused = await charter.ask("/v1/artifacts", { key: product, body: raw, headers });
    expect(refused.status).toBe(403);
  });

  it("refuses a type outside the product's allowlist, naming T7", async () => {
    const refused = await charter.ask("/v1/artifacts", {
      key: product,
      body: envelope({ artifact_type: "MediaArtifact" }),
    });
    expect([refused.status, refused.json.findings[0].threat]).toEqual([403, expect.stringMatching(/^T7_/)]);
  });

  it("refuses unknown fields with the nearest known name, and integers that JSON cannot carry", async () => {
    const typo = await charter.ask("/v1/artifacts", { key: product, body: envelope({ derivedFrm: [] }) });
    expect([typo.status, typo.json.detail]).toEqual([400, expect.stringContaining("derived_from")]);
    const raw = JSON.stringify(envelope()).replace('"hello"', "9007199254740993");
    const headers = { "content-type": "application/json" };
    const unsafe = await charter.ask("/v1/artifacts", { key: product, body: raw, headers });
    expect([unsafe.status, unsafe.json.at]).toEqual([400, "body/payload"]);
  });

  it("halts a product's writes when its executor oversteps, until an admin clears the halt with a reason", async () => {
    const executor = await charter.keyFor("executor", "WORKFLOW", "admin");
    const body = envelope({ product_id: "WORKFLOW", artifact_type: "WorkflowArtifact" });
    const stored = await charter.ask("/v1/artifacts", { key: executor, body });
    const path = `/v1/artifacts/${stored.json.artifact.artifact_id}`;
    const overstep = await charter.ask(path, { key: executor, method: "DELETE" });
    expect(overstep.json.findings[0]).toMatchObject({ threat: "T5_EXECUTOR_OVERRIDE", severity: "CRITICAL" });
    const halted = await charter.ask("/v1/artifacts", { key: executor, body });
    expect([halted.status, halted.json.code]).toEqual([403, "governance.halted"]);
    expect((await charter.ask("/v1/artifacts", { key: product, body: envelope() })).status).toBe(201);
    await charter.restart();
    expect((await charter.ask("/v1/artifacts", { key: executor, body })).status).toBe(403);
    const cleared = await charter.ask("/v1/halts/WORKFLOW/clear", { body: { reason: "executor was retrained" } });
    expect(cleared.status).toBe(200);
    expect((await charter.ask("/v1/artifacts", { key: executor, body })).status).toBe(201);
  });
});

describe("legal holds", () => {
  it("are set and cleared by an admin only, and leave leaves", async () => {
    const { artifact_id } = (await charter.ask("/v1/artifacts", { key: product, body: envelope() })).json.artifact;
    const path = `/v1/artifacts/${artifact_id}/hold`;
    const body = { hold: true, reason: "litigation 2026-11" };
    expect((await charter.ask(path, { key: product, body })).status).toBe(403);
    const held = await charter.ask(path, { body });
    expect([held.status, held.json.artifact.legal_hold]).toEqual([200, true]);
    const cleared = await charter.ask(path, { body: { ...body, hold: false } });
    expect([cleared.status, cleared.json.artifact.legal_hold]).toEqual([200, false]);
  });
});
