import { describe, expect, it } from "vitest";
import { openActivity } from "./activity.ts";

const hourMs = 3_600_000;

function moving(): { nowMs: () => number; to: (timeMs: number) => void } {
  let nowMs = Date.parse("2026-11-21T10:00:00Z");
  return { nowMs: () => nowMs, to: (timeMs) => void (nowMs = timeMs) };
}

describe("recent activity", () => {
  it("rates the bytes of the last minute and forgets older ones", () => {
    const clock = moving();
    const activity = openActivity(clock, hourMs);
    activity.stored(600);
    expect(activity.bytesPerSecond()).toBe(10);
    clock.to(clock.nowMs() + 60_000);
    expect(activity.bytesPerSecond()).toBe(0);
  });

  it("counts a caller's abandoned uploads within the window, and stops counting somewhere", () => {
    const clock = moving();
    const activity = openActivity(clock, hourMs);
    for (let i = 0; i < 3; i++) activity.abandoned("key_a");
    for (let i = 0; i < 5000; i++) activity.abandoned("key_b");
    expect(activity.abandonedBy("key_a")).toBe(3);
    expect(activity.abandonedBy("key_b")).toBe(100);
    clock.to(clock.nowMs() + hourMs);
    expect(activity.abandonedBy("key_a")).toBe(0);
  });
});
