// What a client remembers of what it was told, and the questions it may ask about it afterwards: is every acknowledged
// artifact there, does the ledger say what the receipt said, does every intent have its one outcome, do the quotas add up.
import { expect } from "vitest";
import type { CallRecord } from "../../../src/gateway/call-record.ts";
import { digestOf, digestOfJson } from "../../../src/kernel/hash.ts";
import type { LeafJson } from "../../../src/ledger/index.ts";
import { verifyLedger } from "../../../src/ledger/verify/index.ts";
import { everyPage, inParallel } from "../app/process.ts";
import type { CharterProcess } from "../app/process.ts";

/** What of an artifact's JSON is looked at. */
interface Artifact {
  readonly artifact_id: string;
  readonly product_id: string;
  readonly content_hash: string;
  readonly size_bytes: number;
  readonly tags: readonly string[];
  readonly retain_until: string;
  readonly legal_hold: boolean;
}

/** A leaf as the server shows it; the facts of a call of a model are its record. */
export interface ShownLeaf extends Omit<LeafJson, "facts"> {
  readonly facts?: CallRecord;
}

/** One acknowledged artifact: the body of its 201 or 200. */
export interface Acknowledged {
  readonly artifact: Artifact;
  readonly receipt: { readonly intent_index: number; readonly outcome_index: number };
  /** SHA-256 of the bytes that were sent. */
  readonly sent: string;
}

/** Asserts that a folder's ledger passes the independent verifier; resolves with its report. */
export async function expectSound(dataDir: string, when = "") {
  const report = await verifyLedger({ source: `${dataDir}/ledger` });
  expect(report, when).toMatchObject({ ok: true });
  return report;
}

/** All entries of the ledger, by index. */
export async function everyEntry(server: CharterProcess): Promise<ShownLeaf[]> {
  const entries = await everyPage<{ index: number; leaf: ShownLeaf }>(server, "/ledger/entries", "entries");
  expect(entries.map(({ index }) => index)).toEqual(entries.map((_, index) => index));
  return entries.map(({ leaf }) => leaf);
}

/** Asserts that each intent is closed by exactly one outcome. */
export function expectEachIntentClosed(leaves: readonly ShownLeaf[]): void {
  const closings = new Map<number, number>();
  for (const { kind, intent } of leaves) {
    if (kind === "outcome") closings.set(intent ?? -1, (closings.get(intent ?? -1) ?? 0) + 1);
  }
  const wrong = leaves.flatMap(({ kind }, index) => (kind === "intent" && closings.get(index) !== 1 ? [index] : []));
  expect(wrong, "intents without exactly one outcome").toEqual([]);
  expect(closings.size).toBe(leaves.filter(({ kind }) => kind === "intent").length);
}

/** Asserts that the ledger says of an artifact what its receipt said. */
export function expectInLedger(leaves: readonly ShownLeaf[], { artifact, receipt }: Acknowledged): void {
  const { legal_hold: _, retain_until: __, ...locked } = artifact;
  const resource = `artifact/${artifact.artifact_id}`;
  expect(leaves[receipt.intent_index]).toMatchObject({ kind: "intent", resource, operation: "artifact.create" });
  expect(leaves[receipt.outcome_index]).toMatchObject({ kind: "outcome", resource, intent: receipt.intent_index });
  // A retry under an Idempotency-Key may have been answered with the receipt of a write that a crash cut off.
  const { outcome, code, digest } = leaves[receipt.outcome_index] ?? {};
  if (outcome === "interrupted") expect(code).toBe("effect.applied");
  else expect([outcome, digest]).toEqual(["committed", digestOfJson(locked)]);
}

/** Asserts that every artifact that is listed can be read whole, and that everything acknowledged is listed unchanged. */
export async function expectAllThere(server: CharterProcess, acknowledged: readonly Acknowledged[]) {
  const listed = await everyPage<Artifact>(server, "/v1/artifacts", "artifacts");
  const byId = new Map(listed.map((artifact) => [artifact.artifact_id, artifact]));
  expect(byId.size).toBe(listed.length);
  for (const { artifact, sent } of acknowledged) {
    expect(byId.get(artifact.artifact_id)).toEqual(artifact);
    expect(artifact.content_hash).toBe(sent);
  }
  const bad: string[] = [];
  await inParallel(listed, 32, async ({ artifact_id, content_hash, size_bytes }) => {
    const { status, bytes } = await server.ask(`/v1/artifacts/${artifact_id}/content`);
    if (status !== 200 || bytes.length !== size_bytes || digestOf(bytes) !== content_hash) bad.push(artifact_id);
  });
  expect(bad, "artifacts whose content is not what they say").toEqual([]);
  return listed;
}

/** Asserts that quotas count what is stored and hold nothing back. */
export async function expectQuotasAddUp(server: CharterProcess, listed: readonly Artifact[]): Promise<void> {
  const { json } = await server.ask("/v1/products");
  for (const { product, used_bytes, held_bytes, artifacts } of json.products) {
    const own = listed.filter(({ product_id }) => product_id === product);
    const bytes = own.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
    expect({ product, used_bytes, held_bytes, artifacts }).toEqual({
      product,
      used_bytes: bytes,
      held_bytes: 0,
      artifacts: own.length,
    });
  }
}
