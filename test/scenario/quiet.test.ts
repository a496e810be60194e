// Pauses between writes and questions, in which the server's background work catches up and comes to rest.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { spawnCharter } from "../support/app/process.ts";

it("the ledger answers filtered questions after pauses of every length", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "charter-quiet-"));
  try {
    await using server = await spawnCharter({ dataDir });
    const body = { product_id: "AI_ASSISTANT", artifact_type: "ConversationArtifact", payload: "x" };
    let stored = 0;
    // Around the moments at which the index of the ledger and the publisher wake up by themselves.
    for (const pauseMs of [0, 50, 240, 260, 300, 600, 1100, 0, 300]) {
      expect((await server.ask("/v1/artifacts", { body })).status).toBe(201);
      stored += 1;
      for (const pause of [0, pauseMs]) {
        await sleep(pause);
        const { json } = await server.ask("/ledger/entries?operation=artifact.create&kind=outcome");
        expect(json.entries).toHaveLength(stored);
      }
    }
    expect(await server.stop()).toBe(0);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});
