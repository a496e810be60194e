// A boundary check that cannot fail protects nothing: each rule below is broken on purpose in a scratch tree of the
// same layout, and the check must name the rule. On the real tree it must see the modules and find nothing.
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { cruiseBoundaries } from "../../scripts/boundaries.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Cruises a scratch tree with these files, in the layout of the real one. */
async function cruiseScratch(files: Readonly<Record<string, string>>) {
  const folder = await mkdtemp(join(tmpdir(), "charter-floors-"));
  try {
    for (const name of ["tsconfig.json", "package.json"]) await cp(join(root, name), join(folder, name));
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    }
    return await cruiseBoundaries(["src"], folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const value = "export const value = 1;\n";

describe("the floors of the house", () => {
  it("hold in the real tree, and the check really reads it", async () => {
    const { violations, modules } = await cruiseBoundaries(["src"], root);
    expect(violations).toEqual([]);
    expect(modules).toBeGreaterThan(30);
  });

  it("find nothing in a scratch tree that keeps them", async () => {
    const { violations, modules } = await cruiseScratch({
      "src/ledger/index.ts": `export { value } from "../kernel/value.ts";\n`,
      "src/kernel/value.ts": value,
    });
    expect(violations).toEqual([]);
    expect(modules).toBe(2);
  });

  it.each([
    {
      rule: "floor-0-looks-down",
      from: "src/kernel/planted.ts",
      to: "src/ledger/index.ts",
      specifier: "../ledger/index.ts",
    },
    {
      rule: "one-door",
      from: "src/governance/planted.ts",
      to: "src/ledger/tiles.ts",
      specifier: "../ledger/tiles.ts",
    },
    {
      rule: "verifier-stands-alone",
      from: "src/ledger/verify/planted.ts",
      to: "src/ledger/merkle.ts",
      specifier: "../merkle.ts",
    },
    {
      rule: "core-ignorant-of-callers",
      from: "src/depository/planted.ts",
      to: "src/http/server.ts",
      specifier: "../http/server.ts",
    },
  ])("report $rule for a planted import of $to", async ({ rule, from, to, specifier }) => {
    const text = `import { value } from "${specifier}";\nexport const planted = value;\n`;
    const { violations } = await cruiseScratch({ [from]: text, [to]: value });
    expect(violations).toContain(`${rule}: ${from} -> ${to}`);
  });

  it("report an import of types alone, which no running program would show", async () => {
    const { violations } = await cruiseScratch({
      "src/kernel/planted.ts": `import type { Value } from "../ledger/index.ts";\nexport type Planted = Value;\n`,
      "src/ledger/index.ts": "export type Value = 1;\n",
    });
    expect(violations).toContain("floor-0-looks-down: src/kernel/planted.ts -> src/ledger/index.ts");
  });

  it("see past a using declaration", async () => {
    const { violations } = await cruiseScratch({
      "src/kernel/planted.ts": `export async function planted(open: () => AsyncDisposable) {
  await using held = open();
  return [held, await import("../ledger/index.ts")];
}\n`,
      "src/ledger/index.ts": value,
    });
    expect(violations).toContain("floor-0-looks-down: src/kernel/planted.ts -> src/ledger/index.ts");
  });

  it.each([
    { rule: "fastify-only-in-http", specifier: "fastify" },
    { rule: "sdk-only-in-driver", specifier: "pg" },
    { rule: "disk-only-in-drivers", specifier: "node:fs" },
  ])("report $rule for a planted import of $specifier in a domain", async ({ rule, specifier }) => {
    const { violations } = await cruiseScratch({
      "src/governance/planted.ts": `import * as planted from "${specifier}";\nexport const value = planted;\n`,
    });
    expect(violations.map((line) => line.split(":")[0])).toContain(rule);
  });
});
