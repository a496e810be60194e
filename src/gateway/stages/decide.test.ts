import { describe, expect, it } from "vitest";
import { openStageRig } from "../../../test/support/gateway/stage-rig.ts";
import { assertAllowed } from "./decide.ts";

describe("deciding a call", () => {
  it("begins the act, with its intent on record and nothing spent", async () => {
    await using rig = await openStageRig();
    const session = await rig.begin();
    expect(await session.parts.begun.intent).toBe(0);
    expect(rig.leaves).toMatchObject([{ kind: "intent", resource: "model/simulated-nano" }]);
    expect(session.progress).toMatchObject({ attempts: 0, cache: "bypass", candidate: undefined, chunks: undefined });
    expect(session.progress.phases.map(({ name }) => name)).toEqual(["route", "decision"]);
    expect(() => assertAllowed(session)).not.toThrow();
  });

  it("begins nothing that the gate refuses", async () => {
    await using rig = await openStageRig();
    await expect(rig.begin({ options: { product: "OTHER" } })).rejects.toMatchObject({ code: "product.not_found" });
    rig.halted.is = true;
    await expect(rig.begin()).rejects.toThrow();
  });

  it("keeps what is said only for a product that wants it", async () => {
    await using none = await openStageRig();
    expect((await none.begin()).parts.bodies).toBeUndefined();
    await using kept = await openStageRig({ keepBodiesAs: "ConversationArtifact" });
    expect((await kept.begin()).parts.bodies).toBeDefined();
  });

  it("goes no further than the guards and the terms allow", async () => {
    await using rig = await openStageRig({ models: ["none"] });
    const session = await rig.begin();
    expect(() => assertAllowed(session)).toThrow(expect.objectContaining({ code: "model.not_allowed" }) as Error);
  });
});
