// Shedding: when the event loop lags (for callers that ask for much, see caller-load.ts) or memory runs out, new requests get 503 with a time to come back, before the process
// is killed together with every request that runs. Requests under way go on; probes are always answered, and /ready says
// what is the matter.
//
// The measurements are Node's own. @fastify/under-pressure makes the same ones, but refuses after a single bad second,
// takes a second in which nothing could be measured for an infinite delay, and leaves its histogram running when the
// server has closed.
import { totalmem } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { httpFault } from "../errors.ts";
import { atOnce } from "./at-once.ts";
import type { CallerLoad } from "./caller-load.ts";

/** When to come back after a refusal, seconds: several samples later. */
export const overloadedRetrySeconds = 5;

/** How often delay and memory are measured, milliseconds: a JSON budget cannot be used up many times in between. */
const sampleMs = 500;

/** How often the loop is asked how late it is, milliseconds; Node counts these as part of the delay. */
const resolutionMs = 10;

/** Samples in a row that must show a lag: one is a pause, as of a large collection, and over when it has been seen. */
const laggingSamples = 2;

/** Share of the memory that may be used before requests are refused; the rest is for those that run. */
const memoryShare = 0.8;

/** Share of the heap that V8 may use; close to its end V8 spends its time collecting and then ends the process. */
const heapShare = 0.9;

/** What is too much. */
export interface PressureLimits {
  /** Mean delay of the event loop, milliseconds; 0 for no limit. */
  readonly maxEventLoopDelayMs: number;
  /** Resident memory, bytes; 0 for a share of what there is. */
  readonly maxRssBytes: number;
}

/** Measures the process until it is disposed of. */
export interface Pressure extends Disposable {
  /** Whether there is too much to do for taking on more. */
  readonly isHigh: boolean;
  /** Whether memory is what runs out; then no one can be let in. */
  readonly isFull: boolean;
}

/** The memory this process may use, bytes: the container's limit where there is one, else the machine's. */
export function availableMemoryBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/** Starts to measure; `onSample` is called after each look. */
export function measurePressure({ maxEventLoopDelayMs, maxRssBytes }: PressureLimits, onSample = () => {}): Pressure {
  const mostBytes = maxRssBytes === 0 ? memoryShare * availableMemoryBytes() : maxRssBytes;
  const mostHeapBytes = heapShare * getHeapStatistics().heap_size_limit;
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  let lagging = 0;
  let isFull = false;
  let rssBytes = 0;
  let sampledMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    // A loop that was blocked throughout has measured nothing; then it was late by what this sample is late by.
    const meanMs = Number.isNaN(histogram.mean) ? nowMs - sampledMs - sampleMs : histogram.mean / 1e6 - resolutionMs;
    histogram.reset();
    sampledMs = nowMs;
    lagging = maxEventLoopDelayMs > 0 && meanMs > maxEventLoopDelayMs ? lagging + 1 : 0;
    onSample();
    rssBytes = residentBytes() ?? rssBytes;
    isFull = rssBytes > mostBytes || getHeapStatistics().used_heap_size > mostHeapBytes;
  }, sampleMs).unref();
  return {
    get isHigh() {
      return isFull || lagging >= laggingSamples;
    },
    get isFull() {
      return isFull;
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      histogram.disable();
    },
  };
}

/** Resident memory, bytes; undefined where it cannot be read just now: that takes a descriptor, of which there may be none. */
function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    return undefined;
  }
}

/** Refuses new requests while the pressure is high; while only the loop lags, not those of callers that ask for little. */
export function shedUnder(pressure: Pressure, load: CallerLoad, app: FastifyInstance): void {
  app.addHook("onClose", async () => pressure[Symbol.dispose]());
  const check = (request: FastifyRequest): void => {
    if (!pressure.isHigh) return;
    const { operation } = request.routeOptions.config;
    if (operation === "health.read" || operation === "ready.read") return;
    if (!pressure.isFull && load.isLight(request)) return;
    throw httpFault("server.overloaded", "the server has more to do than it can", {
      remedy: "send the request again later",
      retryAfterSeconds: overloadedRetrySeconds,
    });
  };
  app.addHook("onRequest", atOnce(check));
}
