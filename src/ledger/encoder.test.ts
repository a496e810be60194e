import { describe, expect, it } from "vitest";
import { canonicalJson } from "../kernel/canonical-json.ts";
import { digestOf } from "../kernel/hash.ts";
import { LeafEncoder } from "./encoder.ts";
import type { Leaf } from "./leaf.ts";

/** A leaf with every field that there is. */
const whole: Leaf = {
  v: 1,
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
  call: {
    deployment: "one",
    model: "one",
    tier: 3,
    reasons: ["named", "cheapest"],
    attempts: 1,
    streamed: false,
    cache: "miss",
    finish: "stop",
    inputTokens: 1,
    outputTokens: 2,
    cacheReadTokens: 3,
    cacheWriteTokens: 4,
    reasoningTokens: 5,
    estimated: false,
    microdollars: 6,
    schema: "valid",
    serviceTier: "priority",
    governedParameters: ["service_tier (price)"],
    unknownParameters: ["frobnicate"],
    droppedParameters: ["user"],
    prompt: digestOf("prompt"),
    reply: digestOf("reply"),
  },
};

/** The text that stands in the log. */
function written(leaf: Leaf): string | undefined {
  return new LeafEncoder().batch([leaf]).leaves[0]?.framed.subarray(2).toString();
}

describe("the encoder of leaves", () => {
  it("writes the RFC 8785 text of a leaf with all its fields", () => {
    expect(written(whole)).toBe(canonicalJson(whole));
  });

  it("writes a leaf without any of the fields that may be absent", () => {
    const { v, kind, time, principal, principalKind, operation, constitutionHash, requestId } = whole;
    const least: Leaf = { v, kind, time, principal, principalKind, operation, constitutionHash, requestId };
    expect(written(least)).toBe(canonicalJson(least));
  });
});
