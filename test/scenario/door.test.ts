// The door as strangers meet it: conditions and ranges as RFC 9110 has them, cursors, names that go into the ledger, and
// what one product may learn of another from the rules.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { envelope, startTestCharter } from "../support/app/in-process.ts";
import type { Answer, TestCharter } from "../support/app/in-process.ts";

let charter: TestCharter;
let product: string;
let id: string;
const streamed = "/v1/artifacts?product=AI_ASSISTANT&type=ConversationArtifact";

beforeAll(async () => {
  charter = await startTestCharter();
  product = await charter.keyFor("product", "AI_ASSISTANT");
  id = await storedId("0123456789");
});
afterAll(() => charter[Symbol.asyncDispose]());

async function storedId(body: string): Promise<string> {
  const stored = await charter.ask(streamed, { key: product, body, headers: { "content-type": "text/plain" } });
  return stored.json.artifact.artifact_id;
}

const content = (headers: Record<string, string>, method = "GET"): Promise<Answer> =>
  charter.ask(`/v1/artifacts/${id}/content`, { key: product, method, headers });

/** Headers that describe content, and would be lies about a refusal. */
const describing = ["etag", "last-modified", "repr-digest", "content-digest", "content-disposition"];

describe("reading content", () => {
  it("answers 304 with its validators and no body when the caller has it already", async () => {
    const { headers } = await content({});
    const conditions: Record<string, string>[] = [
      { "if-none-match": headers.get("etag") ?? "" },
      { "if-none-match": "*" },
      { "if-modified-since": headers.get("last-modified") ?? "" },
    ];
    for (const condition of conditions) {
      const known = await content(condition);
      expect([known.status, known.text]).toEqual([304, ""]);
      expect(known.headers.get("etag")).toBe(headers.get("etag"));
    }
  });

  it("answers 412 when the content is not the one expected, and describes the problem only", async () => {
    for (const condition of [{ "if-match": '"other"' }, { "if-unmodified-since": "Mon, 01 Jan 2024 00:00:00 GMT" }]) {
      const refused = await content(condition);
      expect([refused.status, refused.json.code]).toEqual([412, "request.precondition_failed"]);
      for (const header of describing) expect([header, refused.headers.get(header)]).toEqual([header, null]);
    }
  });

  it("ignores Range on HEAD, and reads its unit in any case on GET", async () => {
    const head = await content({ range: "bytes=0-0" }, "HEAD");
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "10"]);
    const part = await content({ range: "Bytes=2-3" });
    expect([part.status, part.text, part.headers.get("content-range")]).toEqual([206, "23", "bytes 2-3/10"]);
    expect(part.headers.get("content-digest")).toBeNull();
  });

  it("says of an unsatisfiable range how long the content is, and nothing else about it", async () => {
    const refused = await content({ range: "bytes=99-" });
    expect([refused.status, refused.headers.get("content-range")]).toEqual([416, "bytes */10"]);
    for (const header of describing) expect([header, refused.headers.get(header)]).toEqual([header, null]);
  });

  it("puts no digest of the true content on the refusal to send damaged content", async () => {
    const damaged = await storedId("to be damaged");
    const packs = join(charter.dataDir, "blobs", "packs");
    for (const name of await readdir(packs)) {
      const bytes = await readFile(join(packs, name));
      await writeFile(join(packs, name), bytes.fill(0, bytes.length - 3));
    }
    const refused = await charter.ask(`/v1/artifacts/${damaged}/content`, { key: product });
    expect([refused.status, refused.json.code]).toEqual([500, "content.corrupt"]);
    for (const header of describing) expect([header, refused.headers.get(header)]).toEqual([header, null]);
  });
});

describe("what a request may carry", () => {
  it("refuses a coded body with 415 and says which coding it reads", async () => {
    const coded = await charter.ask(streamed, { key: product, body: "x", headers: { "content-encoding": "gzip" } });
    expect([coded.status, coded.json.at, coded.headers.get("accept-encoding")]).toEqual([
      415,
      "Content-Encoding",
      "identity",
    ]);
  });

  it("refuses a media type that would not fit a header when it is sent back", async () => {
    const mediaType = `text/plain${"; a=b".repeat(60)}`;
    const long = await charter.ask("/v1/artifacts", { key: product, body: envelope({ media_type: mediaType }) });
    expect([long.status, long.json.at]).toEqual([400, "body/media_type"]);
    const header = await charter.ask(streamed, { key: product, body: "x", headers: { "content-type": mediaType } });
    expect(header.status).toBe(415);
  });

  it("refuses the cursor of one listing on another, though the filters are the same", async () => {
    await storedId("one");
    await storedId("two");
    const listings = ["/v1/artifacts", "/ledger/entries"];
    for (const [here, there] of [listings, listings.toReversed()]) {
      const page = await charter.ask(`${here}?limit=1`, { key: product });
      const taken = await charter.ask(`${there}?cursor=${page.json.next}`, { key: product });
      expect([taken.status, taken.json.code]).toEqual([400, "cursor.invalid"]);
    }
  });

  it("lets no text of the caller's own into the ledger through a name in the path", async () => {
    const size = await charter.ledgerSize();
    for (const [path, method] of [
      ["/v1/keys/jane.doe@example.com", "DELETE"],
      ["/v1/halts/jane doe/clear", "POST"],
    ] as const) {
      const body = method === "POST" ? { reason: "no such thing at all" } : undefined;
      const refused = await charter.ask(path, { key: product, method, body });
      // The right comes before the form, and the key has it for none of these but some.
      expect([400, 403], path).toContain(refused.status);
    }
    expect(await charter.ledgerSize()).toBe(size);
  });
});

describe("POST /bucket/write", () => {
  it("names RULE_04 to an admin, too, who leaves the product out", async () => {
    const refused = await charter.ask("/bucket/write", { body: { artifact_type: "ConversationArtifact", data: 1 } });
    expect([refused.status, refused.json.code]).toEqual([403, "governance.denied"]);
    expect(refused.json.articles).toContain("RULE_04_PROVENANCE_LOCKED");
    expect(refused.json.remedy).toMatch(/required field/);
  });
});

describe("metadata", () => {
  it("may nest as deep as the constitution says and no deeper", async () => {
    const nested = (depth: number): object => (depth === 1 ? {} : { in: nested(depth - 1) });
    for (const [depth, status] of [
      [8, 201],
      [9, 403],
    ] as const) {
      const stored = await charter.ask("/v1/artifacts", { key: product, body: envelope({ metadata: nested(depth) }) });
      expect([depth, stored.status]).toEqual([depth, status]);
    }
  });
});

describe("what a product learns from the rules", () => {
  it("cannot tell by making keys which products there are", async () => {
    const [known, unknown] = await Promise.all(
      ["GURUKUL", "NO_SUCH_PRODUCT"].map((name) =>
        charter.ask("/v1/keys", { key: product, body: { kind: "product", product: name } }),
      ),
    );
    expect([known?.status, known?.json.code]).toEqual([403, "governance.denied"]);
    expect([unknown?.status, unknown?.json.code]).toEqual([403, "governance.denied"]);
    const admin = await charter.ask("/v1/keys", { body: { kind: "product", product: "NO_SUCH_PRODUCT" } });
    expect([admin.status, admin.json.code]).toEqual([404, "product.not_found"]);
  });

  it("reads the constitution without the other products, while an agent does not read it at all", async () => {
    const { json, text } = await charter.ask("/governance/info", { key: product });
    expect(Object.keys(json.data.products)).toEqual(["AI_ASSISTANT"]);
    expect(text).not.toContain("GURUKUL");
    expect(json.digest).toBe((await charter.ask("/governance/info")).json.digest);
    const agent = await charter.keyFor("ai_agent", "AI_ASSISTANT");
    expect((await charter.ask("/governance/info", { key: agent })).status).toBe(403);
  });
});

describe("retention", () => {
  it("can be chosen longer than the product's own class and not shorter, and the refusal is recorded", async () => {
    const key = await charter.keyFor("product", "ENFORCEMENT");
    const store = (retentionClass: string): Promise<Answer> =>
      charter.ask("/v1/artifacts", {
        key,
        body: envelope({
          product_id: "ENFORCEMENT",
          artifact_type: "DecisionArtifact",
          retention_class: retentionClass,
        }),
      });
    const short = await store("default");
    expect([short.status, short.json.code]).toEqual([400, "retention.too_short"]);
    expect(short.json).toMatchObject({ at: "retention_class", outcome_index: expect.any(Number) });
    expect((await store("ledger")).status).toBe(201);
  });
});

describe("what the detectors see of streamed content", () => {
  it("records that bytes of another kind than declared were stored", async () => {
    const programme = Buffer.from("7f454c4602010100000000000000000003003e00", "hex");
    const stored = await charter.ask(streamed, {
      key: product,
      body: programme,
      headers: { "content-type": "image/png" },
    });
    expect(stored.status).toBe(201);
    const { json } = await charter.ask(`/ledger/entries?kind=finding&limit=1000`, { key: product });
    const patterns = json.entries.map(({ leaf }: { leaf: { finding: { pattern: string } } }) => leaf.finding.pattern);
    expect(patterns).toContain("media_type_mismatch");
  });
});
