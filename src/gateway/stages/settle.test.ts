import { describe, expect, it } from "vitest";
import { callerOf, openStageRig } from "../../../test/support/gateway/stage-rig.ts";
import { noUsage } from "../../models/index.ts";
import { gatewayFault } from "../errors.ts";
import { reasonOf, settle, settleAnswer, settleFailure } from "./settle.ts";

const ending = { usage: noUsage, microdollars: 0, model: "simulated-nano", finish: "stop" };
const whole = { kind: "whole", body: Buffer.from("{}"), ending } as const;

describe("settling a call", () => {
  it("records a whole answer once, and tells those who watch", async () => {
    await using rig = await openStageRig();
    const session = await rig.begin();
    const answer = await settle(session, whole);
    expect(answer).toMatchObject({ kind: "whole", facts: { decision: "allow", intentIndex: 0, microdollars: 0 } });
    expect(rig.leaves.map(({ kind }) => kind)).toEqual(["intent", "outcome"]);
    expect(rig.calls).toMatchObject([
      { finish: "stop", error: undefined, attempts: 0, responseModel: "simulated-nano" },
    ]);
    await expect(settleAnswer(session, ending)).rejects.toThrow("has ended before");
    await expect(settleFailure(session, new Error("late"))).rejects.toThrow("late");
    expect(rig.leaves).toHaveLength(2);
  });

  it("records a failure once, with its code", async () => {
    await using rig = await openStageRig();
    const session = await rig.begin();
    const fault = gatewayFault("model.unavailable", "nothing is there");
    await expect(settleFailure(session, fault)).rejects.toMatchObject({ code: "model.unavailable" });
    expect(rig.calls).toMatchObject([{ finish: undefined, error: "model.unavailable", responseModel: undefined }]);
    expect(rig.leaves.map(({ kind }) => kind)).toEqual(["intent", "outcome"]);
  });

  it("rejects with what withholds an answer", async () => {
    await using rig = await openStageRig();
    const session = await rig.begin();
    const error = gatewayFault("reply.invalid", "no JSON");
    await expect(settle(session, { kind: "withheld", error, ending })).rejects.toMatchObject({ code: "reply.invalid" });
  });

  it("keeps both sides for a product that wants them", async () => {
    await using rig = await openStageRig({ keepBodiesAs: "ConversationArtifact" });
    const session = await rig.begin();
    session.sent(whole.body);
    await settle(session, whole);
    expect(rig.kept).toMatchObject([{ facts: { model: "simulated-nano" }, reply: { bytes: whole.body } }]);
  });

  it("gives, records and keeps an answer that is paid for, though its budget cannot be settled", async () => {
    await using rig = await openStageRig({ keepBodiesAs: "ConversationArtifact" }, 1000);
    const session = await rig.begin();
    const [candidate] = session.prepared.routed.candidates;
    if (candidate === undefined) throw new Error("no one answers");
    await session.parts.reservations.take(candidate.deployment, { tokens: 100, microdollars: 0 });
    session.sent(whole.body);
    // What was held is in the tables.
    await rig.parts.budgets.state({});
    const answer = await rig.database.losing(["commit"], () => settle(session, whole));
    expect(answer.kind).toBe("whole");
    expect(rig.leaves.map(({ kind, outcome }) => outcome ?? kind)).toEqual(["intent", "committed"]);
    expect(rig.calls).toMatchObject([{ finish: "stop", error: undefined }]);
    expect(rig.kept).toHaveLength(1);
    // What could not be settled is, as soon as it can be.
    await expect.poll(async () => (await rig.parts.budgets.state({})).budgets[0]?.held).toBe(0);
  });

  it("says at the head of a stream what is known by then", async () => {
    await using rig = await openStageRig();
    const bytes = (async function* () {})();
    const answer = await settle(await rig.begin(), { kind: "stream", bytes, model: "m" });
    expect(answer).toMatchObject({ kind: "stream", facts: { outcomeIndex: null, microdollars: null, model: "m" } });
  });

  it("puts the caller's end before what went wrong by it", async () => {
    await using rig = await openStageRig();
    const caller = new AbortController();
    const session = await rig.begin({ ctx: callerOf(caller.signal) });
    const error = new Error("broke");
    expect(reasonOf(session, error)).toBe(error);
    caller.abort();
    expect(reasonOf(session, error)).toMatchObject({ code: "call.aborted" });
  });
});
