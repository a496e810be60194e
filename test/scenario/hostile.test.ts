// Ten thousand hostile requests against a real server: it answers each with a clear refusal or closes the connection,
// never with an internal error; it stays alive, keeps its memory, and keeps its word about what it has stored.
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorCodes } from "../../src/http/index.ts";
import { hostileRequests } from "../support/attack/hostile.ts";
import type { Hostile } from "../support/attack/hostile.ts";
import { announcedSeed, everyPage, inParallel, spawnCharter } from "../support/app/process.ts";
import type { CharterProcess } from "../support/app/process.ts";
import {
  everyEntry,
  expectAllThere,
  expectEachIntentClosed,
  expectQuotasAddUp,
  expectSound,
} from "../support/ledger/record.ts";
import { sendBytes } from "../support/http/wire.ts";
import type { WireAnswer, WireOutcome } from "../support/http/wire.ts";

const requests = 10_000;
const width = 24;
/** The server's own patience is shorter, so that a client that waits this long has been forgotten. */
const patienceMs = 60_000;
const timeouts = ["--headers-timeout-ms", "3000", "--body-timeout-ms", "3000"];
/** Statuses of 500 and above that are words of the contract and not accidents. */
const deliberate: ReadonlySet<number> = new Set([503, 507]);

let dataDir: string;
let server: CharterProcess;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "charter-hostile-"));
  server = await spawnCharter({ dataDir, args: timeouts });
});
afterAll(async () => {
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
});

/** Resident memory of a process, bytes. */
function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) * 1024;
}

/** What is wrong with an answer; undefined when nothing is. */
function complaint({ status, headers, body }: WireAnswer, isHead: boolean, hash: string): string | undefined {
  if (status >= 500 && !deliberate.has(status)) return "an internal error";
  if (headers.get("x-constitution-hash") !== hash) return "no X-Constitution-Hash";
  if (status < 400 || isHead) return undefined;
  if (!headers.get("content-type")?.startsWith("application/problem+json")) return "no problem+json";
  const problem = JSON.parse(body.toString()) as Record<string, unknown>;
  if (typeof problem["code"] !== "string" || !(problem["code"] in errorCodes)) return "no known code";
  if (problem["status"] !== status) return "another status in the body";
  if (problem["constitution_hash"] !== hash) return "no constitution_hash";
  if (typeof problem["request_id"] !== "string" || problem["request_id"] !== headers.get("x-request-id"))
    return "no request_id";
  return undefined;
}

/** Ids of artifacts that answers acknowledge. */
function acknowledgedBy({ answers }: WireOutcome): string[] {
  return answers.flatMap(({ status, headers, body }) => {
    // An answer that was cut off, because the next request on the connection could not be read, acknowledges nothing.
    if ((status !== 200 && status !== 201) || body.length < Number(headers.get("content-length") ?? 0)) return [];
    const { artifact } = (JSON.parse(body.toString().trim() || "{}") as { artifact?: { artifact_id: string } }) ?? {};
    return artifact === undefined ? [] : [artifact.artifact_id];
  });
}

function isJson({ headers }: WireAnswer): boolean {
  return headers.get("content-type")?.startsWith("application/json") === true;
}

describe("ten thousand hostile requests", () => {
  it("get refusals and no accidents", { timeout: 900_000 }, async () => {
    const product = "AI_ASSISTANT";
    const type = "ConversationArtifact";
    const productKey = await server.keyFor("product", product);
    const agentKey = await server.keyFor("ai_agent", product);
    const stored = await server.ask("/v1/artifacts", {
      key: productKey,
      body: { product_id: product, artifact_type: type, payload: "real" },
    });
    const artifact: string = stored.json.artifact.artifact_id;
    // Many keys, because one that keeps leaving uploads unfinished is asked to slow down and would attack less.
    const productKeys = await Promise.all(Array.from({ length: 60 }, () => server.keyFor("product", product)));
    const keys = [...productKeys, ...Array<string>(20).fill(server.adminKey), ...Array<string>(20).fill(agentKey)];
    const seed = announcedSeed("hostile");
    const all = fc.sample(hostileRequests({ keys, artifact, product, type }), { numRuns: requests, seed });

    const acknowledged = new Set([artifact]);
    const complaints: string[] = [];
    let givenUp = 0;
    const seen = new Map<string, number>();
    const attack = async (hostile: Hostile): Promise<void> => {
      const outcome = await sendBytes(server.url, hostile.pieces, hostile.isHead, patienceMs);
      const complain = (what: string, answer?: WireAnswer): void => {
        const sent = Buffer.concat(hostile.pieces).toString("latin1").slice(0, 1200);
        complaints.push(
          `${hostile.name}: ${what}\n${sent}\n-> ${answer?.status} ${answer?.body.toString().slice(0, 600)}`,
        );
      };
      if (outcome.hung) complain("no end");
      // A request that could not be read is answered without knowing that it was a HEAD.
      const unread = hostile.isHead && outcome.answers.at(-1)?.headers.get("connection") === "close";
      if (outcome.rest.length > 0 && !unread) complain(`no HTTP: ${outcome.rest.toString("latin1").slice(0, 100)}`);
      for (const answer of outcome.answers) {
        seen.set(String(answer.status), (seen.get(String(answer.status)) ?? 0) + 1);
        const wrong = complaint(answer, hostile.isHead, server.ready.constitution_hash);
        if (wrong !== undefined) complain(wrong, answer);
      }
      if (outcome.gaveUp && outcome.answers.length === 0) givenUp += 1;
      if (outcome.answers.length === 0) seen.set("closed", (seen.get("closed") ?? 0) + 1);
      const readable = { ...outcome, answers: hostile.isHead ? [] : outcome.answers.filter(isJson) };
      for (const id of acknowledgedBy(readable)) acknowledged.add(id);
    };
    const warmUp = all.slice(0, requests / 5);
    await inParallel(warmUp, width, attack);
    const warmBytes = residentBytes(server.pid);
    await inParallel(all.slice(warmUp.length), width, attack);
    const endBytes = residentBytes(server.pid);
    process.stderr.write(
      `hostile: ${JSON.stringify(Object.fromEntries([...seen].sort(([left], [right]) => left.localeCompare(right))))}, ${acknowledged.size} stored, ${givenUp} given up, ` +
        `${Math.round(warmBytes / 1e6)} MB resident after warm-up, ${Math.round(endBytes / 1e6)} MB at the end\n`,
    );
    expect(complaints.length, complaints.slice(0, 8).join("\n\n")).toBe(0);
    expect(endBytes).toBeLessThan(warmBytes * 1.5 + 128 * 1024 * 1024);

    expect(server.ended).toBe(false);
    expect((await server.ask("/health")).status).toBe(200);
    expect(
      (
        await server.ask("/v1/artifacts", {
          key: productKey,
          body: { product_id: product, artifact_type: type, payload: 1 },
          headers: { "idempotency-key": "after" },
        })
      ).status,
    ).toBe(201);
    const listed = await everyPage<{ artifact_id: string; tags: string[] }>(server, "/v1/artifacts", "artifacts");
    const ids = new Set(listed.slice(1).map(({ artifact_id }) => artifact_id));
    for (const id of acknowledged) expect(ids.has(id)).toBe(true);
    // A client that hangs up before the answer may leave an artifact that it was not told of, and nobody else.
    expect(ids.size - acknowledged.size, "artifacts that nobody was told of").toBeLessThanOrEqual(givenUp);
    await expectQuotasAddUp(server, await expectAllThere(server, []));
    expectEachIntentClosed(await everyEntry(server));
    await server.stop();
    expect(await expectSound(dataDir)).toMatchObject({ openIntents: 0 });
  });
});
