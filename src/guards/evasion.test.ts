// Holds the guard for secrets to what README.md says of disguises, to least figures for each of them, and every guard to
// silence about honest texts that look as if something was hidden in them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { evasionTable, evasionsOf } from "../../bench/guards.ts";
import { benignTexts } from "../../bench/load/guard-benign.ts";
import { guards } from "./guard-list.ts";

/** Least share of disguised tokens that are taken out whole; a change that falls below has to be meant. */
const leastRecall = 0.97;
/** Tokens that hold the mark themselves, or too few groups, are not told from words with marks between them. */
const leastRecallOf: Readonly<Record<string, number>> = { "groups of four with slashes": 0.88 };

describe("disguised tokens", () => {
  it.each(evasionsOf("test"))("are taken out whole: $name", ({ name, taken, cases }) => {
    expect(cases).toBeGreaterThanOrEqual(200);
    expect(taken / cases).toBeGreaterThanOrEqual(leastRecallOf[name] ?? leastRecall);
  });

  it("are found as often as README.md says", () => {
    expect(readFileSync(join(import.meta.dirname, "README.md"), "utf8")).toContain(evasionTable());
  });
});

describe("honest texts that look disguised", () => {
  const texts = benignTexts();

  it("are several hundred, of many kinds", () => {
    expect(texts.length).toBeGreaterThanOrEqual(300);
    expect(new Set(texts.map(({ kind }) => kind)).size).toBeGreaterThanOrEqual(40);
  });

  it.each(guards)("raise no alarm of the guard $name", (guard) => {
    const alarms = texts.filter(({ text }) => guard.scan(text).length > 0);
    expect(alarms.map(({ kind }) => kind)).toEqual([]);
  });
});
