// The process itself: its memory, and how busy its event loop is.
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import type { Meter } from "../kernel/meter.ts";
import { metrics, prometheusName } from "./names.ts";

/** How often the delay of the event loop is sampled, milliseconds. */
const loopResolutionMs = 20;

/** Measures the process until it is disposed of. */
export function measureProcess(meter: Meter): Disposable {
  const delay = monitorEventLoopDelay({ resolution: loopResolutionMs });
  delay.enable();
  let before = performance.eventLoopUtilization();
  const observe = (key: "loopDelay" | "loopUtilization" | "residentMemory", read: () => number): void =>
    meter.observe({ name: prometheusName(metrics[key]), help: metrics[key].help }, read);
  observe("loopDelay", () => {
    // Nothing is known of the first milliseconds.
    const delayNs = delay.count === 0 ? 0 : delay.percentile(99);
    delay.reset();
    return delayNs / 1e9;
  });
  observe("loopUtilization", () => {
    const use = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(use, before);
    before = use;
    return utilization;
  });
  observe("residentMemory", () => process.memoryUsage.rss());
  return { [Symbol.dispose]: () => delay.disable() };
}
