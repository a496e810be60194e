import { describe, expect, it } from "vitest";
import { hello, openStageRig } from "../../../test/support/gateway/stage-rig.ts";
import type { Reply } from "../../models/index.ts";
import { noUsage } from "../../models/index.ts";
import { cache } from "./cache.ts";

const reply: Reply = {
  id: "r",
  model: "simulated-nano",
  choices: [{ parts: [{ kind: "text", text: "hi" }], finish: "stop" }],
  rawUsage: null,
  usage: noUsage,
};
const answer = { reply, deployment: "simulated-nano", body: Buffer.from("{}") };

describe("looking an answer up", () => {
  it("lets the first of two equal calls lead, and gives its answer to the next", async () => {
    await using rig = await openStageRig({ cacheTtlSeconds: 60 });
    const first = await rig.begin();
    expect(await cache(first, rig.parts)).toMatchObject({ kind: "lead" });
    expect(first.progress.cache).toBe("miss");
    expect(first.isFollowed).toBe(true);
    first.keep(answer, { usage: noUsage, microdollars: 0 });
    const second = await rig.begin();
    expect(await cache(second, rig.parts)).toMatchObject({ kind: "hit", answer: { deployment: "simulated-nano" } });
    expect(second.progress.cache).toBe("hit");
    expect(second.isFollowed).toBe(false);
  });

  it("looks up nothing that is meant to come out anew", async () => {
    await using rig = await openStageRig({ cacheTtlSeconds: 60 });
    for (const more of [{ temperature: 1 }, { n: 2 }]) {
      const session = await rig.begin({ body: { ...hello, ...more } });
      expect(await cache(session, rig.parts)).toMatchObject({ kind: "bypass" });
      expect(session.signal).toBe(session.ctx.signal);
    }
  });

  it("gives an enforced form no answer that was kept without", async () => {
    await using rig = await openStageRig({ cacheTtlSeconds: 60 });
    const body = { ...hello, response_format: { type: "json_object" } };
    const first = await rig.begin({ body });
    await cache(first, rig.parts);
    first.keep(answer, { usage: noUsage, microdollars: 0 });
    const second = await rig.begin({ body, options: { schema: "enforce" } });
    expect(await cache(second, rig.parts)).toMatchObject({ kind: "lead" });
  });
});
