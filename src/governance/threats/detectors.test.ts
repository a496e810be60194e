import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { detectors, scanThreats } from "./detectors.ts";
import { isServerOwned } from "./metadata-poisoning.ts";
import { findingOf, inlineThreatIds } from "./threat.ts";
import type { ThreatInput } from "./threat.ts";
import { walkJson } from "./metadata-walk.ts";

const ordinary: ThreatInput = {
  principal: { kind: "product", product: "AI_ASSISTANT" },
  action: "CREATE",
  resource: { product: "AI_ASSISTANT" },
  nowMs: 0,
};

describe("the inline detectors", () => {
  it("are one per threat, in the order of the ids", () => {
    expect(detectors.map(({ id }) => id)).toEqual([...inlineThreatIds]);
  });

  it("never throw, whatever JSON the metadata and the declarations are", () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 6, stringUnit: "binary" }),
        fc.string({ unit: "binary" }),
        (metadata, text) => {
          const content = { declaredMediaType: text, firstBytesHex: text, declaredDigest: text, actualDigest: text };
          const client = { timestamp: metadata, serverOwnedFields: [text] };
          for (const { detail } of scanThreats({ ...ordinary, metadata, content, client }))
            expect(detail).toMatch(/^[A-Z].*\.$/);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("answer hostile nesting and breadth with a few findings", () => {
    const deep: unknown = JSON.parse(`${'{"a":['.repeat(100_000)}${"]}".repeat(100_000)}`);
    const broad = Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`\u202E${i}`, "\u200B"]));
    for (const metadata of [deep, broad, [deep, broad], "\u200B".repeat(1e6)]) {
      const findings = scanThreats({ ...ordinary, metadata });
      expect(findings.length).toBeGreaterThan(0);
      expect(findings.length).toBeLessThan(12);
    }
  });

  it("stop looking once the metadata is too long, so that more of it costs no more", () => {
    let looked = 0;
    const texts = Array.from({ length: 5000 }, () => "a".repeat(10_000));
    walkJson(texts, { name: () => {}, scalar: () => void looked++ }, 64 * 1024);
    expect(looked).toBe(7);
    expect(scanThreats({ ...ordinary, metadata: texts }).map(({ pattern }) => pattern)).toContain("metadata_explosion");
  });

  it("put no value that was sent into a finding", () => {
    const metadata = { a: "hunter2\u202E", b: "hunter2\u200B", c: "hunter2".repeat(9000) };
    const client = { timestamp: "hunter2", serverOwnedFields: ["hunter2"] };
    const content = {
      declaredDigest: "hunter2",
      actualDigest: "sha256:00",
      declaredMediaType: "image/png",
      firstBytesHex: "00".repeat(9),
    };
    const findings = scanThreats({ ...ordinary, metadata, client, content });
    expect(findings.length).toBeGreaterThan(5);
    expect(JSON.stringify(findings)).not.toContain("hunter2");
  });

  it("name blocking findings first", () => {
    const findings = scanThreats({ ...ordinary, content: { declaredBytes: 2e7 }, metadata: { a: "\0" } });
    expect(findings.map(({ blocks }) => blocks)).toEqual([true, false]);
  });
});

describe("whether a finding blocks", () => {
  const draft = { threat: "T1_STORAGE_EXHAUSTION", pattern: "p", detail: "D." } as const;

  it.each([
    ["LOW", "flag", false],
    ["HIGH", "flag", false],
    ["HIGH", "throttle", true],
    ["HIGH", "step_up", false],
    ["HIGH", "quarantine", false],
    ["LOW", "reject", true],
    ["LOW", "halt", true],
    ["CRITICAL", "flag", true],
  ] as const)("%s with %s: %s", (severity, action, blocks) => {
    expect(findingOf({ ...draft, severity, action }).blocks).toBe(blocks);
    expect(findingOf({ ...draft, severity, action, announced: true }).blocks).toBe(false);
  });
});

describe("server-owned fields", () => {
  it.each(["created_by", "createdBy", "Created-By", "owner", "content_hash", "artifactId"])("include %s", (field) => {
    expect(isServerOwned(field)).toBe(true);
  });

  it.each(["topic", "user_id", "timestamp", "ownership_note", "product_id"])("do not include %s", (field) => {
    expect(isServerOwned(field)).toBe(false);
  });
});

describe("the walk over metadata", () => {
  it("counts exactly the bytes of minimal JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "grapheme" }), (value) => {
        const { bytes, fieldBytes } = walkJson({ field: value }, { name: () => {}, scalar: () => {} });
        const valueBytes = Buffer.byteLength(JSON.stringify(value));
        expect(bytes).toBe(valueBytes + '{"field":}'.length);
        const isScalar = typeof value !== "object" || value === null;
        expect(fieldBytes.get("field")).toBe(isScalar ? undefined : valueBytes);
      }),
    );
  });
});
