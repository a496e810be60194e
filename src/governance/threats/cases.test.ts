// Holds every detector to its case files: a positive must yield exactly the findings listed, a negative none.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { detectors, scanThreats } from "./detectors.ts";
import type { Finding, ThreatInput } from "./threat.ts";

const folder = join(import.meta.dirname, "cases");

interface Case {
  readonly name: string;
  readonly input: Partial<ThreatInput>;
  readonly expect?: readonly Partial<Finding>[];
}
interface CaseFile {
  readonly threat: string;
  readonly positives: readonly Case[];
  readonly negatives: readonly Case[];
}

/** An ordinary write on an ordinary day; a case says only what differs. */
const ordinary = {
  principal: { kind: "product", product: "AI_ASSISTANT" },
  action: "CREATE",
  resource: { product: "AI_ASSISTANT" },
  storage: { usedBytes: 1e11, totalBytes: 1e12 },
  nowMs: Date.parse("2026-11-21T12:00:00Z"),
} as const satisfies ThreatInput;

function inputOf({ input }: Case): ThreatInput {
  const special = expanded(input) as Partial<ThreatInput>;
  return { ...ordinary, ...special, storage: { ...ordinary.storage, ...special.storage } };
}

/** Spells out what JSON files cannot hold or would hold at great length. */
function expanded(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(expanded);
  const record = value as Record<string, unknown>;
  if (typeof record["$json"] === "string") return JSON.parse(record["$json"]);
  if (record["$surrogate"] === true) return "\ud800";
  if (typeof record["$ones"] === "number") return Array.from({ length: record["$ones"] }, () => 1);
  if (typeof record["$nest"] === "number") return JSON.parse("[".repeat(record["$nest"]) + "]".repeat(record["$nest"]));
  if (Array.isArray(record["$repeat"])) return String(record["$repeat"][0]).repeat(Number(record["$repeat"][1]));
  return Object.fromEntries(Object.entries(record).map(([key, member]) => [key, expanded(member)]));
}

const files = readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as CaseFile);

describe("the case files of the detectors", () => {
  it("cover every detector, and no other", () => {
    const covered = files.map(({ threat }) => threat).toSorted();
    expect(covered).toEqual(detectors.map(({ id }) => id).toSorted());
  });

  it("find nothing in an ordinary write", () => {
    expect(scanThreats(ordinary)).toEqual([]);
  });

  describe.each(files)("$threat", ({ threat, positives, negatives }) => {
    const fewest = threat === "T2_METADATA_POISONING" ? 12 : 6;
    const found = (each: Case) => scanThreats(inputOf(each)).filter((finding) => finding.threat === threat);

    it("has enough positives and negatives, each named once", () => {
      expect(positives.length).toBeGreaterThanOrEqual(fewest);
      expect(negatives.length).toBeGreaterThanOrEqual(fewest);
      const names = [...positives, ...negatives].map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      for (const each of positives) expect(each.expect?.length, each.name).toBeGreaterThan(0);
    });

    it.each(positives)("finds: $name", (each) => {
      const findings = found(each);
      expect(findings.map(({ pattern }) => pattern).toSorted()).toEqual(
        each.expect!.map(({ pattern }) => pattern!).toSorted(),
      );
      for (const wanted of each.expect!) {
        expect(findings.find(({ pattern }) => pattern === wanted.pattern)).toMatchObject(wanted);
      }
    });

    it.each(negatives)("lets pass: $name", (each) => {
      expect(found(each)).toEqual([]);
    });

    it("reaches full precision and recall on its cases", () => {
      const hits = positives.filter((each) => found(each).length > 0).length;
      const falseAlarms = negatives.filter((each) => found(each).length > 0).length;
      const precision = hits / (hits + falseAlarms);
      const recall = hits / positives.length;
      process.stdout.write(
        `${threat}: ${positives.length} positives, ${negatives.length} negatives, precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}\n`,
      );
      expect({ precision, recall }).toEqual({ precision: 1, recall: 1 });
    });
  });
});
