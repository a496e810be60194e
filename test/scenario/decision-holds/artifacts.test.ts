// Uploads that are open when what their caller may do ends: nothing is stored, the refusal says why and is on record, and the
// room that was reserved is given back.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ShownLeaf } from "../../support/ledger/record.ts";
import { byRevocation, clearHalt, haltProduct, waysToEnd } from "../../support/app/endings.ts";
import { handClock, leavesOf } from "../../support/gateway/gateway.ts";
import { envelope, startTestCharter } from "../../support/app/in-process.ts";
import type { TestCharter } from "../../support/app/in-process.ts";
import { openRequest } from "../../support/http/open-request.ts";
import { eventually } from "../../support/wait.ts";

const clock = handClock();
let charter: TestCharter;
beforeAll(async () => void (charter = await startTestCharter({ clock })));
afterAll(() => charter[Symbol.asyncDispose]());

const streamed = "/v1/artifacts?product=AI_ASSISTANT&type=ConversationArtifact";
const small = "0123456789";
/** Larger than what goes into a shared segment. */
const large = "x".repeat(1_200_000);

const uploadsOf = async (requestId: string): Promise<ShownLeaf[]> =>
  (await leavesOf(charter)).filter((leaf) => leaf.request_id === requestId);

/** How many artifacts the product has, and how many bytes are held for others. */
async function store(): Promise<{ artifacts: number; held: number }> {
  const { json } = await charter.ask("/v1/products");
  const mine = json.products.find(({ product }: { product: string }) => product === "AI_ASSISTANT");
  return { artifacts: mine.artifacts, held: mine.held_bytes };
}

let asked = 0;
const newRequestId = (): string => `018f0000-0000-7000-8000-${String(++asked).padStart(12, "0")}`;

/** An upload of which all but the last byte has been sent; its intent is on record. */
async function openUpload(key: string, content: string, more: Record<string, string> = {}) {
  const requestId = newRequestId();
  const headers = {
    "content-type": "text/plain",
    "content-length": content.length,
    "x-request-id": requestId,
    ...more,
  };
  const upload = openRequest(charter, streamed, { key, headers });
  upload.send(content.slice(0, -1));
  await eventually(async () => (await uploadsOf(requestId)).some(({ kind }) => kind === "intent"));
  return { ...upload, requestId, finish: () => upload.finish(content.slice(-1)) };
}

describe.each(waysToEnd)("an upload that is open when $name", ({ status, code, caller }) => {
  for (const [size, content] of [
    ["small", small],
    ["large", large],
  ] as const) {
    it(`is told so without sending more, stores nothing and gives its room back: ${size}`, async () => {
      const { key, end } = await caller(charter, clock);
      const upload = await openUpload(key, content);
      await end();
      const before = await store();
      const answer = await upload.answer;
      expect([answer.status, answer.json.code]).toEqual([status, code]);
      const outcome = (await uploadsOf(upload.requestId)).find(({ kind }) => kind === "outcome");
      expect(outcome).toMatchObject({ outcome: "refused", code });
      await clearHalt(charter);
      expect(await store()).toEqual({ artifacts: before.artifacts, held: 0 });
      expect((await charter.ask(`/v1/artifacts?limit=1`)).json.artifacts[0]?.intent_index).not.toBe(
        answer.json.intent_index,
      );
    });

    it(`is refused though its last byte comes at the same moment: ${size}`, async () => {
      const { key, end } = await caller(charter, clock);
      const upload = await openUpload(key, content);
      const ending = end();
      upload.finish();
      await ending;
      const answer = await upload.answer;
      const leaves = await leavesOf(charter);
      const own = leaves.findIndex(({ kind, request_id }) => kind === "outcome" && request_id === upload.requestId);
      // Either it was first, and is on record before the end is; or it was refused.
      if (answer.status === 201) expect(leaves[own]).toMatchObject({ outcome: "committed" });
      else expect([answer.status, answer.json.code]).toEqual([status, code]);
      await clearHalt(charter);
    });
  }
});

describe("JSON that is open", () => {
  for (const path of ["/v1/artifacts", "/bucket/write", "/v1/chat/completions"]) {
    it(`is cut off when its key is revoked while the body arrives: ${path}`, async () => {
      const { key, end } = await byRevocation.caller(charter, clock);
      const body = JSON.stringify(envelope());
      const headers = { "content-type": "application/json", "content-length": body.length };
      const request = openRequest(charter, path, { key, headers });
      request.send(body.slice(0, -1));
      await request.reached;
      await end();
      const answer = await request.answer;
      expect([answer.status, answer.json.code]).toEqual([401, "credential.ended"]);
    });
  }
});

describe("a download that is open", () => {
  it("is broken off when its key is revoked, however slowly it is read", async () => {
    const content = "y".repeat(30_000_000);
    const headers = { "content-type": "text/plain", "content-length": content.length };
    const upload = openRequest(charter, streamed, { key: await charter.keyFor("product", "AI_ASSISTANT"), headers });
    upload.finish(content);
    const { artifact } = (await upload.answer).json;
    const { key, end } = await byRevocation.caller(charter, clock);
    const path = `/v1/artifacts/${artifact.artifact_id}/content`;
    const download = openRequest(charter, path, { method: "GET", key, reads: false });
    download.finish();
    await download.begun;
    await end();
    await expect(download.rest()).resolves.toBeLessThan(content.length);
  });
});

describe("many uploads", () => {
  it("that are acknowledged are on record before the revocation of their key is", async () => {
    for (let round = 0; round < 4; round++) {
      const made = await charter.ask("/v1/keys", { body: { kind: "product", product: "AI_ASSISTANT" } });
      const { id, key } = made.json;
      const uploads = Array.from({ length: 40 }, async (_, i) => {
        const body = envelope({ payload: { round, i } });
        return charter.ask("/v1/artifacts", { key, body, headers: { "x-request-id": newRequestId() } });
      });
      // The revocation goes out among them.
      const revoking = Promise.race(uploads).then(() => charter.ask(`/v1/keys/${id}`, { method: "DELETE" }));
      const answers = await Promise.all(uploads);
      const revoked = await revoking;
      const leaves = await leavesOf(charter);
      const outcomeOf = (requestId: string | null): number =>
        leaves.findIndex((leaf) => leaf.kind === "outcome" && leaf.request_id === requestId);
      const end = outcomeOf(revoked.headers.get("x-request-id"));
      expect(leaves[end]).toMatchObject({ operation: "key.revoke", outcome: "committed" });
      for (const { status, json, headers } of answers) {
        const own = outcomeOf(headers.get("x-request-id"));
        if (status === 201) expect(own).toBeLessThan(end);
        else expect([401, json.code]).toEqual([status, expect.stringMatching(/^credential\.(ended|invalid)$/)]);
        if (own > end) expect(leaves[own]).toMatchObject({ outcome: "refused" });
      }
      expect(leaves.slice(end).some((leaf) => leaf.principal === id && leaf.outcome === "committed")).toBe(false);
    }
  });

  it("that are acknowledged are on record before the halt of their product is", async () => {
    const key = await charter.keyFor("product", "AI_ASSISTANT");
    const uploads = Array.from({ length: 60 }, async (_, i) =>
      charter.ask("/v1/artifacts", { key, body: envelope({ payload: { halted: i } }) }),
    );
    const halting = Promise.race(uploads).then(() => haltProduct(charter));
    const answers = await Promise.all(uploads);
    await halting;
    const leaves = await leavesOf(charter);
    const intents = leaves.findLastIndex(({ kind, operation }) => kind === "intent" && operation === "artifact.delete");
    const halt = leaves.findIndex(({ kind, intent }) => kind === "outcome" && intent === intents);
    expect(halt).toBeGreaterThan(0);
    for (const { status, json } of answers) {
      if (status === 201) expect(json.receipt.outcome_index).toBeLessThan(halt);
      else expect([status, json.code]).toEqual([403, "governance.halted"]);
    }
    await clearHalt(charter);
  });
});
