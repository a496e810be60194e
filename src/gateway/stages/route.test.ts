import { describe, expect, it } from "vitest";
import { openStageRig } from "../../../test/support/gateway/stage-rig.ts";
import { noCandidate } from "./route.ts";

const auto = { model: "auto", messages: [{ role: "user", content: "hello" }] };

describe("routing a call", () => {
  it("asks the analyser only where the caller leaves the choice", async () => {
    await using rig = await openStageRig();
    const open = await rig.prepare({ body: auto });
    expect(open.analysis[0]).toMatch(/^score \d\.\d{3} is level \d$/);
    expect(open.routed.candidates.length).toBeGreaterThan(1);
    const named = await rig.prepare();
    expect(named.analysis).toEqual([]);
    expect(named.routed.candidates.map(({ deployment }) => deployment.name)).toEqual(["simulated-nano"]);
  });

  it("goes by the strategy of the name, then by that of the header", async () => {
    await using rig = await openStageRig();
    const options = { strategy: "cost_optimized" } as const;
    expect((await rig.prepare({ body: auto, options })).strategy).toBe("cost_optimized");
    expect((await rig.prepare({ body: { ...auto, model: "cascade" }, options })).strategy).toBe("cascade");
    expect((await rig.prepare({ body: auto })).strategy).toBe("balanced");
  });

  it("says whether the terms or nothing else stands in the way", async () => {
    await using rig = await openStageRig({ models: ["none"] });
    const prepared = await rig.prepare({ body: auto });
    expect(prepared.routed.candidates).toEqual([]);
    expect(noCandidate(prepared)).toMatchObject({ code: "model.not_allowed" });
    const routed = { ...prepared.routed, excluded: [] };
    expect(noCandidate({ ...prepared, routed })).toMatchObject({ code: "model.unavailable" });
  });
});
