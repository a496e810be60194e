// No request of any operation holds the event loop: its ordinary request with one part after the other as large as the schema
// in openapi.json and the limit on bodies let it be, bodies that no schema has, long queries and headers, and listings of a
// thousand long rows. How it is measured is said in stall.test.ts.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { operations } from "../../src/http/operations.ts";
import type { ApiDocument } from "../support/http/described-api.ts";
import { everyPage, inParallel } from "../support/app/process.ts";
import { figures, mostMs, shortestStall, startStallRig } from "../support/attack/stall-rig.ts";
import type { Stall, StallRig } from "../support/attack/stall-rig.ts";
import { worstRequests } from "../support/attack/worst-requests.ts";

const document = JSON.parse(readFileSync("openapi.json", "utf8")) as ApiDocument;
/** Artifacts that the listings hold; each with metadata of the most bytes that are accepted. */
const artifacts = 200;

let rig: StallRig;
const ids: Record<string, string> = { index: "0", level: "0", path: "000.p/1", name: "answers", scope: "AI_ASSISTANT" };
const seen: { readonly name: string; readonly stall: Stall }[] = [];

beforeAll(async () => {
  rig = await startStallRig();
  const metadata = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`field${i}`, "word ".repeat(1900)]));
  const rows = Array.from({ length: artifacts }, (_, i) => i);
  await inParallel(rows, 4, async (i) => {
    const body = { product_id: "AI_ASSISTANT", artifact_type: "ConversationArtifact", payload: i, metadata };
    const { status, json } = await rig.server.ask("/v1/artifacts", { body });
    expect(status).toBe(201);
    ids["id"] = json.artifact.artifact_id;
  });
});
afterAll(async () => {
  seen.sort((one, other) => other.stall.cpuMs - one.stall.cpuMs);
  const rows = seen.slice(0, 10).map(({ name, stall }) => `\n  ${name}: ${figures(stall)}`);
  process.stderr.write(`stall: at rest ${figures(await rig.rest())}; the longest of ${seen.length}:${rows.join("")}\n`);
  await rig[Symbol.asyncDispose]();
});

describe("a listing of long rows", () => {
  it("ends its pages early and still gives every row", async () => {
    const first = await rig.server.ask("/v1/artifacts?limit=1000");
    expect(first.json.artifacts.length).toBeLessThan(artifacts);
    expect(first.bytes.length).toBeLessThan(8 * 1024 * 1024);
    expect(await everyPage(rig.server, "/v1/artifacts", "artifacts")).toHaveLength(artifacts);
  });
});

describe("an operation", () => {
  it.each(Object.keys(operations))(
    "holds the loop for less than 50 ms, whatever is sent to it: %s",
    async (name) => {
      const requests = worstRequests(document, ids).filter((request) => request.name.startsWith(`${name}: `));
      expect(requests.length).toBeGreaterThan(4);
      for (const request of requests) {
        const stall = await shortestStall(rig, request, rig.server.adminKey);
        seen.push({ name: request.name, stall });
        expect(stall.cpuMs, request.name).toBeLessThan(mostMs);
        expect([500, 502, 504], request.name).not.toContain(stall.status);
      }
    },
    300_000,
  );
});
