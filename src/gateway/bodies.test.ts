import { describe, expect, it } from "vitest";
import type { Ctx } from "../kernel/ctx.ts";
import { digestOf, digestOfJson } from "../kernel/hash.ts";
import { CallBodies, maxKeptBytes } from "./bodies.ts";
import type { KeptCall } from "./bodies.ts";

function rig() {
  const kept: KeptCall[] = [];
  const keeper = { keep: async (_ctx: Ctx, call: KeptCall) => void kept.push(call) };
  const asked = { b: [1, 2], a: "é" };
  const about = { ctx: {} as Ctx, product: "AI_ASSISTANT", type: "ConversationArtifact", asked };
  const bodies = new CallBodies(keeper, about);
  const keep = (reply: string) =>
    bodies.keep(
      { intentIndex: 1, outcomeIndex: 2, model: "m" },
      { prompt: digestOfJson(asked), reply: digestOf(reply), streamed: true },
    );
  return { bodies, keep, kept };
}

describe("the bodies of a call", () => {
  it("are the bytes that the digests of the record are of", async () => {
    const { bodies, keep, kept } = rig();
    for (const piece of ["data: 1\n\n", "data: 2\n\n"]) bodies.add(Buffer.from(piece));
    await keep("data: 1\n\ndata: 2\n\n");
    const [{ prompt, reply }] = kept as [KeptCall];
    expect([digestOf(prompt.bytes), digestOf(reply.bytes)]).toEqual([prompt.digest, reply.digest]);
    expect([prompt.mediaType, reply.mediaType]).toEqual(["application/json", "text/event-stream"]);
  });

  it("are let go of, and not kept, once the reply is too long", async () => {
    const { bodies, keep, kept } = rig();
    bodies.add(Buffer.alloc(maxKeptBytes));
    expect(bodies.isTooLong).toBe(false);
    bodies.add(Buffer.alloc(1));
    expect(bodies.isTooLong).toBe(true);
    await keep("");
    expect(kept).toEqual([]);
  });
});
