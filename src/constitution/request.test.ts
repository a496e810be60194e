import { describe, expect, it } from "vitest";
import { ordinaryContext, parseDecisionRequest } from "./request.ts";

const question = {
  principal: { kind: "ai_agent", product: "AI_ASSISTANT" },
  action: "DELETE",
  resource: { kind: "artifact", product: "AI_ASSISTANT" },
};

describe("a question in JSON", () => {
  it("may leave out what is ordinary", () => {
    expect(parseDecisionRequest(question)).toEqual({ ...question, context: ordinaryContext });
    const bare = { principal: { kind: "admin" }, action: "READ", resource: { kind: "ledger" } };
    expect(parseDecisionRequest(bare)).toMatchObject({ principal: { product: null }, resource: { product: null } });
  });

  it("may say everything", () => {
    const full = {
      ...question,
      resource: { ...question.resource, artifact_type: "ConversationArtifact" },
      context: { halted: true, owner_approved: true, own_request: false },
    };
    expect(parseDecisionRequest(full)).toEqual({
      ...question,
      resource: { ...question.resource, artifactType: "ConversationArtifact" },
      context: { ...ordinaryContext, halted: true, ownerApproved: true },
    });
  });

  it.each([
    [{ ...question, acton: "READ" }, "/acton", 'did you mean "action"?'],
    [{ ...question, principal: { kind: "agent" } }, "/principal/kind", "must be one of ai_agent"],
    [{ ...question, action: "DELET" }, "/action", 'did you mean "DELETE"?'],
    [{ ...question, action: "delete" }, "/action", 'did you mean "DELETE"?'],
    [{ ...question, context: { haltd: true } }, "/context/haltd", 'did you mean "halted"?'],
    [{ ...question, context: { halted: "yes" } }, "/context/halted", "must be true or false"],
    [{ ...question, context: { halted: null } }, "/context/halted", "must be true or false"],
    [{ ...question, context: { halted: 2 ** 53 } }, "/context/halted", "beyond 2^53-1"],
    [{ ...question, resource: { kind: "artifact", product: "" } }, "/resource/product", "must be a name"],
    [{ ...question, resource: { kind: "artifact", product: "X".repeat(129) } }, "/resource/product", "must be a name"],
    [{ ...question, resource: { kind: "artifact", artifact_type: 1 } }, "/resource/artifact_type", "must be a name"],
    [{ ...question, resource: [] }, "/resource", "must be an object"],
    [JSON.parse('{"__proto__": {}}'), "/__proto__", "unknown key"],
    [null, "", "must be an object"],
    ["DELETE", "", "must be an object"],
  ])("is refused where it is wrong: %j", (json, at, message) => {
    expect(() => parseDecisionRequest(json)).toThrow(
      expect.objectContaining({ code: "decision.malformed", facts: { at }, message: expect.stringContaining(message) }),
    );
  });
});
