import { describe, expect, it } from "vitest";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockText } from "../../scripts/lock-articles.ts";
import { constitutionDigest, constitutionFrom, problemsIn } from "./constitution.ts";
import { defaultConstitutionDir, loadConstitution, readConstitution, validateConstitution } from "./disk.ts";
import { lockOf } from "./lock.ts";
import { parsePolicies } from "./policies.ts";
import { problemText } from "../kernel/problem.ts";
import { parseSchema } from "./schema.ts";
import { checkData } from "./validation.ts";
import { fileNames } from "./texts.ts";
import type { ConstitutionTexts } from "./texts.ts";

const texts = readConstitution(defaultConstitutionDir());
const standing = constitutionFrom(texts);

/** The texts with one passage replaced; fails when the passage is not there, so that no test passes by changing nothing. */
function amended(part: keyof ConstitutionTexts, passage: string, replacement: string): ConstitutionTexts {
  expect(texts[part]).toContain(passage);
  return { ...texts, [part]: texts[part].replace(passage, replacement) };
}

function refusalOf(changed: ConstitutionTexts): { code: string; message: string } {
  try {
    constitutionFrom(changed);
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error("the constitution was accepted");
}

describe("the constitution's hash", () => {
  it("is the first 16 hex digits of the digest, and no constant of the predecessor", () => {
    expect(standing.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(standing.hash).toBe(standing.digest.slice(0, 16));
    expect(standing.hash).not.toBe(standing.data.lineage);
    expect(loadConstitution(defaultConstitutionDir()).digest).toBe(standing.digest);
  });

  it("stays the same when YAML keys change places and comments come and go", () => {
    const moved = amended(
      "data",
      "name: charter-default\nversion: 1.0.0\n",
      "version: 1.0.0 # moved\nname: charter-default\n",
    );
    expect(constitutionFrom({ ...moved, data: `# a comment\n${moved.data}` }).digest).toBe(standing.digest);
  });

  it("stays the same when white space, comments and order of articles and policies change", () => {
    const [head, ...rest] = texts.policies.split('@id("agent_appends_audit")');
    expect(rest).toHaveLength(1);
    const spaced = {
      ...texts,
      articles: `// another preface\n${texts.articles.replace("forbid (", "forbid   ( // here\n")}`,
      policies: `@id("agent_appends_audit")${rest[0]}\n${head}`,
      schema: `// another preface\n${texts.schema}`,
    };
    expect(constitutionFrom(spaced).digest).toBe(standing.digest);
  });

  it.each([
    ["a value", amended("data", "artifactMaxBytes: 524288000", "artifactMaxBytes: 524287999")],
    ["a word", amended("data", "name: Write only", "name: Writing only")],
    ["a list", amended("data", "artifactTypes: [MediaArtifact]", "artifactTypes: [MediaArtifact, Reel]")],
    ["a policy's condition", amended("policies", "unless { resource is Key }", "unless { resource is Governance }")],
    ["a policy's description", amended("policies", "An auditor may read everything.", "Auditors read everything.")],
  ])("changes with %s", (_what, changed) => {
    expect(constitutionFrom(changed).digest).not.toBe(standing.digest);
  });

  it("covers articles, schema and engine", () => {
    const { data } = checkData(fileNames.data, texts.data);
    const articles = parsePolicies("article", fileNames.articles, texts.articles).policies;
    const policies = parsePolicies("policy", fileNames.policies, texts.policies).policies;
    const schema = parseSchema(fileNames.schema, texts.schema).json;
    const parts = { data: data!, articles, policies, schema, engine: standing.engine };
    expect(constitutionDigest(parts)).toBe(standing.digest);
    expect(constitutionDigest({ ...parts, articles: articles.slice(1) })).not.toBe(standing.digest);
    expect(constitutionDigest({ ...parts, schema: {} })).not.toBe(standing.digest);
    expect(constitutionDigest({ ...parts, engine: "another engine" })).not.toBe(standing.digest);
  });
});

describe("the locked articles", () => {
  it("are those in the constitution folder", () => {
    const articles = parsePolicies("article", fileNames.articles, texts.articles).policies;
    const lock = lockOf(articles, parseSchema(fileNames.schema, texts.schema));
    expect(Object.keys(lock.articles)).toHaveLength(10);
    expect(readFileSync(join(import.meta.dirname, "articles.lock.ts"), "utf8")).toBe(lockText(lock));
  });

  it("are refused by name when one differs", () => {
    const changed = amended("articles", "!context.complete || context.setsLockedField", "!context.complete");
    const { code, message } = refusalOf(changed);
    expect(code).toBe("constitution.articles_changed");
    expect(message).toMatch(/^articles.cedar:\d+:1: article RULE_04_PROVENANCE_LOCKED differs/);
    expect(message).not.toContain("RULE_05");
  });

  it("are refused by name when one is missing", () => {
    const from = texts.articles.indexOf('@id("RULE_10_ZERO_EXCEPTIONS")');
    const { code, message } = refusalOf({ ...texts, articles: texts.articles.slice(0, from) });
    expect(code).toBe("constitution.articles_changed");
    expect(message).toContain("article RULE_10_ZERO_EXCEPTIONS is missing");
  });

  it("are refused by name when one is new, with the nearest known one", () => {
    const added = '\n@id("RULE_10_ZERO_EXCEPTION")\nforbid (principal, action, resource) when { context.halted };\n';
    const { code, message } = refusalOf({ ...texts, articles: texts.articles + added });
    expect(code).toBe("constitution.articles_changed");
    expect(message).toContain("article RULE_10_ZERO_EXCEPTION is new");
    expect(message).toContain("the nearest is RULE_10_ZERO_EXCEPTIONS");
  });

  it("include the schema that gives their words a meaning", () => {
    const { code, message } = refusalOf(amended("schema", '"halted": Bool,', '"halted": Bool, "lucky": Bool,'));
    expect(code).toBe("constitution.articles_changed");
    expect(message).toContain("schema.cedarschema");
  });
});

describe("loading", () => {
  it.each([
    ["a policy that can never match", "when { false }", /impossible/],
    ["a policy about an attribute that does not exist", "when { context.lucky }", /lucky/],
    ["a policy about one principal", 'when { principal == AiAgent::"bob" }', /names AiAgent::"bob"/],
    [
      "a policy about an unknown product",
      'when { resource has product && resource.product == Product::"GURKUL" }',
      /did you mean "GURUKUL"/,
    ],
    ["an integer beyond 2^53-1", "when { 9007199254740993 > 1 }", /2\^53-1/],
    ["a syntax error", "when { oops ( }", /./],
  ])("refuses %s with its place", (_what, condition, expected) => {
    const line = texts.policies.split("\n").length + 1;
    const policy = `\n@id("extra") @description("Extra.")\nforbid (principal, action, resource) ${condition};\n`;
    const changed = { ...texts, policies: texts.policies + policy };
    expect(refusalOf(changed).code).toBe("constitution.invalid");
    const [first] = problemsIn(changed);
    expect(first?.file).toBe("policies.cedar");
    expect(first?.line).toBeGreaterThanOrEqual(line);
    expect(first?.line).toBeLessThanOrEqual(line + 1);
    expect(first?.message).toMatch(expected);
  });

  it.each([
    ["a policy without a name", "permit (principal, action, resource);", "@id"],
    ["a policy without a description", '@id("x") permit (principal, action, resource);', "@description"],
    [
      "a policy that poses as an article",
      '@id("RULE_11_X") @description("X.") permit (principal, action, resource);',
      "reserved",
    ],
    ["a name used twice", '@id("admin_reads") @description("X.") permit (principal, action, resource);', "used twice"],
    ["a template", '@id("x") @description("X.") permit (principal == ?principal, action, resource);', "templates"],
  ])("refuses %s", (_what, policy, expected) => {
    const problems = problemsIn({ ...texts, policies: `${texts.policies}\n${policy}\n` });
    expect(problems.map(problemText).join("\n")).toContain(expected);
  });

  it.each([
    ["nest too deep", `${"(".repeat(100_000)}true${")".repeat(100_000)}`, "brackets nest deeper"],
    ["chain too long", `true${" && true".repeat(50_000)}`, "a statement is longer"],
  ])("refuses conditions that %s, before they can exhaust the policy engine", (_what, condition, expected) => {
    const policy = `\n@id("x") @description("X.") permit (principal, action, resource) when { ${condition} };`;
    expect(
      problemsIn({ ...texts, policies: texts.policies + policy })
        .map(problemText)
        .join(),
    ).toContain(expected);
    expect(problemsIn(texts)).toEqual([]);
  });

  it("gives Cedar's places in characters, though Cedar counts bytes", () => {
    const policy =
      '@id("x") @description("\u00e9\u00e9\u00e9")\nforbid (principal, action, resource) when { context.lucky };\n';
    const [problem] = problemsIn({ ...texts, policies: `${policy}${texts.policies}` });
    expect(problem).toMatchObject({
      file: "policies.cedar",
      line: 2,
      column: "forbid (principal, action, resource) when { ".length + 1,
    });
  });

  it("finds nothing wrong with the default, and everything wrong with a broken folder at once", () => {
    expect(validateConstitution(defaultConstitutionDir())).toEqual([]);
    const dir = mkdtempSync(join(tmpdir(), "charter-constitution-"));
    try {
      for (const [part, name] of Object.entries(fileNames))
        writeFileSync(join(dir, name), texts[part as keyof ConstitutionTexts]);
      writeFileSync(
        join(dir, fileNames.data),
        texts.data.replace("quotaBytes", "quotaByte").replace("version: 1.0.0", "version: one"),
      );
      writeFileSync(join(dir, fileNames.policies), "permit (principal);");
      const problems = validateConstitution(dir);
      expect(new Set(problems.map(({ file }) => file))).toEqual(new Set(["constitution.yaml", "policies.cedar"]));
      expect(problems.map(problemText).join("\n")).toContain(
        'unknown key "quotaByte" in products.AI_ASSISTANT; did you mean "quotaBytes"?',
      );
      expect(() => loadConstitution(join(dir, "absent"))).toThrow(/cannot be read/);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe("what is in force", () => {
  it("cannot be changed after it was loaded", () => {
    expect(() => Object.assign(standing.data.limits, { artifactMaxBytes: 1 })).toThrow(TypeError);
    expect(() => Object.assign(standing.data.products["GURUKUL"]!, { agentsMayRead: true })).toThrow(TypeError);
  });

  it("describes every article and policy in words", () => {
    const { articles, policies } = standing.describe();
    expect(articles.map(({ id }) => id)).toEqual(Object.keys(standing.data.rules));
    for (const { meaning, text } of [...articles, ...policies])
      expect([meaning, text].every((words) => words.length > 10)).toBe(true);
  });
});
