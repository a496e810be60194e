// Keeps what was asked of models and what they answered as artifacts of the product that asked: the prompt, and the reply
// that was made from it. Both go through the depository's door, and so through the gate, in the caller's name.
import { setTimeout as sleep } from "node:timers/promises";
import { bodyOf } from "../depository/index.ts";
import type { Depository, Draft, Stored } from "../depository/index.ts";
import type { BodyKeeper, KeptBody, KeptCall } from "../gateway/index.ts";
import { Semaphore } from "../kernel/concurrency.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { holderOf } from "../kernel/fair-share.ts";
import { Fault } from "../kernel/fault.ts";
import type { Module } from "../kernel/module.ts";

/**
 * Most calls that are kept at a time: far fewer than writers are let in, so that calls of models shut no one else out. An answer
 * waits for its turn, so each product has a fair share of these places (at most 16), and products take turns.
 */
const places = { maxInside: 20, maxWaiting: Number.MAX_SAFE_INTEGER, sharesPlaces: true };
/** How often a call that others' writes shut out tries again. */
const maxRetries = 3;

/** A keeper that keeps in the depository. */
export function bodyKeeper(depository: Pick<Depository, "create">): BodyKeeper {
  const atWork = new Semaphore(places);

  async function stored(ctx: Ctx, draft: Draft, { bytes, digest }: KeptBody): Promise<Stored> {
    for (let retry = 0; ; retry++) {
      const content = {
        body: bodyOf(bytes),
        declaredBytes: bytes.length,
        expectedDigest: digest,
        knownDigest: digest,
      };
      try {
        return await depository.create(ctx, draft, content, {});
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== "writes.paused" || retry >= maxRetries) throw error;
        await sleep(1000 * (error.facts.retryAfterSeconds ?? 1));
      }
    }
  }

  return {
    async keep(ctx, call) {
      // The caller may have left; what it was told stands all the same.
      const own: Ctx = { ...ctx, operation: "artifact.create", signal: new AbortController().signal };
      using _place = await atWork.enter(holderOf(call.product));
      try {
        const { artifact } = await stored(own, draftOf(ctx, call, "prompt", []), call.prompt);
        await stored(own, draftOf(ctx, call, "reply", [artifact.artifact_id]), call.reply);
      } catch (error) {
        const { intentIndex } = call.facts;
        const code = error instanceof Fault ? error.code : "internal.error";
        ctx.log.error({ code, product: call.product, intentIndex, err: error }, "a call's bodies could not be kept");
      }
    },
  };
}

function draftOf({ requestId }: Ctx, call: KeptCall, part: "prompt" | "reply", derivedFrom: readonly string[]): Draft {
  const { intentIndex, outcomeIndex, model } = call.facts;
  return {
    product: call.product,
    type: call.type,
    mediaType: call[part].mediaType,
    tags: ["model-call", part],
    metadata: { part, intent_index: intentIndex, outcome_index: outcomeIndex, model, request_id: requestId },
    derivedFrom,
  };
}

/** Keeps bodies in the depository. */
export const keepBodies = {
  name: "keep-bodies",
  open: ({ depository }: { readonly depository: Depository }): { readonly keeper: BodyKeeper } => ({
    keeper: bodyKeeper(depository),
  }),
} as const satisfies Module<{ readonly depository: Depository }>;
