// Holds the records to the bounds of the documents, each from both sides.
import { describe, expect, it } from "vitest";
import { Fault } from "../kernel/fault.ts";
import { recordReader } from "./records.ts";

const reader = recordReader();
const step = { priority: 1, type: "fix", issue: "tests fail on Windows", agent: "tester-1" };
const synthesis = { synthesis_reasoning: "The reviews agree on one cause.", action_plan: [step] };
const vote = { decision: "approve", confidence: 0.9, reasoning: "fine", concerns: [] };
const pattern = {
  pattern_type: "skill_gap",
  root_cause: "no tests",
  suggested_fix: "write some",
  agents: ["dev-1"],
  confidence: 1,
};

const codeOf = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return "passed";
};
const synthesisWith = (change: object) => codeOf(() => reader.synthesis(JSON.stringify({ ...synthesis, ...change })));
const planWith = (change: object) => synthesisWith({ action_plan: [{ ...step, ...change }] });
const voteWith = (change: object) => codeOf(() => reader.vote(JSON.stringify({ ...vote, ...change })));

describe("a synthesis", () => {
  it("is read as it was written", () => {
    expect(reader.synthesis(JSON.stringify(synthesis))).toEqual(synthesis);
    expect(reader.synthesis(`\`\`\`json\n${JSON.stringify(synthesis)}\n\`\`\``)).toEqual(synthesis);
  });

  it.each<[string, () => string, () => string]>([
    [
      "a reasoning of 10 to 2000",
      () => synthesisWith({ synthesis_reasoning: "x".repeat(10) }),
      () => synthesisWith({ synthesis_reasoning: "x".repeat(9) }),
    ],
    [
      "a reasoning up to 2000",
      () => synthesisWith({ synthesis_reasoning: "x".repeat(2000) }),
      () => synthesisWith({ synthesis_reasoning: "x".repeat(2001) }),
    ],
    ["at least one step", () => synthesisWith({ action_plan: [step] }), () => synthesisWith({ action_plan: [] })],
    [
      "at most 50 steps",
      () => synthesisWith({ action_plan: Array.from({ length: 50 }, () => step) }),
      () => synthesisWith({ action_plan: Array.from({ length: 51 }, () => step) }),
    ],
    ["a priority from 1", () => planWith({ priority: 1 }), () => planWith({ priority: 0 })],
    ["a priority up to 100", () => planWith({ priority: 100 }), () => planWith({ priority: 101 })],
    ["a whole priority", () => planWith({ priority: 2 }), () => planWith({ priority: 1.5 })],
    ["a known type", () => planWith({ type: "refactor" }), () => planWith({ type: "deploy" })],
    ["an issue from 5", () => planWith({ issue: "12345" }), () => planWith({ issue: "1234" })],
    ["an issue up to 1000", () => planWith({ issue: "x".repeat(1000) }), () => planWith({ issue: "x".repeat(1001) })],
    ["an agent from 2", () => planWith({ agent: "ab" }), () => planWith({ agent: "a" })],
    ["an agent up to 100", () => planWith({ agent: "a".repeat(100) }), () => planWith({ agent: "a".repeat(101) })],
    ["known fields only", () => synthesisWith({}), () => synthesisWith({ approved: true })],
  ])("has %s", (_name, inside, outside) => {
    expect(inside()).toBe("passed");
    expect(outside()).toBe("output.refused");
  });

  it("is refused, not passed on, with an injected statement or a script tag", () => {
    expect(planWith({ issue: "fix login; DROP TABLE users" })).toBe("output.refused");
    expect(planWith({ issue: "fix <script>alert(1)</script>" })).toBe("output.refused");
    expect(planWith({ agent: "tester; rm -rf /" })).toBe("output.refused");
    expect(synthesisWith({ synthesis_reasoning: "see ../../../etc/passwd" })).toBe("output.refused");
    expect(synthesisWith({ synthesis_reasoning: "a NUL \0 in the text" })).toBe("output.refused");
  });

  it("names the field that is wrong", () => {
    const parsed = reader.checkSynthesis({
      ...synthesis,
      action_plan: [step, { ...step, issue: "x; DROP TABLE runs" }],
    });
    expect(parsed).toMatchObject({ valid: false, refusals: [{ at: "/action_plan/1/issue", rule: "sql" }] });
  });
});

describe("a vote", () => {
  it("is read, with no concerns where there are none", () => {
    const { concerns: _, ...bare } = vote;
    expect(reader.vote(JSON.stringify(bare))).toEqual(vote);
  });

  it("has a known decision, a confidence of 0 to 1, a reasoning of at most 2000 and at most 10 concerns", () => {
    expect(["approve", "conditional", "reject"].map((decision) => voteWith({ decision }))).toEqual([
      "passed",
      "passed",
      "passed",
    ]);
    expect([0, 1].map((confidence) => voteWith({ confidence }))).toEqual(["passed", "passed"]);
    expect(voteWith({ reasoning: "x".repeat(2000), concerns: Array.from({ length: 10 }, () => "slow") })).toBe(
      "passed",
    );
    for (const wrong of [
      { decision: "APPROVE" },
      { confidence: -0.1 },
      { confidence: 1.1 },
      { confidence: "0.9" },
      { reasoning: "x".repeat(2001) },
      { concerns: Array.from({ length: 11 }, () => "slow") },
      { concerns: ["x'; DELETE FROM votes"] },
    ]) {
      expect(voteWith(wrong), JSON.stringify(wrong)).toBe("output.refused");
    }
  });
});

describe("patterns", () => {
  it("are read, with a confidence of 0.5 where the model gave none", () => {
    const { confidence: _, ...bare } = pattern;
    expect(reader.patterns(JSON.stringify([pattern, bare]))).toEqual({
      patterns: [pattern, { ...pattern, confidence: 0.5 }],
      refusals: [],
    });
  });

  it("are an empty list and a report when anything is wrong", () => {
    for (const wrong of [
      { pattern_type: "other" },
      { root_cause: "x".repeat(501) },
      { suggested_fix: "x".repeat(1001) },
      { agents: Array.from({ length: 11 }, () => "dev-1") },
      { root_cause: "<script>" },
    ]) {
      const report = reader.patterns(JSON.stringify([pattern, { ...pattern, ...wrong }]));
      expect(report.patterns, JSON.stringify(wrong)).toEqual([]);
      expect(report.refusals.length).toBeGreaterThan(0);
    }
    expect(reader.patterns(JSON.stringify(Array.from({ length: 20 }, () => pattern))).patterns).toHaveLength(20);
    expect(reader.patterns(JSON.stringify(Array.from({ length: 21 }, () => pattern))).patterns).toEqual([]);
    expect(reader.patterns("no JSON at all").patterns).toEqual([]);
  });
});
