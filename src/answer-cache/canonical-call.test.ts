import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testCall } from "../../test/contract/answer-cache.ts";
import { addressOf, cacheKey, partitionOf } from "./address.ts";
import type { AddressParts } from "./address.ts";
import { indifferentParameters } from "./body-digests.ts";
import { canonicalCall } from "./canonical-call.ts";
import type { CanonicalCall } from "./canonical-call.ts";
import { lifetimeMsOf, maxLifetimeMs } from "./lifetimes.ts";

const digest = (raw: Readonly<Record<string, unknown>>) => canonicalCall(testCall(raw), {});
const words = fc.oneof(
  fc.string({ unit: "binary", maxLength: 6 }),
  fc.constantFrom("", "n", "s1:", "{", "}", "[", "#1;"),
);
const json = fc.jsonValue({ maxDepth: 3 });

/** JSON with sorted keys. */
const sortedJson = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

describe("the digest of a call", () => {
  it("is the same exactly when the bodies are, but for the order of keys", () => {
    fc.assert(
      fc.property(json, json, words, words, (one, other, key, text) => {
        for (const [left, right] of [
          [one, other],
          [{ [key]: one }, { [text]: one }],
          [[key, text], [key + text]],
          [
            { [key]: text, z: one },
            { z: other, [key]: text },
          ],
        ]) {
          // The body is wrapped, so that no top-level parameter is left out.
          const same = sortedJson(left) === sortedJson(right);
          expect(digest({ body: left }) === digest({ body: right })).toBe(same);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("does not depend on the order of keys, and depends on the order of lists", () => {
    expect(digest({ a: 1, b: { c: 1, d: 2 } })).toBe(digest({ b: { d: 2, c: 1 }, a: 1 }));
    expect(digest({ a: [1, 2] })).not.toBe(digest({ a: [2, 1] }));
  });

  it("tells halves of surrogate pairs apart, which UTF-8 cannot", () => {
    const texts = ["\ud800", "\ud801", "\udc00", "\ufffd", '"\\ud800"', "\\ud800"];
    expect(new Set(texts.map((text) => digest({ text }))).size).toBe(texts.length);
    expect(new Set(texts.map((text) => digest({ [text]: 1 }))).size).toBe(texts.length);
  });

  it("leaves out what does not change the answer, at the top level only", () => {
    for (const name of indifferentParameters) {
      expect(digest({ model: "m", [name]: "x" })).toBe(digest({ model: "m" }));
      expect(digest({ model: "m", tools: [{ [name]: "x" }] })).not.toBe(digest({ model: "m", tools: [{}] }));
    }
  });

  it("keeps every other parameter, known or not, and tells absent from null", () => {
    const bodies = [
      {},
      { model: "m" },
      { model: "m2" },
      { temperature: 0 },
      { temperature: null },
      { temperature: "0" },
      { temperature: false },
      { seed: 1 },
      { some_new_parameter: 1 },
      { messages: [{ role: "user", content: "hi" }] },
      { messages: [{ role: "user", content: "hi", cache_control: { type: "ephemeral" } }] },
      { messages: [{ role: "system", content: "hi" }] },
      { previous_response_id: "r" },
    ];
    expect(new Set(bodies.map(digest)).size).toBe(bodies.length);
  });

  it("depends on the dialect and on the circumstances that the gateway names", () => {
    const digests = [
      canonicalCall(testCall({ a: 1 }), {}),
      canonicalCall(testCall({ a: 1 }, { dialect: "anthropic-messages" }), {}),
      canonicalCall(testCall({ a: 1 }), { strategy: "balanced" }),
      canonicalCall(testCall({ a: 1 }), { strategy: "premium" }),
      canonicalCall(testCall({ a: 1 }), { tier: "balanced" }),
    ];
    expect(new Set(digests).size).toBe(digests.length);
  });

  it("does not exist for a call that changes something at the provider or is answered before it is done", () => {
    expect(digest({ model: "m", conversation: { id: "c" } })).toBeUndefined();
    expect(digest({ model: "m", background: true })).toBeUndefined();
    expect(digest({ model: "m", conversation: null, background: false })).toBeDefined();
  });
});

describe("an address", () => {
  const canonical = digest({ a: 1 }) as CanonicalCall;
  const parts: AddressParts = { partition: partitionOf("shop"), type: "completion", constitutionHash: "c1", canonical };

  it("has a key with a whole SHA-256 and nothing that names the product", () => {
    expect(cacheKey(parts)).toMatch(/^charter:completion:[0-9a-f]{16}:[0-9a-f]{64}$/);
    expect(addressOf(parts)).toEqual({ ...parts, key: cacheKey(parts) });
  });

  it("has another key whenever a part differs, however the parts are cut", () => {
    const other = digest({ a: 2 }) as CanonicalCall;
    const keys = [
      parts,
      { ...parts, partition: partitionOf("shop2") },
      { ...parts, partition: partitionOf(null) },
      { ...parts, partition: partitionOf("none") },
      { ...parts, partition: partitionOf("") },
      { ...parts, type: "embedding" as const },
      { ...parts, constitutionHash: "c2" },
      { ...parts, constitutionHash: 'c1","' },
      { ...parts, partition: partitionOf('shop","c1') },
      { ...parts, canonical: other },
    ].map((each) => cacheKey(each));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("lives as long as the table says, and an hour where it says nothing", () => {
    expect(lifetimeMsOf("completion")).toBe(3_600_000);
    expect(lifetimeMsOf("constitutional_hash")).toBe(maxLifetimeMs);
    expect(lifetimeMsOf("metrics")).toBe(300_000);
    expect(lifetimeMsOf("anything")).toBe(3_600_000);
    expect(lifetimeMsOf("constructor")).toBe(3_600_000);
  });
});
