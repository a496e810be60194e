import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { callerOf, hello, openStageRig, product } from "../../../test/support/gateway/stage-rig.ts";
import { noWishes } from "../../answer-cache/index.ts";
import type { CallOptions } from "../prepared.ts";
import { termsOf } from "../call-terms.ts";
import { digest, frontOf, read } from "./read.ts";

let rig: Awaited<ReturnType<typeof openStageRig>>;
beforeAll(async () => {
  rig = await openStageRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

const options: CallOptions = { cache: noWishes, passed: {} };
const call = (body: object, more: Partial<CallOptions> = {}) =>
  ({ dialect: "openai-chat", body: { ...hello, ...body }, options: { ...options, ...more } }) as const;

describe("reading a call", () => {
  it("says what is asked, of whom and under which terms", () => {
    const asked = read(callerOf(), call({}), rig.parts);
    expect(asked).toMatchObject({ product, isForeign: false, serves: "chat", dataClass: "internal" });
    expect(asked.wanted).toMatchObject({ kind: "named", deployments: [{ name: "simulated-nano" }] });
    expect(asked.terms).toEqual(termsOf(rig.parts.constitution, product));
  });

  it("finds no model that there is not, and no product of another", () => {
    expect(() => read(callerOf(), call({ model: "none" }), rig.parts)).toThrow("no deployment has this name");
    expect(() => read(callerOf(), call({ model: "none" }, { product: "OTHER" }), rig.parts)).toThrow("no such product");
    // The gate refuses it, on record.
    expect(read(callerOf(), call({}, { product: "OTHER" }), rig.parts).isForeign).toBe(true);
  });

  it("holds a call of no product to the terms of all", () => {
    const { constitution } = rig.parts;
    expect(termsOf(constitution, null)).toBe(constitution.data.gateway.terms);
    expect(termsOf(constitution, "constructor")).toBe(constitution.data.gateway.terms);
  });

  it("digests what has a canonical form, and refuses the rest", async () => {
    const { signal } = callerOf();
    const { prompt } = await digest(call({}), signal);
    expect(prompt).toMatch(/^(sha256:)?[0-9a-f]{64}$/);
    expect((await digest(call({ temperature: 1 }), signal)).prompt).not.toBe(prompt);
    await expect(digest(call({ seed: 2 ** 60 }), signal)).rejects.toMatchObject({ code: "dialect.invalid" });
    const messages = Array.from({ length: 100_000 }, () => ({}));
    await expect(digest(call({ messages }), signal)).rejects.toMatchObject({ code: "dialect.invalid" });
  });

  it("says so when the caller has gone", async () => {
    const gone = digest(call({ messages: ["x".repeat(10_000_000)] }), AbortSignal.abort());
    await expect(gone).rejects.toMatchObject({ code: "call.aborted" });
  });

  it("serves no dialect that only upstreams speak", () => {
    expect(() => frontOf(rig.parts.fronts, "gemini")).toThrow("does not serve gemini");
  });
});
