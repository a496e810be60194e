import { describe, expect, it } from "vitest";
import { canonicalJson } from "../kernel/canonical-json.ts";
import { digestOf } from "../kernel/hash.ts";
import { LeafEncoder } from "./encoder.ts";
import { maxFacts, maxFactNameLength, maxFactTextLength } from "./leaf.ts";
import type { Leaf, LeafFacts } from "./leaf.ts";
import { readLeaf } from "./leaf-json.ts";
import type { LeafJson } from "./leaf-json.ts";
import { readRecord } from "./verify/record.ts";

/** A leaf with every field that there is. */
const whole: Leaf = {
  kind: "outcome",
  time: "2026-01-02T03:04:05.006Z",
  principal: "key",
  principalKind: "product",
  product: "AI_ASSISTANT",
  operation: "chat.create",
  resource: "model/one",
  digest: digestOf("what was asked"),
  decision: { policies: ["p"], articles: ["a"], allow: true },
  constitutionHash: "0123456789abcdef",
  requestId: "one",
  intent: 7,
  outcome: "failed",
  code: "upstream.failed",
  finding: { threat: "T1", severity: "HIGH", pattern: "p" },
  note: "n",
  facts: { kind: "x", deployment: "one", input_tokens: 1, estimated: false },
};

/** The same as it stands in the log. */
const wholeJson: LeafJson = {
  v: 2,
  kind: "outcome",
  time: "2026-01-02T03:04:05.006Z",
  principal: "key",
  principal_kind: "product",
  product: "AI_ASSISTANT",
  operation: "chat.create",
  resource: "model/one",
  digest: digestOf("what was asked"),
  decision: { policies: ["p"], articles: ["a"], allow: true },
  constitution_hash: "0123456789abcdef",
  request_id: "one",
  intent: 7,
  outcome: "failed",
  code: "upstream.failed",
  finding: { threat: "T1", severity: "HIGH", pattern: "p" },
  note: "n",
  facts: { kind: "x", deployment: "one", input_tokens: 1, estimated: false },
};

/** The text that stands in the log. */
function written(leaf: Leaf): string | undefined {
  return new LeafEncoder().batch([leaf]).leaves[0]?.framed.subarray(2).toString();
}

describe("the encoder of leaves", () => {
  it("writes the RFC 8785 text of a leaf with all its fields, in snake_case", () => {
    expect(written(whole)).toBe(canonicalJson(wholeJson));
    expect(readLeaf(wholeJson)).toEqual(whole);
  });

  it("writes a leaf without any of the fields that may be absent", () => {
    const { kind, time, principal, principalKind, operation, constitutionHash, requestId } = whole;
    const least: Leaf = { kind, time, principal, principalKind, operation, constitutionHash, requestId };
    const text = written(least) ?? "";
    expect(Object.keys(JSON.parse(text))).toHaveLength(8);
    expect(readLeaf(JSON.parse(text))).toEqual(least);
  });

  it("reads a leaf of format 1 as the same leaf, without its call", () => {
    const { facts: _, ...old } = whole;
    expect(readLeaf({ v: 1, ...old, call: { tier: 1, reasons: ["named"] } })).toEqual(old);
  });
});

describe("the facts of a leaf", () => {
  const { finding: _, ...outcome } = whole;
  const many = (count: number): LeafFacts =>
    Object.fromEntries(Array.from({ length: count }, (__, at) => [`fact_${at}`, at]));
  const accepted: readonly (readonly [string, LeafFacts])[] = [
    ["none", {}],
    ["as many as may be", many(maxFacts)],
    ["the longest name", { ["a".repeat(maxFactNameLength)]: 1 }],
    ["the longest text", { text: "\u00e9".repeat(maxFactTextLength) }],
    ["every kind of value", { a: "", b: -1, c: Number.MAX_SAFE_INTEGER, d: true, e_2: false }],
    ["names of the leaf's own fields", { kind: "outcome", intent: 1, v: 1 }],
  ];
  it.each(accepted)("are written and verified: %s", (name, facts) => {
    const text = written({ ...outcome, facts });
    expect(JSON.parse(text ?? "").facts, name).toEqual(facts);
    expect(readRecord(Buffer.from(text ?? ""))).toEqual({ kind: "outcome", intent: 7 });
  });

  const refused: readonly (readonly [string, LeafFacts])[] = [
    ["too many", many(maxFacts + 1)],
    ["a name that is too long", { ["a".repeat(maxFactNameLength + 1)]: 1 }],
    ["a text that is too long", { text: "a".repeat(maxFactTextLength + 1) }],
    ["a camelCase name", { inputTokens: 1 }],
    ["an empty name", { "": 1 }],
    ["a fraction", { share: 0.5 }],
    ["an integer that JSON cannot carry", { tokens: 2 ** 53 }],
    ["a lone surrogate", { text: "\ud800" }],
  ];
  it.each(refused)("are refused: %s", (_name, facts) => {
    expect(() => written({ ...outcome, facts })).toThrow(expect.objectContaining({ code: "ledger.leaf_too_large" }));
  });
});
