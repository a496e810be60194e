// Prompts and replies, word for word, of products that keep them.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalJson } from "../../src/kernel/canonical-json.ts";
import { digestOf } from "../../src/kernel/hash.ts";
import type { ShownLeaf } from "../support/ledger/record.ts";
import { questions, readStream, startRig } from "../support/gateway/gateway.ts";
import type { GatewayRig } from "../support/gateway/gateway.ts";

let rig: GatewayRig;
beforeAll(async () => {
  rig = await startRig({
    constitution: [[["products", "AI_ASSISTANT", "models"], { keepBodiesAs: "ConversationArtifact" }]],
  });
});
afterAll(() => rig[Symbol.asyncDispose]());

const question = questions();
const secret = "sk-proj-9Kx2mQ7vT4bN8wL1zR6yH3jF5dS0aP2cE7gU4iO1";

interface Kept {
  readonly artifact_id: string;
  readonly content_hash: string;
  readonly media_type: string;
  readonly created_by: string;
  readonly metadata: Record<string, unknown>;
  readonly derived_from: readonly string[];
  readonly text: string;
}

/** What is kept of one call, prompt and reply, with their bytes. */
async function keptOf({ intent }: ShownLeaf): Promise<Record<"prompt" | "reply", Kept | undefined>> {
  const { json } = await rig.charter.ask("/v1/artifacts?product=AI_ASSISTANT&tag=model-call&limit=200");
  const own = json.artifacts.filter(({ metadata }: Kept) => metadata["intent_index"] === intent);
  const read = async (part: string): Promise<Kept | undefined> => {
    const found: Kept | undefined = own.find(({ metadata }: Kept) => metadata["part"] === part);
    if (found === undefined) return undefined;
    const { text } = await rig.charter.ask(`/v1/artifacts/${found.artifact_id}/content`);
    return { ...found, text };
  };
  return { prompt: await read("prompt"), reply: await read("reply") };
}

/** One call with its outcome and what is kept of it. */
async function asked(body: object, more: Parameters<GatewayRig["chat"]>[1] = {}) {
  const size = await rig.charter.ledgerSize();
  const sent = { model: "answers", ...question(), ...body };
  const answer = await rig.chat(sent, more);
  const outcome = await rig.outcomeSince(size);
  return { sent, answer, outcome, kept: await keptOf(outcome) };
}

describe("a product that keeps what is said", () => {
  it("finds prompt and reply under the digests of the call's outcome", async () => {
    const { sent, answer, outcome, kept } = await asked({});
    expect(kept.prompt).toMatchObject({ text: canonicalJson(sent), content_hash: outcome.facts?.prompt });
    expect(kept.reply).toMatchObject({
      text: answer.text,
      content_hash: outcome.facts?.reply,
      media_type: "application/json",
      created_by: outcome.principal,
      derived_from: [kept.prompt?.artifact_id],
      metadata: { part: "reply", model: "ok", request_id: outcome.request_id },
    });
    expect(kept.reply?.metadata["outcome_index"]).toBe(Number(answer.headers.get("x-charter-outcome")));
  });

  it("finds a stream as it was sent, up to Charter's own words", async () => {
    const { answer, outcome, kept } = await asked({ stream: true });
    const sent = answer.text.slice(0, answer.text.indexOf(": charter "));
    expect(readStream(answer.text).facts.outcome_index).toBe(kept.reply?.metadata["outcome_index"]);
    expect(kept.reply).toMatchObject({
      text: sent,
      media_type: "text/event-stream",
      content_hash: outcome.facts?.reply,
    });
  });

  it("finds the answers that were kept in the cache too, each for its own call", async () => {
    const same = question();
    const [first, second] = [await asked(same), await asked(same)];
    expect(second.answer.headers.get("x-charter-cache")).toBe("hit");
    expect(second.kept.reply?.content_hash).toBe(second.outcome.facts?.reply);
    expect(second.kept.reply?.artifact_id).not.toBe(first.kept.reply?.artifact_id);
  });

  it("finds what its caller wrote, also what the provider was not shown", async () => {
    const { kept, outcome } = await asked({ messages: [{ role: "user", content: `My key is ${secret}` }] });
    expect(JSON.stringify(rig.upstream.seen.at(-1)?.json)).not.toContain(secret);
    expect(kept.prompt?.text).toContain(secret);
    expect(digestOf(kept.prompt?.text ?? "")).toBe(outcome.facts?.prompt);
  });

  it("finds nothing of a call that was refused or that failed", async () => {
    expect((await asked({ model: "up/500" })).kept).toEqual({ prompt: undefined, reply: undefined });
    const size = await rig.charter.ledgerSize();
    expect((await rig.chat({ ...question(), model: "nobody" })).status).toBe(404);
    expect(await rig.charter.ledgerSize()).toBe(size);
  });

  it("has each write on record in the caller's name, an agent's as well", async () => {
    const { outcome, kept } = await asked({}, { key: rig.agentKey });
    expect(kept.reply?.created_by).toBe(outcome.principal);
    const leaves = await rig.leaves();
    const writes = leaves.filter(
      ({ operation, principal, kind }) =>
        operation === "artifact.create" && principal === outcome.principal && kind === "outcome",
    );
    expect(writes.map(({ outcome: end }) => end)).toEqual(["committed", "committed"]);
    // What an agent has said it may still not read back.
    const { status } = await rig.charter.ask(`/v1/artifacts/${kept.reply?.artifact_id}`, { key: rig.agentKey });
    expect(status).toBe(403);
  });

  it("answers two hundred at once, and finds all of them", async () => {
    const size = await rig.charter.ledgerSize();
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => rig.chat({ model: "answers", ...question(), max_tokens: 10 })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const writes = (await rig.leaves())
      .slice(size)
      .filter(({ operation, kind }) => operation === "artifact.create" && kind === "outcome");
    expect(writes.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 400 }, () => "committed"));
  });
});

describe("keeping what is said", () => {
  it("is no other product's business", async () => {
    const size = await rig.charter.ledgerSize();
    expect((await rig.chat({ model: "answers", ...question() }, { key: rig.otherKey })).status).toBe(200);
    await sleep(100);
    expect(await rig.charter.ledgerSize()).toBe(size + 2);
  });

  it("that is refused leaves the answer as it is, and the refusal on record", async () => {
    await using full = await startRig({
      constitution: [
        [["products", "AI_ASSISTANT", "models"], { keepBodiesAs: "ConversationArtifact" }],
        [["products", "AI_ASSISTANT", "quotaBytes"], 10],
      ],
    });
    expect((await full.chat({ model: "answers", ...question() })).status).toBe(200);
    const refused = (await full.leaves()).filter(
      ({ operation, kind }) => operation === "artifact.create" && kind === "outcome",
    );
    expect(refused).toMatchObject([{ outcome: "refused", code: "quota.exceeded" }]);
  });
});
