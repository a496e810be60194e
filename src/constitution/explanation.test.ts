import { describe, expect, it } from "vitest";
import { constitutionFrom } from "./constitution.ts";
import { defaultConstitutionDir, readConstitution } from "./disk.ts";
import { parseDecisionRequest } from "./request.ts";

const constitution = constitutionFrom(readConstitution(defaultConstitutionDir()));

function explain(
  kind: string,
  owner: string | null,
  action: string,
  target: string | null,
  context: object = {},
  type?: string,
) {
  const resource = { kind: "artifact", product: target, ...(type === undefined ? {} : { artifact_type: type }) };
  return constitution.explain(parseDecisionRequest({ principal: { kind, product: owner }, action, resource, context }));
}

describe("an explanation", () => {
  it("of an allowed request names the policy, its text and its meaning", () => {
    const { decision, determining, passesIf, summary } = explain("product", "GURUKUL", "CREATE", "GURUKUL");
    expect(decision.allow).toBe(true);
    expect(determining).toMatchObject([
      { id: "product_creates", kind: "policy", text: expect.stringContaining("permit") },
    ]);
    expect(passesIf).toEqual([]);
    expect(summary).toContain("Allowed");
  });

  it("says that nothing makes a DELETE pass, and what the caller may do instead", () => {
    const { determining, passesIf, otherKinds, otherActions, summary } = explain(
      "ai_agent",
      "AI_ASSISTANT",
      "DELETE",
      "AI_ASSISTANT",
    );
    expect(determining.map(({ id }) => id)).toEqual(["RULE_01_WRITE_ONLY", "RULE_09_AI_WRITE_ONLY"]);
    expect(determining.every(({ kind }) => kind === "article")).toBe(true);
    expect(passesIf).toEqual([]);
    expect(otherKinds).toEqual([]);
    expect(otherActions).toEqual(["CREATE"]);
    expect(summary).toContain("No change of product or circumstances makes it pass, and no other kind of caller");
  });

  it("names either side of a product boundary", () => {
    expect(explain("product", "AI_ASSISTANT", "READ", "GURUKUL").passesIf).toEqual([
      "the resource belongs to AI_ASSISTANT",
      "the credential belongs to GURUKUL",
    ]);
  });

  it("joins changes that only help together, and leaves out what does not help", () => {
    const context = { halted: true, complete: false, own_request: true };
    expect(explain("product", "GURUKUL", "CREATE", "GURUKUL", context).passesIf).toEqual([
      "every required field is present, and an owner clears the halt",
    ]);
  });

  it("finds more changes than it searches in pairs", () => {
    const context = { halted: true, complete: false, hashed: false, exception: true, sets_locked_field: true };
    const { passesIf } = explain("product", "GURUKUL", "CREATE", "GURUKUL", context);
    expect(passesIf).toHaveLength(1);
    expect(passesIf[0]).toContain("the server hashes the content");
    expect(passesIf[0]).toContain("the request asks for no exception");
  });

  it("names the grant that would let an agent read, and who may read now", () => {
    const { passesIf, otherKinds } = explain("ai_agent", "GURUKUL", "READ", "GURUKUL");
    expect(passesIf).toEqual(["the constitution lets that product's agents read (agentsMayRead: true)"]);
    expect(otherKinds).toEqual(["executor", "product", "auditor", "admin"]);
  });

  it("notes products and artifact types that the depository will refuse", () => {
    expect(explain("admin", null, "READ", "NOPE").notes).toEqual(['The product "NOPE" is not registered.']);
    expect(explain("product", "GURUKUL", "CREATE", "GURUKUL", {}, "MediaArtifact").notes.join()).toContain(
      "ContentArtifact",
    );
    expect(explain("product", "GURUKUL", "CREATE", "GURUKUL", {}, "ContentArtifact").notes).toEqual([]);
  });

  it("of a request that passes when changed is true: each remedy really is the difference", () => {
    const halted = explain("product", "GURUKUL", "CREATE", "GURUKUL", { halted: true });
    expect(halted.passesIf).toEqual(["an owner clears the halt"]);
    expect(explain("product", "GURUKUL", "CREATE", "GURUKUL", { halted: false }).decision.allow).toBe(true);
  });
});
