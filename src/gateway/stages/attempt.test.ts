import { describe, expect, it } from "vitest";
import { hello, openStageRig } from "../../../test/support/gateway/stage-rig.ts";
import { attempt } from "./attempt.ts";
import { reserve } from "./reserve.ts";

async function landed(rig: Awaited<ReturnType<typeof openStageRig>>, more: object = {}) {
  const session = await rig.begin({ body: { ...hello, ...more } });
  return { session, answer: await attempt(session, await reserve(session, rig.parts), rig.parts) };
}

describe("attempting a call", () => {
  it("gives a whole answer, and says who gave it", async () => {
    await using rig = await openStageRig();
    const { session, answer } = await landed(rig);
    expect(answer).toMatchObject({ kind: "whole", deployment: { name: "simulated-nano" } });
    expect(session.progress).toMatchObject({ attempts: 1, candidate: { deployment: { name: "simulated-nano" } } });
    expect(session.progress.phases.at(-1)).toMatchObject({ name: "attempt", deployment: "simulated-nano" });
    expect(rig.attempts).toMatchObject([{ status: 200, error: undefined, isRetry: false }]);
  });

  it("gives a stream that has begun", async () => {
    await using rig = await openStageRig();
    const { answer } = await landed(rig, { stream: true });
    if (answer.kind !== "stream") throw new Error(answer.kind);
    expect(await answer.intake.next()).not.toHaveLength(0);
    answer.intake.broke(new Error("enough"));
  });

  it("tries once what the provider refuses as wrong", async () => {
    await using rig = await openStageRig();
    await expect(landed(rig, { n: 99 })).rejects.toMatchObject({ code: "upstream.refused" });
    expect(rig.attempts).toMatchObject([{ status: 400, error: "upstream.refused" }]);
  });

  it("is charged by the provider's account where Charter fails at the answer", async () => {
    await using rig = await openStageRig();
    const body = { ...hello, response_format: { type: "json_object" } };
    const session = await rig.begin({ body, options: { schema: "enforce" } });
    const check = (): never => {
      throw new Error("a fault of ours");
    };
    const parts = { ...rig.parts, forms: { check } as never };
    await expect(attempt(session, await reserve(session, parts), parts)).rejects.toThrow("a fault of ours");
    expect(rig.attempts).toMatchObject([{ status: 200, error: "internal.error" }]);
    const [charge] = session.close(undefined);
    expect(charge?.cost.usage).toMatchObject({ estimated: false });
    expect(charge?.cost.usage.outputTokens).toBeGreaterThan(0);
  });

  it("climbs from a cheap model to a stronger one", async () => {
    await using rig = await openStageRig();
    const { session } = await landed(rig, { model: "cascade" });
    expect(session.progress.reasons.join()).toContain("cascade");
  });
});
