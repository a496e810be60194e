// Loaded into a server before its own code (`node --import`): measures how long the event loop is held, and tells it to
// whoever asks. Two clocks: the wall, which is what callers feel, and the processor time of the main thread, which another
// program on a busy machine cannot lengthen by taking the processor away.
import { createServer } from "node:http";
import { writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { isMainThread } from "node:worker_threads";

/** What the loop did since the last question, milliseconds. */
export interface LoopReport {
  /** Longest time between two turns, by the wall. */
  readonly wallMs: number;
  /** Most processor time of the main thread between two turns. */
  readonly cpuMs: number;
  /** Processor time of the main thread altogether. */
  readonly usedMs: number;
  /** Resident memory now, and at most so far, bytes. */
  readonly rssBytes: number;
  readonly peakRssBytes: number;
}

/** How often the loop is looked at, milliseconds. */
const lookMs = 1;

function cpuNowMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function probe(file: string): void {
  let wallMs = 0;
  let cpuMs = 0;
  let lastWallMs = performance.now();
  let lastCpuMs = cpuNowMs();
  let sinceCpuMs = lastCpuMs;
  setInterval(() => {
    const nowMs = performance.now();
    const usedMs = cpuNowMs();
    wallMs = Math.max(wallMs, nowMs - lastWallMs);
    cpuMs = Math.max(cpuMs, usedMs - lastCpuMs);
    lastWallMs = nowMs;
    lastCpuMs = usedMs;
  }, lookMs).unref();
  const server = createServer((_request, response) => {
    const usedMs = cpuNowMs();
    const report: LoopReport = {
      wallMs,
      cpuMs,
      usedMs: usedMs - sinceCpuMs,
      rssBytes: process.memoryUsage.rss(),
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
    };
    wallMs = 0;
    cpuMs = 0;
    sinceCpuMs = usedMs;
    response.end(JSON.stringify(report));
  });
  server.listen(0, "127.0.0.1", () => writeFileSync(file, String((server.address() as AddressInfo).port)));
  server.unref();
}

const file = process.env["CHARTER_TEST_LOOP_PROBE"];
if (isMainThread && file !== undefined) probe(file);
