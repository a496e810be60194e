// Holds the guards to what README.md says of them, and to least figures on texts that their rules were not written with.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { accuracyOf, accuracyTable, precisionOf, recallOf } from "../../bench/guards.ts";
import { guardCases } from "../../bench/load/guard-cases.ts";
import type { GuardName } from "./guard.ts";
import { guards } from "./guard-list.ts";
import { secretRules } from "./rule-book.ts";

/** Least precision and recall; a change that falls below has to be meant. */
const least: Readonly<Record<GuardName, readonly [precision: number, recall: number]>> = {
  secrets: [0.98, 0.98],
  pii: [0.95, 0.95],
  injection: [0.8, 0.65],
};

describe("the guards' accuracy", () => {
  it("is what README.md says", () => {
    const readme = readFileSync(join(import.meta.dirname, "README.md"), "utf8");
    expect(readme).toContain(accuracyTable());
  });

  it.each(guards)("does not fall below what is asked of $name, on several cases", (guard) => {
    const [precision, recall] = least[guard.name];
    const [whole] = accuracyOf(guard, "test");
    expect(whole!.positives).toBeGreaterThanOrEqual(100);
    expect(whole!.negatives).toBeGreaterThanOrEqual(78);
    expect(precisionOf(whole!)).toBeGreaterThanOrEqual(precision);
    expect(recallOf(whole!)).toBeGreaterThanOrEqual(recall);
  });

  it("is measured on different texts for development and for testing, and on the same every time", () => {
    for (const { name } of guards) {
      const texts = (split: "dev" | "test") => guardCases(name, split).map(({ text }) => text);
      expect(texts("test")).toEqual(texts("test"));
      const dev = new Set(texts("dev"));
      expect(texts("test").filter((text) => dev.has(text))).toEqual([]);
    }
  });

  it("is measured for most rules for secrets", () => {
    const planted = new Set(guardCases("secrets", "test").map(({ planted }) => planted?.rule));
    const unmeasured = secretRules.map(({ id }) => id).filter((id) => !planted.has(id));
    // Rules without cases are named in README.md.
    const readme = readFileSync(join(import.meta.dirname, "README.md"), "utf8");
    for (const id of unmeasured) expect(readme, id).toContain(`\`${id}\``);
    expect(secretRules.length - unmeasured.length).toBeGreaterThanOrEqual(40);
  });
});
