import { describe, expect, it } from "vitest";
import { hello, openStageRig } from "../../../test/support/gateway/stage-rig.ts";
import { reserve, reserveAttempt } from "./reserve.ts";

const capped = { ...hello, max_tokens: 16 };

describe("reserving room", () => {
  it("tries the candidates with the call as it is, or whole where a form is enforced", async () => {
    await using rig = await openStageRig();
    const streamed = { ...hello, stream: true, response_format: { type: "json_object" } };
    const plain = await reserve(await rig.begin({ body: streamed }), rig.parts);
    expect(plain).toMatchObject({ enforcesForm: false, call: { stream: true } });
    expect(plain.ladder).toBeUndefined();
    const enforced = await rig.begin({ body: streamed, options: { schema: "enforce" } });
    expect(await reserve(enforced, rig.parts)).toMatchObject({ enforcesForm: true, call: { stream: false } });
  });

  it("spends nothing for a product that was halted since", async () => {
    await using rig = await openStageRig();
    const session = await rig.begin();
    rig.halted.is = true;
    await expect(reserve(session, rig.parts)).rejects.toThrow();
  });

  it("takes room for the most that an attempt can cost, and sets a limit where the caller names none", async () => {
    await using rig = await openStageRig();
    const named = await rig.begin({ body: capped });
    const { deployment } = named.prepared.routed.candidates[0]!;
    const attempt = await reserveAttempt(rig.parts, named, named.call, deployment);
    expect(attempt.seat.tokens).toBe(attempt.bound.inputTokens + attempt.bound.outputTokens);
    const open = await rig.begin();
    const { body } = await reserveAttempt(rig.parts, open, open.call, deployment);
    expect(JSON.parse(String(body))).toMatchObject({ max_tokens: deployment.maxOutputTokens });
  });

  it("refuses what the budgets have no room for", async () => {
    await using rig = await openStageRig({}, 10);
    const session = await rig.begin({ body: capped });
    const { deployment } = session.prepared.routed.candidates[0]!;
    const refused = reserveAttempt(rig.parts, session, session.call, deployment);
    await expect(refused).rejects.toMatchObject({ code: "budget.exhausted" });
  });

  it("holds room for a whole cascade before its first step", async () => {
    await using rig = await openStageRig({}, 10);
    const session = await rig.begin({ body: { ...capped, model: "cascade" } });
    await expect(reserve(session, rig.parts)).rejects.toMatchObject({ code: "budget.exhausted" });
  });
});
