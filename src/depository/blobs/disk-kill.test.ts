import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { silentLog } from "../../kernel/ctx.ts";
import type { StoredBlob } from "./blobs.ts";
import { openDiskBlobs } from "./disk.ts";

const writer = join(import.meta.dirname, "../../../test/support/storage/blob-writer.ts");

/** Starts a writer on a folder, kills it after some acknowledgements, and returns all that it acknowledged. */
async function killedAfter(dir: string, acknowledgements: number): Promise<StoredBlob[]> {
  const child = spawn(process.execPath, [writer, dir], { stdio: ["ignore", "pipe", "inherit"] });
  const acknowledged: StoredBlob[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    // The last line may be cut: then its writer had not finished saying so.
    if (line.endsWith("}")) acknowledged.push(JSON.parse(line) as StoredBlob);
    if (acknowledged.length >= acknowledgements) child.kill("SIGKILL");
  }
  return acknowledged;
}

it("loses nothing that was acknowledged before its process was killed, six times over", async () => {
  const dir = await mkdtemp(join(tmpdir(), "blobs-kill-"));
  try {
    const kept: StoredBlob[] = [];
    for (const count of [1, 40, 15, 90, 3, 60]) {
      kept.push(...(await killedAfter(dir, count)));
      await using blobs = await openDiskBlobs({ dir, log: silentLog });
      for (const stored of kept)
        expect(await blobs.check("AI_ASSISTANT", stored), stored.location).toEqual({ ok: true });
      expect(await readdir(join(dir, "tmp"))).toEqual([]);
    }
    expect(kept.length).toBeGreaterThan(200);
    expect(kept.some(({ location }) => location === "file")).toBe(true);
  } finally {
    await rm(dir, { recursive: true });
  }
});
