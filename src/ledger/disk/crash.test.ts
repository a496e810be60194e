import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { intentLeaf, leafIn, ledgerFolder } from "../../../test/support/ledger/ledger-folder.ts";

const writer = new URL("../../../test/support/ledger/ledger-writer.ts", import.meta.url).pathname;
/** Rounds of writing and killing; a scenario test of the whole server kills many more times. */
const kills = 5;

/** Lets a writer run until it has acknowledged some leaves, kills it, and returns what it had acknowledged. */
async function writeUntilKilled(dir: string, first: number, acknowledgements: number): Promise<Map<number, string>> {
  const child = spawn(process.execPath, [writer, dir, String(first)], { stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  const exit = once(child, "exit");
  child.stdout.on("data", (chunk: Buffer) => {
    printed += chunk.toString();
    if (printed.split("\n").length > acknowledgements) child.kill("SIGKILL");
  });
  await exit;
  expect(child.signalCode).toBe("SIGKILL");
  // The last line may have been cut off by the kill.
  const lines = printed.slice(0, printed.lastIndexOf("\n")).split("\n");
  return new Map(lines.map((line) => [Number(line.split(" ")[0]), line.split(" ")[1] ?? ""]));
}

describe("a writer that is killed with -9", () => {
  it("loses no leaf that it had acknowledged, and the log opens undamaged every time", async () => {
    await using folder = await ledgerFolder();
    const acknowledged = new Map<number, string>();
    for (let kill = 0; kill < kills; kill++) {
      const before = acknowledged.size;
      const written = await writeUntilKilled(folder.dir, kill * 1_000_000, 200 + kill * 1_500);
      for (const [index, request] of written) acknowledged.set(index, request);
      expect(acknowledged.size - before).toBe(written.size);
      await using log = await folder.open({ lockWaitMs: 5_000 });
      expect(log.condition()).toEqual({ state: "open" });
      for (const [index, request] of acknowledged) {
        const leaf = leafIn(await log.entryBytes(index));
        expect(leaf.requestId, `entry ${index} after kill ${kill}`).toBe(request);
      }
      expect(await log.append([intentLeaf(0)])).toBe(log.size - 1);
    }
    expect(acknowledged.size).toBeGreaterThan(kills * 200);
  });
});
