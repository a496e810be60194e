import { describe, expect, it } from "vitest";
import { openStageRig } from "../../test/support/gateway/stage-rig.ts";
import { noUsage } from "../models/index.ts";
import { reserveAttempt } from "./stages/reserve.ts";

type Rig = Awaited<ReturnType<typeof openStageRig>>;
const cost = { usage: { ...noUsage, inputTokens: 3, outputTokens: 2 }, microdollars: 7 };

async function attempted(rig: Rig) {
  const session = await rig.begin();
  const [candidate] = session.prepared.routed.candidates;
  const attempt = await reserveAttempt(rig.parts, session, session.call, candidate!.deployment);
  expect(session.attempting(attempt)).toBe(false);
  return { session, attempt, candidate: candidate! };
}

describe("a call's session", () => {
  it("charges an attempt that was given up with all that it held, and one that is not billed with nothing", async () => {
    await using rig = await openStageRig();
    const open = await attempted(rig);
    const [charge] = open.session.close(undefined);
    const { inputTokens, outputTokens } = charge!.cost.usage;
    expect(inputTokens + outputTokens).toBe(open.attempt.seat.tokens);
    const unbilled = await attempted(rig);
    unbilled.session.unbilled(unbilled.attempt);
    expect(unbilled.session.close(undefined)).toEqual([]);
  });

  it("charges what was spent, and what the answer that is passed on cost", async () => {
    await using rig = await openStageRig();
    const { session, attempt, candidate } = await attempted(rig);
    session.spent(attempt, cost);
    const second = await reserveAttempt(rig.parts, session, session.call, candidate.deployment);
    expect(session.attempting(second)).toBe(true);
    session.passesOn(second);
    expect(session.close(cost)).toMatchObject([{ cost }, { cost, isLast: true }]);
    expect(() => session.close(cost)).toThrow("has ended before");
  });

  it("knows who answers, and how its pieces left", async () => {
    await using rig = await openStageRig();
    const { session, candidate } = await attempted(rig);
    session.answered(candidate, "openai-responses");
    expect(session.progress.candidate).toBe(candidate);
    for (const atMs of [5, 9, 12]) session.sent(Buffer.from("x"), atMs);
    session.sent(Buffer.from("rest"));
    expect(session.progress.chunks).toEqual({ count: 3, firstMs: 5, lastMs: 12 });
  });

  it("names the rule that a reply breaks", async () => {
    await using rig = await openStageRig();
    const session = await rig.begin();
    session.formed(undefined);
    expect(session.progress.schema).toBeUndefined();
    session.formed({ verdict: "invalid", refusal: { rule: "not_json", reason: "is not JSON" } as never });
    expect(session.progress).toMatchObject({ schema: "invalid" });
    expect(session.progress.reasons.at(-1)).toBe("the reply has not the form asked for: not_json");
  });
});
