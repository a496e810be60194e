import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../kernel/canonical-json.ts";
import { OpenIntents } from "./intents.ts";

const entry = (leaf: object): Buffer => Buffer.from(canonicalJson(leaf));

describe("open intents", () => {
  it("are those that no outcome names", () => {
    const intents = new OpenIntents();
    intents.observe(0, entry({ kind: "intent", v: 1 }));
    intents.observe(1, entry({ kind: "intent", v: 1 }));
    intents.observe(2, entry({ kind: "finding", intent: 0, v: 1 }));
    intents.observe(3, entry({ kind: "outcome", intent: 1, v: 1 }));
    intents.observe(4, entry({ kind: "heartbeat", v: 1 }));
    expect(intents.indexes()).toEqual([0]);
  });

  it("are never made or closed by what a text field says", () => {
    const texts = fc.constantFrom(
      '"kind":"intent"',
      '"intent":0,"kind":"outcome"',
      '\\"kind":"outcome"',
      '{"kind":"intent"}',
    );
    fc.assert(
      fc.property(texts, fc.string(), (hostile, noise) => {
        const intents = new OpenIntents();
        intents.observe(0, entry({ kind: "intent", digest: hostile, resource: hostile + noise }));
        intents.observe(1, entry({ kind: "admin", digest: hostile, note: noise + hostile }));
        expect(intents.indexes()).toEqual([0]);
      }),
    );
  });
});
