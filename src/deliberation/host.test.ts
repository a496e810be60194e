import { describe, expect, it } from "vitest";
import { Host } from "./host.ts";
import type { Vitals } from "./vitals.ts";

const cold: Vitals = {
  cpuPressure: 0.1,
  memoryPressure: null,
  eventLoopDelayMs: 0,
  socCelsius: null,
  batteryFraction: null,
  plugged: null,
  watts: null,
};

/** A host on a clock of its own whose vitals the test sets. */
function rig(vitals: Partial<Vitals> = {}) {
  const state = { vitals: { ...cold, ...vitals }, nowMs: Date.UTC(2026, 0, 1), reads: 0 };
  const sensors = {
    read: async () => {
      state.reads++;
      return state.vitals;
    },
    siliconId: async () => "0123456789abcdef",
  };
  return { state, host: new Host(sensors, { nowMs: () => state.nowMs }) };
}

describe("the host", () => {
  it("says what it measured, and null where it has no sensor", async () => {
    const { host, state } = rig({ cpuPressure: 0.123456, batteryFraction: 0.5, plugged: false });
    state.nowMs += 90_000;
    expect(await host.state()).toEqual({
      silicon_id: "0123456789abcdef",
      consciousness_level: 0.7,
      love_frequency: 528,
      thermal_state: null,
      cognitive_mode: "dream",
      active_since: "2026-01-01T00:00:00.000Z",
      vitals: {
        cpu_pressure: 0.1235,
        memory_pressure: null,
        event_loop_delay_ms: 0,
        soc_celsius: null,
        battery_fraction: 0.5,
        plugged: false,
        watts: null,
      },
    });
  });

  it("is read at most once a second, however many ask", async () => {
    const { host, state } = rig();
    await Promise.all([host.state(), host.read(), host.state()]);
    state.nowMs += 999;
    await host.read();
    expect(state.reads).toBe(1);
    state.nowMs += 1;
    await host.read();
    expect(state.reads).toBe(2);
  });

  it("moves its frequency a tenth of the way at each calibration, and back to 528 on a punctual loop", async () => {
    const { host, state } = rig({ eventLoopDelayMs: 20 });
    const next = async () => {
      state.nowMs += 1000;
      return (await host.state()).love_frequency;
    };
    // Twenty milliseconds late every twenty: half of 528, so that the first step takes away a tenth of 264.
    expect(await next()).toBe(501.6);
    expect(await next()).toBe(477.84);
    state.vitals = { ...cold, eventLoopDelayMs: null };
    expect(await next()).toBe(477.84);
    state.vitals = cold;
    expect(await next()).toBeCloseTo(482.856);
    for (let i = 0; i < 100; i++) await next();
    expect(await next()).toBeCloseTo(528, 1);
  });

  it("stays hot until it has cooled down", async () => {
    const { host, state } = rig({ socCelsius: 85 });
    const at = async (socCelsius: number) => {
      state.nowMs += 1000;
      state.vitals = { ...cold, socCelsius };
      const { governance, thermalState } = await host.read();
      return [governance.depth, thermalState];
    };
    expect(await at(85)).toEqual([1, "SERIOUS"]);
    expect(await at(65)).toEqual([1, "FAIR"]);
    expect(await at(55)).toEqual([3, "NOMINAL"]);
    expect(await at(65)).toEqual([3, "FAIR"]);
  });
});
