// What does it cost to carry a large artifact through the server, and does the server's memory stay flat meanwhile?
// Compared with `cp` and `sha256sum` of the same bytes on the same disk: for the upload with a sync, because the server
// acknowledges durable bytes only.
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { startThrowaway } from "../test/support/servers/throwaway.ts";
import type { Throwaway } from "../test/support/servers/throwaway.ts";
import { costFigure, numberText, runAlone } from "./bench.ts";
import type { Bench, BenchOptions, Figure } from "./bench.ts";
import { inProcess } from "./load/process.ts";
import type { StreamLoad, StreamResult } from "./load/stream.ts";

const mebibyte = 2 ** 20;

/** Writes random bytes into a file; gives their SHA-256. */
async function fill(file: string, sizeBytes: number): Promise<string> {
  await using handle = await open(file, "w");
  const hash = createHash("sha256");
  for (let left = sizeBytes; left > 0; left -= mebibyte) {
    const bytes = randomBytes(Math.min(left, mebibyte));
    hash.update(bytes);
    await handle.write(bytes);
  }
  await handle.datasync();
  return hash.digest("hex");
}

/** Seconds that commands take one after another. */
function secondsOf(...commands: readonly (readonly [string, ...string[]])[]): number {
  const started = performance.now();
  for (const [command, ...args] of commands) execFileSync(command, args, { stdio: "ignore" });
  return (performance.now() - started) / 1000;
}

/** Runs a transfer and how much the server's peak rose above what it used before, bytes. */
async function watched(
  server: Throwaway,
  load: StreamLoad,
): Promise<StreamResult & { grewBytes: number; peakBytes: number }> {
  await server.resetPeak();
  const { nowBytes } = await server.memory();
  const result = await inProcess<StreamResult>("stream.ts", load);
  const { peakBytes } = await server.memory();
  return { ...result, grewBytes: peakBytes - nowBytes, peakBytes };
}

async function* run(options: BenchOptions): AsyncGenerator<Figure> {
  const sizeBytes = Number(options["mebibytes"]) * mebibyte;
  const size = `${numberText(sizeBytes / mebibyte)} MiB`;
  await using server = await startThrowaway();
  const key = await server.keyFor("product", "AI_AVATAR");
  const [source, copy, back] = ["source", "copy", "back"].map((name) => join(server.workDir, name)) as [
    string,
    string,
    string,
  ];
  const sha256 = await fill(source, sizeBytes);
  const store = "/v1/artifacts?product=AI_AVATAR&type=MediaArtifact";
  const from = { url: server.url, key };

  // A small transfer first, so that compiled code and open files are not counted as growth.
  const small = join(server.workDir, "small");
  await fill(small, 8 * mebibyte);
  const warm = await watched(server, { ...from, file: small, path: store, direction: "send" });
  await watched(server, { ...from, file: back, path: `/v1/artifacts/${warm.artifactId}/content`, direction: "fetch" });

  const copied = secondsOf(["cp", source, copy], ["sync", "-d", copy], ["sha256sum", source]);
  const sent = await watched(server, { ...from, file: source, path: store, direction: "send" });
  const path = `/v1/artifacts/${sent.artifactId}/content`;
  const fetched = await watched(server, { ...from, file: back, path, direction: "fetch" });
  const copiedBack = secondsOf(["cp", source, copy], ["sha256sum", source]);
  for (const result of [sent, fetched]) if (result.sha256 !== sha256) throw new Error("the content came back changed");

  const both = [
    { what: "upload", result: sent, base: copied, against: "cp, sync and sha256sum" },
    { what: "download", result: fetched, base: copiedBack, against: "cp and sha256sum" },
  ];
  for (const { what, result, base, against } of both) {
    const note = `${numberText(sizeBytes / mebibyte / result.seconds)} MiB/s`;
    yield costFigure({ name: `${what} of ${size}`, value: result.seconds, unit: "s", against, base, note });
  }
  for (const { what, result } of both) {
    yield costFigure({
      name: `growth of the server's memory during the ${what}`,
      value: Math.max(result.grewBytes / mebibyte, 0.001),
      unit: "MiB",
      against: "bytes carried",
      base: sizeBytes / mebibyte,
      note: `peak ${numberText(result.peakBytes / mebibyte)} MiB resident`,
    });
  }
}

/** Large artifacts. */
export const streams: Bench = {
  name: "streams",
  question: "What does a 500 MiB upload and download cost, in time and in memory?",
  options: { mebibytes: "500" },
  run,
};

if (import.meta.main) await runAlone(streams);
