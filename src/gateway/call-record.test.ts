import { describe, expect, it } from "vitest";
import { digestOf } from "../kernel/hash.ts";
import { maxFacts, maxFactTextLength } from "../ledger/leaf.ts";
import { noUsage } from "../models/index.ts";
import { callRecord, plain } from "./call-record.ts";
import type { EndedCall } from "./call-record.ts";

const [prompt, reply] = [digestOf("prompt"), digestOf("reply")];

/** A call of which nothing is known but that it failed. */
const least: EndedCall = {
  deployment: undefined,
  model: "auto",
  tier: 2,
  reasons: [],
  attempts: 0,
  streamed: false,
  cache: "bypass",
  finish: "error",
  usage: noUsage,
  microdollars: null,
  charged: undefined,
  schema: undefined,
  governed: [],
  unknown: [],
  dropped: [],
  prompt,
  reply: undefined,
};

/** A call of which everything is known. */
const whole: EndedCall = {
  ...least,
  deployment: "one",
  reasons: ["named", "score 0.9: cheap, near"],
  microdollars: 0,
  charged: { tokens: 5, microdollars: 6 },
  schema: "valid",
  serviceTier: "priority",
  source: "provider",
  governed: ["service_tier (price)", "speed (price, place)"],
  unknown: ["frobnicate"],
  dropped: ["user", "metadata"],
  reply,
};

describe("the record of a call", () => {
  it("leaves out what is not known", () => {
    const { reasons, ...known } = callRecord(least);
    expect(reasons).toBe("");
    const absent = ["deployment", "microdollars", "charged_tokens", "schema", "service_tier", "reply"];
    for (const name of [...absent, "governed_parameters"]) expect(known).not.toHaveProperty(name);
  });

  it("holds lists as one text, and facts in canonical order", () => {
    const record = callRecord(whole);
    expect(record).toMatchObject({
      reasons: "named; score 0.9: cheap, near",
      governed_parameters: "service_tier (price); speed (price, place)",
      unknown_parameters: "frobnicate",
      dropped_parameters: "user; metadata",
      microdollars: 0,
      charged_tokens: 5,
      charged_microdollars: 6,
      prompt,
      reply,
    });
    const names = Object.keys(record);
    expect(names).toHaveLength(25);
    expect(names).toEqual(names.toSorted());
  });

  it("fits a leaf, whatever a provider says", () => {
    const hostile = "\ud83d\ude00".repeat(100_000);
    for (const text of [hostile, `x${hostile}`, "\ud800", "", "\0"]) {
      const texts = { model: text, finish: text, serviceTier: text, reasons: Array.from({ length: 50 }, () => text) };
      const facts = Object.entries(callRecord({ ...whole, ...texts }));
      expect(facts.length).toBeLessThanOrEqual(maxFacts);
      for (const [name, value] of facts) {
        if (typeof value !== "string") continue;
        expect([name, value.isWellFormed(), value.length <= maxFactTextLength]).toEqual([name, true, true]);
      }
    }
    expect(plain("")).toBe("unknown");
  });
});
