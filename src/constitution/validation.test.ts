import { describe, expect, it } from "vitest";
import { defaultConstitutionDir, readConstitution } from "./disk.ts";
import { problemText } from "../kernel/problem.ts";
import { checkData } from "./validation.ts";

const text = readConstitution(defaultConstitutionDir()).data;

/** Replaces a passage and returns the problems, with the line and column where the passage's marker stands. */
function problemsWith(passage: string, replacement: string) {
  expect(text).toContain(passage);
  const { problems } = checkData("constitution.yaml", text.replace(passage, replacement));
  const before = text.slice(0, text.indexOf(passage)).split("\n");
  return { problems: problems.map(problemText), line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

describe("constitution.yaml", () => {
  it("accepts the default", () => {
    expect(checkData("constitution.yaml", text).problems).toEqual([]);
  });

  it.each([
    ["an unknown key", "largeArtifactBytes:", "largeArtefactBytes:", 'did you mean "largeArtifactBytes"?'],
    ["an unknown key at the top", "lineage:", "linage:", 'did you mean "lineage"?'],
    ["an unknown rule", "RULE_07_LEGAL_DEFENSIBILITY:", "RULE_07_LEGAL:", 'unknown key "RULE_07_LEGAL" in rules'],
    ["a product's name in lower case", "GURUKUL:", "gurukul:", '"gurukul" is not a possible name in products'],
    ["a duplicate key", "version: 1.0.0", "name: again", "unique"],
    ["a key that is a number", "lineage:", "7:", "a key must be text"],
  ])("names %s with line and column", (_what, passage, replacement, expected) => {
    const { problems, line, column } = problemsWith(passage, replacement);
    expect(problems.find((problem) => problem.includes(expected))).toMatch(
      new RegExp(`^constitution[.]yaml:${line}:${column}: `),
    );
  });

  it.each([
    ["an unsafe integer", "524288000", "9007199254740993", "an integer is beyond 2^53-1"],
    ["an unsafe integer in float's clothes", "524288000", "1e300", "an integer is beyond 2^53-1"],
    ["an infinite number", "524288000", ".inf", "a number is not finite"],
    ["a fraction of a byte", "524288000", "1.5", "limits.artifactMaxBytes must be integer"],
    ["a negative limit", "524288000", "-1", "limits.artifactMaxBytes must be >= 1"],
    ["a text in place of a number", "524288000", "many", "limits.artifactMaxBytes must be integer"],
    ["an unknown role", "[legal_counsel]", "[lawyer]", "must be one of owner, ops_team"],
    ["an alias", "[MediaArtifact]", "*media", "alias"],
    [
      "a retention class that does not exist",
      "retentionClass: decision_record",
      "retentionClass: decision_recor",
      'did you mean "decision_record"?',
    ],
    [
      "calls kept as a type that a product does not have",
      "keepBodiesAs: null",
      "keepBodiesAs: ConversationArtifact",
      'AI_AVATAR has no artifacts of type "ConversationArtifact"; name one of MediaArtifact, or null',
    ],
    [
      "decision records kept less than 184 days",
      "{ days: 184 }",
      "{ days: 183 }",
      "decision_record must be kept at least 184 days",
    ],
    [
      "artifacts above the size that nobody may raise",
      "artifactMaxBytes: 524288000",
      "artifactMaxBytes: 524288001",
      "limits.artifactMaxBytes must be <= 524288000",
    ],
    [
      "a product with decision records in a class that is too short for them",
      "retentionClass: decision_record",
      "retentionClass: default",
      'ENFORCEMENT must keep its artifacts at least 184 days, and "default" is shorter',
    ],
    ["artifacts kept less than 90 days", "{ days: 90 }", "{ days: 89 }", "default must be kept at least 90 days"],
    ["a ledger kept in days", "{ years: 7 }", "{ days: 2555 }", "ledger must be kept at least 7 calendar years"],
    ["a period of days and years", "{ days: 365 }", "{ days: 365, years: 1 }", "must NOT have more than 1"],
    ["storage edges that fall", "fromPercent: 90", "fromPercent: 60", "edges must start at 0 and rise"],
    ["writes that go on at 100 percent", "haltsWrites: true", "haltsWrites: false", "writes halt at 100 percent"],
    ["tiers out of order", "- { tier: 1, name: nano", "- { tier: 2, name: nano", "tier 1 must stand here"],
    ["weights that are not a whole", "compliancePercent: 40", "compliancePercent: 50", "must add up to 100 percent"],
    ["band edges that fall", "{ band: ORANGE, from: 76 }", "{ band: ORANGE, from: 50 }", "edges must rise"],
    ["bands out of order", "{ band: ORANGE, above: 800 }", "{ band: RED, above: 800 }", "edge 2 must be ORANGE"],
    [
      "a gate that reopens above its pause mark",
      "concurrentWritersReopen: 75",
      "concurrentWritersReopen: 101",
      "must not exceed concurrentWritersPause",
    ],
    [
      "a server field that is not locked",
      "serverFields: [artifact_id,",
      "serverFields: [artifact_name,",
      "must also be a locked field",
    ],
  ])("refuses %s on its line", (_what, passage, replacement, expected) => {
    const { problems, line } = problemsWith(passage, replacement);
    const found = problems.find((problem) => problem.includes(expected));
    expect(found, problems.join("\n")).toMatch(new RegExp(`^constitution[.]yaml:${line}:\\d+: `));
  });

  it.each(["", "[", "42", "- a\n- b", "a: &x 1\nb: *x", "__proto__: {}", "!!js/function x"])(
    "answers hostile text %j with problems and not with an exception",
    (hostile) => {
      const { data, problems } = checkData("constitution.yaml", hostile);
      expect(data).toBeUndefined();
      expect(problems.length).toBeGreaterThan(0);
    },
  );

  it.each([30, 50_000])("answers text nested %i deep with problems", (depth) => {
    const nested = `${text}\nnested: ${"[".repeat(depth)}${"]".repeat(depth)}`;
    expect(checkData("constitution.yaml", nested).problems.length).toBeGreaterThan(0);
  });

  it("accepts a longer retention than the floors ask", () => {
    expect(problemsWith("{ days: 184 }", "{ years: 1 }").problems).toEqual([]);
  });
});
