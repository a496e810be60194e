// The predecessor's write path keeps its order: size (400), governance (403), threats (403), then the write.
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";

let charter: TestCharter;
let agent: string;
const good = { product_id: "AI_ASSISTANT", artifact_type: "ConversationArtifact", data: { text: "hi" } };

beforeAll(async () => {
  charter = await startTestCharter();
  agent = await charter.keyFor("ai_agent", "AI_ASSISTANT");
});
afterAll(() => charter[Symbol.asyncDispose]());

describe("POST /bucket/write", () => {
  it("stores over the same code as /v1/artifacts", async () => {
    const stored = await charter.ask("/bucket/write", { key: agent, body: good });
    expect(stored.status).toBe(201);
    const read = await charter.ask(`/v1/artifacts/${stored.json.artifact.artifact_id}/content`);
    expect(read.text).toBe('{"text":"hi"}');
  });

  it("refuses by size first, with 400, whatever else is wrong", async () => {
    const status = await new Promise((resolve, reject) => {
      const call = request(`${charter.url}/bucket/write`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${agent}`,
          "content-type": "application/json",
          "content-length": 600_000_000,
        },
      });
      call.on("response", (response) => {
        resolve(response.statusCode);
        call.destroy();
      });
      call.on("error", reject);
      call.write("{");
    });
    expect(status).toBe(400);
  });

  it("refuses by governance second, naming RULE_04 for a missing field", async () => {
    const { artifact_type: _, ...incomplete } = good;
    const refused = await charter.ask("/bucket/write", { key: agent, body: incomplete });
    expect([refused.status, refused.json.code]).toEqual([403, "governance.denied"]);
    expect(refused.json.articles).toContain("RULE_04_PROVENANCE_LOCKED");
  });

  it("refuses by threats third: a false content hash, a backdated time, a forged owner", async () => {
    for (const lie of [
      { content_hash: `sha256:${"0".repeat(64)}` },
      { created_at: "2001-01-01T00:00:00Z" },
      { created_by: "ceo" },
    ]) {
      const refused = await charter.ask("/bucket/write", { key: agent, body: { ...good, ...lie } });
      expect(refused.status).toBe(403);
      expect(refused.json.findings[0].threat).toBe("T2_METADATA_POISONING");
    }
  });
});
