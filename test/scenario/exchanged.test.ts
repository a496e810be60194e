// A ledger that is sound and yet another one: somebody exchanged the files. Nothing is written on top of it before an
// owner has looked.
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { envelope, startTestCharter } from "../support/app/in-process.ts";

it("halts every product when the ledger is not the one that the database remembers, until an admin clears it", async () => {
  const folders = await Promise.all([1, 2].map(() => mkdtemp(join(tmpdir(), "charter-exchanged-"))));
  const [ours, theirs] = folders as [string, string];
  try {
    const first = await startTestCharter({ dataDir: ours });
    const product = await first.keyFor("product", "AI_ASSISTANT");
    // A filtered listing makes sure that the database has seen every entry; otherwise it does so within a second.
    expect((await first.ask("/ledger/entries?kind=admin")).status).toBe(200);
    const key = first.adminKey;
    await first[Symbol.asyncDispose]();

    const other = await startTestCharter({ dataDir: theirs });
    for (let i = 0; i < 5; i++) await other.ask("/v1/artifacts", { body: envelope({ payload: i }) });
    await other[Symbol.asyncDispose]();
    await rm(join(ours, "ledger"), { recursive: true });
    await cp(join(theirs, "ledger"), join(ours, "ledger"), { recursive: true });

    await using again = await startTestCharter({ dataDir: ours });
    const refused = await again.ask("/v1/artifacts", { key: product, body: envelope() });
    expect([refused.status, refused.json.code]).toEqual([403, "governance.halted"]);
    const { json } = await again.ask("/v1/halts", { key });
    expect(json.halts).toEqual([expect.objectContaining({ scope: "*", threat: "T8_AUDIT_TAMPERING" })]);
    const found = await again.ask("/ledger/entries?kind=finding", { key });
    expect(found.json.entries[0].leaf.finding).toMatchObject({ threat: "T8_AUDIT_TAMPERING", severity: "CRITICAL" });
    const reason = "restored from the off-site copy of 2026-11-20";
    expect((await again.ask("/v1/halts/*/clear", { key, body: { reason } })).status).toBe(200);
    expect((await again.ask("/v1/artifacts", { key: product, body: envelope() })).status).toBe(201);
  } finally {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  }
});
