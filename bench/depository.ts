// How many governed 4 KiB writes per second does a server take from 100 writers that each wait for their receipt, and
// how long does each wait? Compared with one file and one fdatasync per blob by as many writers in plain Node, half
// before and half after, so that a busy moment of the machine falls on both.
//
// `--profile DIR` leaves the server's CPU profile there.
import { rateFigure, costFigure, numberText, runAlone } from "./bench.ts";
import type { Bench, BenchOptions, Figure } from "./bench.ts";
import type { FileLoad, FileResult } from "./load/file-per-blob.ts";
import { inProcess } from "./load/process.ts";
import { startThrowaway } from "../test/support/servers/throwaway.ts";
import type { WriteLoad, WriteResult } from "./load/writers.ts";

const sizeBytes = 4096;
/** How long the plain files are written in all, seconds. */
const plainSeconds = 5;
/** Before the measurement the server has written for so long, seconds: code is compiled and files are open. */
const warmSeconds = 3;

async function* run(options: BenchOptions): AsyncGenerator<Figure> {
  const writers = Number(options["writers"]);
  const seconds = Number(options["seconds"]);
  const profile = options["profile"] ?? "";
  await using server = await startThrowaway({
    node: profile === "" ? [] : ["--cpu-prof", "--cpu-prof-dir", profile, "--cpu-prof-interval", "500"],
  });
  const plain = (): Promise<FileResult> =>
    inProcess<FileResult>("file-per-blob.ts", {
      folder: server.workDir,
      writers,
      sizeBytes,
      seconds: plainSeconds / 2,
    } satisfies FileLoad);
  const product = "AI_ASSISTANT";
  const key = await server.keyFor("product", product);
  const governed = (seconds: number): Promise<WriteResult> =>
    inProcess<WriteResult>("writers.ts", {
      url: server.url,
      key,
      product,
      type: "ConversationArtifact",
      writers,
      sizeBytes,
      seconds,
    } satisfies WriteLoad);

  await governed(warmSeconds);
  const before = await plain();
  const result = await governed(seconds);
  const after = await plain();

  const refused = Object.entries(result.others);
  if (refused.length > 0) throw new Error(`some writes were not stored: ${JSON.stringify(result.others)}`);
  const slowest = Math.min(...result.perSecond);
  const { nowBytes } = await server.memory();
  yield rateFigure({
    name: `governed ${sizeBytes} B writes from ${writers} writers for ${numberText(seconds)} s`,
    value: result.writes / result.seconds,
    unit: "/s",
    against: "file and fdatasync each",
    base: (before.writes + after.writes) / (before.seconds + after.seconds),
    note: `slowest second ${slowest}/s, server at ${numberText(nowBytes / 2 ** 20)} MiB`,
  });
  yield costFigure({
    name: "p99 of those writes",
    value: result.p99Ms,
    unit: "ms",
    against: "p99 of file and fdatasync each",
    base: Math.max(before.p99Ms, after.p99Ms),
    note: `p50 ${numberText(result.p50Ms)} ms, longest ${numberText(result.maxMs)} ms`,
  });
}

/** Governed small writes. */
export const depository: Bench = {
  name: "depository",
  question: "How many governed 4 KiB writes per second from 100 writers?",
  options: { seconds: "60", writers: "100", profile: "" },
  run,
};

if (import.meta.main) await runAlone(depository);
