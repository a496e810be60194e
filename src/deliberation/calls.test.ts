import { describe, expect, it } from "vitest";
import { Calls, unlessAborted } from "./calls.ts";
import type { ModelClient } from "./model-client.ts";

const client: ModelClient = {
  product: null,
  ask: async () => ({ text: "said", tokens: 2, microdollars: 5, model: "m", intentIndex: null }),
};
const messages = [{ role: "user", content: "why?" }] as const;
const terms = { maxTokens: 10, signal: new AbortController().signal };

describe("the calls of a deliberation", () => {
  it("are no more than their limit, whoever makes them", async () => {
    const calls = new Calls(client, 2);
    const [one, other] = [calls.asker(terms), calls.asker(terms)];
    await one.ask(messages, 0);
    await other.ask(messages, 0);
    await expect(one.ask(messages, 0)).rejects.toThrow("at most 2 calls");
    expect(calls.used).toEqual({ calls: 2, tokens: 4, microdollars: 10 });
    expect(one.used).toEqual({ calls: 1, tokens: 2, microdollars: 5 });
  });

  it("are not begun when their time is over, and do not count", async () => {
    const calls = new Calls(client, 2);
    const signal = AbortSignal.abort(new Error("over"));
    await expect(calls.asker({ ...terms, signal }).ask(messages, 0)).rejects.toThrow("over");
    expect(calls.used.calls).toBe(0);
  });

  it("are left at once when their time is over, though the client goes on, and count without cost", async () => {
    const over = new AbortController();
    const calls = new Calls({ product: null, ask: () => new Promise(() => {}) }, 2);
    const asking = calls.asker({ ...terms, signal: over.signal }).ask(messages, 0);
    over.abort(new Error("over"));
    await expect(asking).rejects.toThrow("over");
    expect(calls.used).toEqual({ calls: 1, tokens: 0, microdollars: 0 });
  });
});

describe("waiting until a signal aborts", () => {
  it("gives what the promise gives, or its failure", async () => {
    const { signal } = new AbortController();
    expect(await unlessAborted(Promise.resolve(1), signal)).toBe(1);
    await expect(unlessAborted(Promise.reject(new Error("failed")), signal)).rejects.toThrow("failed");
  });

  it("leaves nobody to hear of a failure that comes later", async () => {
    const late = Promise.withResolvers<never>();
    await expect(unlessAborted(late.promise, AbortSignal.abort(new Error("over")))).rejects.toThrow("over");
    // An unhandled rejection would fail this run.
    late.reject(new Error("too late"));
    await new Promise((resolve) => setImmediate(resolve));
  });
});
