import { describe, expect, it } from "vitest";
import { openStageRig } from "../../../test/support/gateway/stage-rig.ts";
import { limit } from "./limit.ts";

describe("limiting calls", () => {
  it("takes nothing where the terms say nothing", async () => {
    await using rig = await openStageRig();
    for (let i = 0; i < 10; i++) await limit(await rig.begin(), rig.parts);
  });

  it("refuses the call after the last one of the minute", async () => {
    await using rig = await openStageRig({ keyRequestsPerMinute: 2 });
    for (let i = 0; i < 2; i++) await limit(await rig.begin(), rig.parts);
    const refused = limit(await rig.begin(), rig.parts);
    await expect(refused).rejects.toMatchObject({
      code: "model.rate_exceeded",
      facts: { limit: "keyRequestsPerMinute", retryAfterSeconds: expect.any(Number) as number },
    });
  });

  it("counts a call that one limit refuses for none of the others", async () => {
    await using rig = await openStageRig({ keyRequestsPerMinute: 2, modelRequestsPerMinute: 1 });
    await limit(await rig.begin(), rig.parts);
    for (let i = 0; i < 3; i++) {
      const refused = limit(await rig.begin(), rig.parts);
      await expect(refused).rejects.toMatchObject({ facts: { limit: "modelRequestsPerMinute" } });
    }
  });

  it("says that a call of more tokens than the minute has never fits", async () => {
    await using rig = await openStageRig({ modelTokensPerMinute: 1 });
    const refused = limit(await rig.begin(), rig.parts);
    await expect(refused).rejects.toMatchObject({ facts: { remedy: "ask for fewer tokens" } });
  });
});
