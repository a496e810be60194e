// Answers that are given again: to whom, when, at what cost, and never to another product.
import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { questions, readStream, scriptedAnswer, startRig } from "../support/gateway/gateway.ts";
import type { GatewayRig } from "../support/gateway/gateway.ts";
import { eventually } from "../support/wait.ts";

let rig: GatewayRig;

beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig[Symbol.asyncDispose]());
afterEach(() => rig.upstream.script([]));

const question = questions();
const sha256 = (data: string | Buffer): string => `sha256:${createHash("sha256").update(data).digest("hex")}`;

describe("an answer that is kept", () => {
  const cacheOf = async (
    body: object,
    more: { key?: string; headers?: Record<string, string> } = {},
  ): Promise<{ status: number; cache: string | null; cost: string | null; text: string }> => {
    const { status, headers, text } = await rig.chat({ model: "answers", ...body }, more);
    return { status, cache: headers.get("x-charter-cache"), cost: headers.get("x-charter-cost-microdollars"), text };
  };
  const upstreamCalls = async (work: () => Promise<unknown>): Promise<number> => {
    const { length } = rig.upstream.seen;
    await work();
    return rig.upstream.seen.length - length;
  };

  it("is given again to the same question of the same product, for nothing", async () => {
    const body = question();
    const first = await cacheOf(body);
    const size = await rig.charter.ledgerSize();
    const { used } = await rig.budget();
    expect(
      await upstreamCalls(async () => expect(await cacheOf(body)).toEqual({ ...first, cache: "hit", cost: "0" })),
    ).toBe(0);
    expect((await rig.outcomeSince(size)).facts).toMatchObject({
      cache: "hit",
      input_tokens: 0,
      output_tokens: 0,
      microdollars: 0,
      reply: sha256(first.text),
    });
    expect((await rig.budget()).used).toBe(used);
  });

  it("is never given to another product, nor to a caller of none", async () => {
    const body = question();
    await cacheOf(body);
    expect(await upstreamCalls(() => cacheOf(body, { key: rig.otherKey }))).toBe(1);
    expect(await upstreamCalls(() => cacheOf(body, { key: rig.charter.adminKey }))).toBe(1);
    expect(await upstreamCalls(() => cacheOf(body, { key: rig.agentKey }))).toBe(0);
  });

  it("is not looked for when something new is asked for", async () => {
    for (const more of [{ temperature: 0.7 }, { temperature: 2.5 }, { n: 2 }]) {
      const body = { ...question(), ...more };
      for (let i = 0; i < 2; i++) {
        expect(await upstreamCalls(async () => expect((await cacheOf(body)).cache).toBe("bypass"))).toBe(1);
      }
    }
  });

  it("differs with everything that could change the answer", async () => {
    const body = { ...question(), vendor_option: 1 };
    await cacheOf(body);
    for (const other of [
      { ...body, vendor_option: 2 },
      { ...body, model: "up/ok" },
      { ...body, seed: 7 },
      { ...body, max_tokens: 7 },
    ]) {
      expect((await cacheOf(other)).cache, JSON.stringify(other)).toBe("miss");
    }
    expect((await cacheOf(body)).cache).toBe("hit");
    expect((await cacheOf(body, { headers: { "x-charter-data-class": "public" } })).cache).toBe("miss");
  });

  it("follows what the caller says about keeping", async () => {
    const say = (words: string) => ({ headers: { "cache-control": words } });
    const body = question();
    expect((await cacheOf(body, say("only-if-cached"))).status).toBe(504);
    expect((await cacheOf(body, say("no-store"))).cache).toBe("bypass");
    expect((await cacheOf(body, say("only-if-cached"))).status).toBe(504);
    expect((await cacheOf(body)).cache).toBe("miss");
    expect((await cacheOf(body, say("only-if-cached"))).cache).toBe("hit");
    expect(await upstreamCalls(async () => expect((await cacheOf(body, say("no-cache"))).cache).toBe("miss"))).toBe(1);
    expect((await cacheOf(body, say("max-age=0"))).cache).toBe("miss");
    expect((await cacheOf(body, say("max-age=60"))).cache).toBe("hit");
    expect((await cacheOf(body, say("no-store"))).cache).toBe("bypass");
    expect((await cacheOf(body)).cache).toBe("hit");
  });

  it("whole is replayed as a stream, and a stream as a whole", async () => {
    const first = question();
    await cacheOf(first);
    expect(
      await upstreamCalls(async () => {
        const { cache, text } = await cacheOf({ ...first, stream: true, stream_options: { include_usage: true } });
        const { data, facts } = readStream(text);
        const chunks = data.slice(0, -1).map((each) => JSON.parse(each));
        expect(cache).toBe("hit");
        expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).toBe(scriptedAnswer);
        expect(data.at(-1)).toBe("[DONE]");
        expect(facts).toMatchObject({ cache: "hit", microdollars: 0 });
      }),
    ).toBe(0);
    const second = question();
    await cacheOf({ ...second, stream: true });
    expect(
      await upstreamCalls(async () => {
        const { cache, text } = await cacheOf(second);
        expect(cache).toBe("hit");
        expect(JSON.parse(text)).toMatchObject({
          object: "chat.completion",
          choices: [{ finish_reason: "stop", message: { role: "assistant", content: scriptedAnswer } }],
        });
      }),
    ).toBe(0);
  });

  it.each([false, true])("is made once for twenty who ask at the same time (streamed: %s)", async (stream) => {
    const body = { ...question(), model: "up/slow-150", stream };
    const size = await rig.charter.ledgerSize();
    const answers: string[] = [];
    expect(
      await upstreamCalls(async () => {
        const told = await Promise.all(Array.from({ length: 20 }, () => cacheOf(body)));
        for (const { status, text } of told) {
          expect(status).toBe(200);
          answers.push(
            stream
              ? readStream(text)
                  .data.slice(0, -1)
                  .map((each) => JSON.parse(each).choices[0]?.delta.content ?? "")
                  .join("")
              : JSON.parse(text).choices[0].message.content,
          );
        }
        expect(told.filter(({ cache }) => cache === "miss")).toHaveLength(1);
        expect(told.filter(({ cache }) => cache === "hit")).toHaveLength(19);
      }),
    ).toBe(1);
    expect(answers).toEqual(Array.from({ length: 20 }, () => scriptedAnswer));
    const { intents, outcomes } = await rig.callsSince(size);
    expect([intents.length, outcomes.length]).toEqual([20, 20]);
    expect(outcomes.filter(({ facts }) => facts?.cache === "miss")).toHaveLength(1);
    expect(outcomes.filter(({ facts }) => facts?.cache === "hit" && facts.microdollars === 0)).toHaveLength(19);
  });

  it("is never a failure, nor an answer that broke off", async () => {
    const body = { ...question(), stream: true };
    rig.upstream.script(["cut-mid-stream"]);
    expect((await cacheOf(body)).text).toContain("upstream.failed");
    const { cache, text } = await cacheOf(body);
    expect([cache, readStream(text).data.at(-1)]).toEqual(["miss", "[DONE]"]);
  });

  it("of one who left stays whole for those who follow", async () => {
    const body = { ...question(), model: "up/paced-200" };
    const leaving = new AbortController();
    const { length } = rig.upstream.seen;
    const size = await rig.charter.ledgerSize();
    const leader = rig.openai().chat.completions.create({ ...body, stream: true } as never, { signal: leaving.signal });
    await rig.upstream.until(() => rig.upstream.seen.length === length + 1);
    const follower = rig.openai().chat.completions.stream(body as never);
    // The follower is there once its intent is.
    await (leader as unknown as Promise<unknown>).catch(() => {});
    await eventually(async () => (await rig.callsSince(size)).intents.length === 2);
    leaving.abort();
    expect(await follower.finalContent()).toBe(scriptedAnswer);
    expect(rig.upstream.seen).toHaveLength(length + 1);
  });
});
