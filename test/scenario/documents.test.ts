// The examples of the predecessors' documents that concern limits, rules and threats, with their exact values.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  checkArtifactSize,
  defaultConstitutionDir,
  loadConstitution,
  ordinaryContext,
} from "../../src/constitution/index.ts";
import { scanThreats } from "../../src/governance/threats/index.ts";
import { startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";

const constitution = loadConstitution(defaultConstitutionDir());
let charter: TestCharter;
beforeAll(async () => {
  charter = await startTestCharter();
});
afterAll(() => charter[Symbol.asyncDispose]());

describe("the documents' examples", () => {
  it("accept an artifact of 100 000 000 bytes and refuse one of 600 000 000", () => {
    expect(checkArtifactSize(constitution.data, 100_000_000).allowed).toBe(true);
    expect(checkArtifactSize(constitution.data, 600_000_000).allowed).toBe(false);
  });

  it("call 750 of 1000 GB CAUTION, with the status the monitor answers", async () => {
    const { json } = await charter.ask("/metrics/storage-capacity?used_gb=750");
    expect(json).toMatchObject({
      status: "WARNING",
      usage_percent: 75,
      escalation_path: "Ops_Team",
      response_timeline: "6_HOURS",
      level: "CAUTION",
      band: "YELLOW",
    });
  });

  it("call 950 of 1000 GB WARNING, status CRITICAL, band ORANGE; 990 CRITICAL and RED; halt at 1000", async () => {
    const at = async (usedGb: number) => (await charter.ask(`/metrics/storage-capacity?used_gb=${usedGb}`)).json;
    expect(await at(950)).toMatchObject({ status: "CRITICAL", level: "WARNING", band: "ORANGE" });
    expect(await at(990)).toMatchObject({
      status: "CRITICAL",
      level: "CRITICAL",
      band: "RED",
      escalation_path: "Owner+Ops_Team",
      response_timeline: "1_HOUR",
      writes_halted: false,
    });
    expect(await at(1000)).toMatchObject({ status: "HALTED", response_timeline: "IMMEDIATE", writes_halted: true });
  });

  it("do not let an ai_agent DELETE, by RULE_01_WRITE_ONLY, and find T6_AI_ESCALATION", () => {
    const principal = { kind: "ai_agent", product: "AI_ASSISTANT" } as const;
    const resource = { kind: "artifact", product: "AI_ASSISTANT" } as const;
    const decision = constitution.decide({ principal, action: "DELETE", resource, context: ordinaryContext });
    expect(decision.allow).toBe(false);
    expect(decision.articles[0]).toBe("RULE_01_WRITE_ONLY");
    const findings = scanThreats({ principal, action: "DELETE", resource: { product: "AI_ASSISTANT" }, nowMs: 0 });
    expect(findings).toContainEqual(
      expect.objectContaining({ threat: "T6_AI_ESCALATION", severity: "CRITICAL", blocks: true }),
    );
  });

  it("do not let AI_ASSISTANT reach GURUKUL, by RULE_05_PRODUCT_ISOLATION", () => {
    for (const action of ["CREATE", "READ"] as const) {
      const decision = constitution.decide({
        principal: { kind: "product", product: "AI_ASSISTANT" },
        action,
        resource: { kind: "artifact", product: "GURUKUL" },
        context: ordinaryContext,
      });
      expect([decision.allow, decision.articles]).toEqual([false, ["RULE_05_PRODUCT_ISOLATION"]]);
    }
  });

  it("find T1_STORAGE_EXHAUSTION, CRITICAL, at 990 of 1000 GB, and let the write pass until storage is full", () => {
    const at = (usedBytes: number) =>
      scanThreats({
        principal: { kind: "product", product: "AI_ASSISTANT" },
        action: "CREATE",
        resource: { product: "AI_ASSISTANT" },
        storage: { usedBytes, totalBytes: 1000e9 },
        nowMs: 0,
      }).find(({ threat, severity }) => threat === "T1_STORAGE_EXHAUSTION" && severity === "CRITICAL");
    expect(at(989e9)).toBeUndefined();
    expect(at(990e9)).toMatchObject({ blocks: false });
    expect(at(1000e9)).toMatchObject({ blocks: true });
  });
});
