// What the constitution allows only with an approval: refused and on record, with what would make it pass.
import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { constitutionWith } from "../support/app/constitution.ts";
import { startTestCharter } from "../support/app/in-process.ts";

it("an act that needs an approval is answered 403 with what would make it pass, and does nothing", async () => {
  const root = await mkdtemp(join(tmpdir(), "charter-approval-"));
  const constitution = await constitutionWith(join(root, "constitution"), []);
  await appendFile(
    join(constitution, "policies.cedar"),
    `
@id("budgets_with_approval")
@description("What governs is managed with the owner's approval.")
forbid (principal, action == Action::"MANAGE_GOVERNANCE", resource is Governance)
unless { context.ownerApproved };
`,
  );
  try {
    await using charter = await startTestCharter({ flags: { constitution } });
    const body = { scope: { project: "one" }, unit: "tokens", window: "day", limit: 10 };
    const refused = await charter.ask("/v1/budgets", { body });
    expect(refused.status).toBe(403);
    expect(refused.json).toMatchObject({
      code: "approval.required",
      policies: ["budgets_with_approval"],
      remedy: "The owner has to approve this; this server cannot take approvals yet.",
    });
    expect((await charter.ask("/v1/budgets")).json.budgets).toEqual([]);
    const { json } = await charter.ask("/ledger/entries?operation=budget.set");
    const leaves = json.entries.map(({ leaf }: { leaf: { kind: string; code?: string } }) => [leaf.kind, leaf.code]);
    expect(leaves).toEqual([
      ["intent", undefined],
      ["outcome", "approval.required"],
    ]);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
