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
    intents.observe(4, entry({ kind: "admin", v: 1 }));
    expect(intents.indexes()).toEqual([0]);
  });

  it("are found in both formats, whatever fields a leaf has", () => {
    const old = { constitutionHash: "0", principal: "p", principalKind: "system", requestId: "r", note: "n", v: 1 };
    const now = { constitution_hash: "0", principal: "p", principal_kind: "system", request_id: "r", note: "n", v: 2 };
    const intents = new OpenIntents();
    intents.observe(0, entry({ ...old, kind: "intent" }));
    intents.observe(1, entry({ ...now, kind: "intent" }));
    intents.observe(2, entry({ ...now, kind: "intent" }));
    intents.observe(3, entry({ ...old, call: { kind: "x", intent: 1 }, kind: "outcome", intent: 0 }));
    intents.observe(4, entry({ ...now, facts: { kind: "x", intent: 2 }, kind: "outcome", intent: 1 }));
    expect(intents.indexes()).toEqual([2]);
  });

  it("are never made or closed by facts that are named like a leaf's own fields", () => {
    const intents = new OpenIntents();
    intents.observe(0, entry({ kind: "intent", facts: { intent: 0, kind: "outcome" }, v: 2 }));
    intents.observe(1, entry({ kind: "admin", facts: { intent: 0, kind: "outcome" }, v: 2 }));
    intents.observe(2, entry({ kind: "admin", facts: { kind: "intent" }, v: 2 }));
    intents.observe(3, entry({ kind: "finding", facts: { intent: 0, kind: "outcome" }, intent: 0, v: 2 }));
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
