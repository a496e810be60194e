import { describe, expect, it } from "vitest";
import { callerOf, hello, openStageRig } from "../../../test/support/gateway/stage-rig.ts";
import { Fault } from "../../kernel/fault.ts";
import { attempt } from "./attempt.ts";
import { cache } from "./cache.ts";
import { deliver } from "./deliver.ts";
import { reserve } from "./reserve.ts";
import { settle } from "./settle.ts";

type Rig = Awaited<ReturnType<typeof openStageRig>>;

async function delivered(rig: Rig, more: object = {}, options: object = {}) {
  const session = await rig.begin({ body: { ...hello, ...more }, options });
  const turn = await cache(session, rig.parts);
  const isShared = turn.kind === "hit" || turn.kind === "follow";
  const answer = isShared ? turn : await attempt(session, await reserve(session, rig.parts), rig.parts);
  return { session, given: await deliver(session, answer, rig.parts) };
}

async function textOf(bytes: AsyncIterable<Buffer>): Promise<string> {
  const all: Buffer[] = [];
  for await (const each of bytes) all.push(each);
  return Buffer.concat(all).toString("utf8");
}

const failing = {
  check: () => {
    throw new Error("a fault of ours");
  },
} as never;

describe("delivering an answer", () => {
  it("passes a whole answer on as it came, and the same again when it was kept", async () => {
    await using rig = await openStageRig({ cacheTtlSeconds: 60 });
    const { given: first } = await delivered(rig);
    const { given: second, session } = await delivered(rig);
    if (first.kind !== "whole" || second.kind !== "whole") throw new Error("no whole answer");
    expect(first.ending).toMatchObject({ model: "simulated-nano", finish: "stop", usage: { estimated: false } });
    expect(second.body).toEqual(first.body);
    expect(second.ending).toMatchObject({ microdollars: 0, usage: { inputTokens: 0 } });
    expect(session.progress.reasons).toContain("the answer of simulated-nano was kept");
  });

  it("passes a stream on, with the facts before its last frame, and ends the call with it", async () => {
    await using rig = await openStageRig();
    const { given, session } = await delivered(rig, { stream: true });
    if (given.kind !== "stream") throw new Error(given.kind);
    expect(session.isOver).toBe(false);
    const text = await textOf(given.bytes);
    expect(text).toMatch(/: charter \{.*"outcome_index":\d+.*\}\n\ndata: \[DONE\]\n\n$/s);
    expect(session.isOver).toBe(true);
    expect(session.progress.chunks?.count).toBeGreaterThan(0);
    expect(rig.calls).toMatchObject([{ streamed: true, finish: "stop", error: undefined }]);
  });

  it("ends a stream whose call is ended from here with an error frame", async () => {
    await using rig = await openStageRig();
    const caller = new AbortController();
    const session = await rig.begin({ body: { ...hello, stream: true }, ctx: callerOf(caller.signal) });
    const answer = await attempt(session, await reserve(session, rig.parts), rig.parts);
    const given = await deliver(session, answer, rig.parts);
    caller.abort(new Fault("auth.revoked", "the key was revoked"));
    if (given.kind !== "stream") throw new Error(given.kind);
    expect(await textOf(given.bytes)).toMatch(/^data: \{"error":\{.*revoked/);
    expect(rig.calls).toMatchObject([{ error: "auth.revoked" }]);
  });

  it("leaves a call that it follows when its own intent cannot be recorded", async () => {
    await using rig = await openStageRig({ cacheTtlSeconds: 60 });
    const leader = await cache(await rig.begin({ body: { ...hello, stream: true } }), rig.parts);
    if (leader.kind !== "lead") throw new Error(leader.kind);
    leader.lead.push({ kind: "text", choice: 0, text: "begun" });
    const session = await rig.begin({ body: { ...hello, stream: true } });
    const turn = await cache(session, rig.parts);
    if (turn.kind !== "follow") throw new Error(turn.kind);
    const intent = Promise.reject(new Fault("ledger.full", "full"));
    Object.assign(session.parts, { begun: { ...session.parts.begun, intent } });
    await expect(deliver(session, turn, rig.parts)).rejects.toMatchObject({ code: "ledger.full" });
    leader.lead.fail(new Error("broke"));
    expect(rig.parts.cache.stats().heldBytes).toBe(0);
  });

  it("ends a stream whose form cannot be judged: it is charged and on record, and its caller is told", async () => {
    await using rig = await openStageRig();
    const session = await rig.begin({ body: { ...hello, stream: true, response_format: { type: "json_object" } } });
    const answer = await attempt(session, await reserve(session, rig.parts), rig.parts);
    const given = await deliver(session, answer, { ...rig.parts, forms: failing });
    if (given.kind !== "stream") throw new Error(given.kind);
    expect(await textOf(given.bytes)).toMatch(/"error":\{.*internal/);
    expect(rig.calls).toMatchObject([{ error: "internal.error", usage: { estimated: false } }]);
    expect(rig.leaves.at(-1)).toMatchObject({ kind: "outcome", outcome: "failed" });
  });

  it("charges what the provider says where Charter fails at its answer", async () => {
    await using rig = await openStageRig();
    const session = await rig.begin({ body: { ...hello, response_format: { type: "json_object" } } });
    const answer = await attempt(session, await reserve(session, rig.parts), rig.parts);
    const given = await deliver(session, answer, { ...rig.parts, forms: failing });
    expect(given).toMatchObject({ kind: "withheld", error: { message: "a fault of ours" } });
    if (given.kind !== "withheld") throw new Error(given.kind);
    expect(given.ending.usage.estimated).toBe(false);
    await expect(settle(session, given)).rejects.toThrow();
    expect(rig.calls).toMatchObject([{ error: "internal.error", usage: given.ending.usage }]);
    expect(given.ending.usage.inputTokens).toBeGreaterThan(0);
  });

  it("withholds what was paid for and may not be given", async () => {
    await using rig = await openStageRig();
    const session = await rig.begin();
    const answer = await attempt(session, await reserve(session, rig.parts), rig.parts);
    rig.halted.is = true;
    const given = await deliver(session, answer, rig.parts);
    expect(given).toMatchObject({ kind: "withheld", ending: { finish: "error", usage: { estimated: false } } });
  });
});
