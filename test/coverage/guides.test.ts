// The guides for contributors: every file that they name is there, and the catalogue that they show can be read.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readCatalogue } from "../../src/models/index.ts";

/** The documents that tell in which files something is added. */
const guides = ["CONTRIBUTING.md", "docs/adding-a-provider.md"];

/** Paths in backticks, without those that stand for many. */
function pathsIn(guide: string): readonly string[] {
  const text = readFileSync(guide, "utf8");
  return [...text.matchAll(/`((?:src|test|docs|bench|scripts)\/[^`\s]*)`/g)].flatMap(([, path = ""]) =>
    /[<>*]/.test(path) ? [] : [path],
  );
}

describe.each(guides)("%s", (guide) => {
  const paths = pathsIn(guide);

  it("names files, or this test would hold nothing", () => {
    expect(paths.length).toBeGreaterThan(10);
  });

  it.each([...new Set(paths)])("names %s, which is there", (path) => {
    expect(existsSync(path)).toBe(true);
  });
});

describe("the catalogue of the guide", () => {
  const [, yaml = ""] = /```yaml\n([\s\S]*?)```/.exec(readFileSync("docs/adding-a-provider.md", "utf8")) ?? [];
  const read = (key: string | undefined) =>
    readCatalogue("models.yaml", yaml, { variable: () => key, file: () => undefined });

  it("is one that Charter reads", () => {
    const { providers, deployments } = read("a-key");
    expect(providers.map(({ name, kind, open, lacks }) => [name, kind, open, lacks])).toEqual([
      ["acme", "openai-compatible", true, undefined],
    ]);
    expect(deployments).toMatchObject([{ name: "acme-small", tier: 2, provider: { name: "acme" } }]);
  });

  it("says what it lacks without a key", () => {
    expect(read(undefined).providers[0]?.lacks).toContain("ACME_API_KEY");
  });
});
