import { describe, expect, it } from "vitest";
import { depositoryFault } from "../depository/index.ts";
import type { Content, Depository, Draft, Stored } from "../depository/index.ts";
import type { KeptCall } from "../gateway/index.ts";
import { silentLog } from "../kernel/ctx.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { digestOf } from "../kernel/hash.ts";
import { bodyKeeper } from "./keep-bodies.ts";

const body = (text: string) => ({ bytes: Buffer.from(text), digest: digestOf(text), mediaType: "application/json" });
const call: KeptCall = {
  product: "AI_ASSISTANT",
  type: "ConversationArtifact",
  facts: { intentIndex: 4, outcomeIndex: 5, model: "m" },
  prompt: body('"asked"'),
  reply: body('"answered"'),
};

/** A keeper over a depository that does as a test says, with what was asked of it and what was logged. */
function rig(create: (draft: Draft, content: Content, ctx: Ctx) => Promise<void> = async () => {}) {
  const drafts: Draft[] = [];
  const logged: object[] = [];
  const depository: Pick<Depository, "create"> = {
    create: async (ctx, draft, content) => {
      drafts.push(draft);
      await create(draft, content, ctx);
      return { artifact: { artifact_id: `artifact-${drafts.length}` } } as unknown as Stored;
    },
  };
  const gone = new AbortController();
  gone.abort();
  const log = { ...silentLog, error: (fields: object) => void logged.push(fields) };
  const ctx = { operation: "chat.create", requestId: "r", signal: gone.signal, log } as unknown as Ctx;
  const keeper = bodyKeeper(depository);
  return { keep: () => keeper.keep(ctx, call), drafts, logged };
}

describe("the keeper of bodies", () => {
  it("stores the prompt, then the reply as made from it, and asks for the digests of the record", async () => {
    const seen: unknown[] = [];
    const { keep, drafts } = rig(async (_draft, { expectedDigest }, { operation, signal }) => {
      seen.push([expectedDigest, operation, signal.aborted]);
    });
    await keep();
    expect(drafts).toMatchObject([
      {
        tags: ["model-call", "prompt"],
        derivedFrom: [],
        metadata: { part: "prompt", intent_index: 4, outcome_index: 5 },
      },
      { tags: ["model-call", "reply"], derivedFrom: ["artifact-1"] },
    ]);
    expect(seen).toEqual([
      [call.prompt.digest, "artifact.create", false],
      [call.reply.digest, "artifact.create", false],
    ]);
  });

  it("never rejects, and logs no word of what was said", async () => {
    const { keep, drafts, logged } = rig(() => Promise.reject(depositoryFault("quota.exceeded", "full")));
    await keep();
    expect(drafts).toHaveLength(1);
    expect(logged).toMatchObject([{ code: "quota.exceeded", product: "AI_ASSISTANT", intentIndex: 4 }]);
    expect(JSON.stringify(logged)).not.toMatch(/asked|answered/);
  });

  it("comes back when other writers have shut it out", async () => {
    let refusals = 2;
    const { keep, drafts, logged } = rig(async () => {
      if (refusals-- > 0) throw depositoryFault("writes.paused", "busy", { retryAfterSeconds: 0.01 });
    });
    await keep();
    expect([drafts.length, logged]).toEqual([4, []]);
  });

  it("keeps so many calls at a time that ordinary writers find room", async () => {
    let [inside, most] = [0, 0];
    const { keep, drafts } = rig(async () => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 1));
      inside--;
    });
    await Promise.all(Array.from({ length: 100 }, keep));
    expect([drafts.length, most]).toEqual([200, 16]);
  });
});
