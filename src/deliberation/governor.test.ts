import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boundTemperature, branchNames, govern, hotNow, maxDepth } from "./governor.ts";
import { levelOf, pressureOf, thermalPressureOf, thermalStateOf } from "./vitals.ts";
import type { Vitals } from "./vitals.ts";

/** A host without sensors, and what a test gives it. */
const host = (vitals: Partial<Vitals> = {}): Vitals => ({
  cpuPressure: null,
  memoryPressure: null,
  eventLoopDelayMs: null,
  socCelsius: null,
  batteryFraction: null,
  plugged: null,
  watts: null,
  ...vitals,
});

describe("the governor of thought", () => {
  it.each([
    [20, "dream", 0.9],
    [19.9, "balanced", 0.5],
    [10, "balanced", 0.5],
    [9.9, "conservative", 0.3],
    [5, "conservative", 0.3],
    [4.9, "deterministic", 0],
  ])("takes the mode of %s watts: %s", (watts, mode, temperature) => {
    expect(govern(host({ watts, cpuPressure: 0 }), false)).toMatchObject({ mode, temperature });
  });

  it.each([
    [0, "dream"],
    [0.5, "balanced"],
    [0.7, "conservative"],
    [0.85, "deterministic"],
    [null, "balanced"],
  ])("takes the mode from a processor pressure of %s where the power is unknown: %s", (cpuPressure, mode) => {
    expect(govern(host({ cpuPressure }), false).mode).toBe(mode);
  });

  it("cools down above a thermal pressure of 0.7 and with an almost empty battery off the mains", () => {
    // 82 degrees are a thermal pressure of exactly 0.7.
    expect(govern(host({ watts: 25, socCelsius: 82 }), false).temperature).toBe(0.9);
    expect(govern(host({ watts: 25, socCelsius: 83 }), false).temperature).toBe(0.1);
    expect(govern(host({ watts: 1, socCelsius: 83 }), false).temperature).toBe(0);
    const low = { watts: 25, batteryFraction: 0.09 };
    expect(govern(host({ ...low, plugged: false }), false).temperature).toBe(0);
    expect(govern(host({ ...low, plugged: true }), false).temperature).toBe(0.9);
    expect(govern(host({ ...low, plugged: null }), false).temperature).toBe(0.9);
    expect(govern(host({ ...low, plugged: false, batteryFraction: 0.1 }), false).temperature).toBe(0.9);
  });

  it.each([
    [0, 3, 3],
    [0.5, 3, 2],
    [0.7, 2, 1],
    [0.85, 1, 1],
  ])("under a pressure of %s takes %i branches and %i levels", (memoryPressure, branches, depth) => {
    const governance = govern(host({ cpuPressure: 0, memoryPressure }), false);
    expect(governance.branches).toEqual(branchNames.slice(0, branches));
    expect(governance.depth).toBe(depth);
  });

  it("divides nothing while the host is hot, from 80 degrees until it is below 60", () => {
    expect(govern(host(), true)).toMatchObject({ branches: ["conservative", "inversion"], depth: 1 });
    const course = [79, 80, 81, 75, 60, 59, 70].reduce<readonly boolean[]>(
      (known, socCelsius) => [...known, hotNow(host({ socCelsius }), known.at(-1) ?? false)],
      [],
    );
    expect(course).toEqual([false, false, true, true, true, false, false]);
    expect(hotNow(host(), true)).toBe(false);
  });

  it("never takes more breadth, depth or warmth for more pressure", () => {
    const pressure = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(pressure, pressure, (one, other) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)];
        const calm = govern(host({ cpuPressure: less }), false);
        const pressed = govern(host({ cpuPressure: more }), false);
        expect(pressed.depth).toBeLessThanOrEqual(calm.depth);
        expect(pressed.branches.length).toBeLessThanOrEqual(calm.branches.length);
        expect(pressed.temperature).toBeLessThanOrEqual(calm.temperature);
        expect(calm.depth).toBeLessThanOrEqual(maxDepth);
      }),
    );
  });

  it("takes the lower of the caller's temperature and the mode's", () => {
    const balanced = govern(host({ cpuPressure: 0.5 }), false);
    expect(boundTemperature(0.7, balanced)).toBe(0.5);
    expect(boundTemperature(0.2, balanced)).toBe(0.2);
  });
});

describe("the numbers of the host", () => {
  it.each([
    [null, null],
    [59.9, "NOMINAL"],
    [60, "FAIR"],
    [79.9, "FAIR"],
    [80, "SERIOUS"],
    [94.9, "SERIOUS"],
    [95, "CRITICAL"],
  ])("call %s degrees %s", (celsius, state) => {
    expect(thermalStateOf(celsius)).toBe(state);
  });

  it.each([
    [20, 0],
    [40, 0],
    [70, 0.5],
    [100, 1],
    [130, 1],
    [null, null],
  ])("take %s degrees for a thermal pressure of %s", (celsius, pressure) => {
    expect(thermalPressureOf(celsius)).toBe(pressure);
  });

  it("take the highest known pressure, and none where nothing is known", () => {
    expect(pressureOf(host())).toBeNull();
    expect(pressureOf(host({ cpuPressure: 0.2, memoryPressure: 0.1 }))).toBe(0.2);
    expect(pressureOf(host({ cpuPressure: 0.2, socCelsius: 70 }))).toBe(0.5);
    expect(pressureOf(host({ cpuPressure: 0.2, eventLoopDelayMs: 75 }))).toBe(0.75);
  });

  it("make the level the mean of coolness, charge and the mode's temperature", () => {
    expect(levelOf(host({ socCelsius: 70, batteryFraction: 0.6 }), 0.9)).toBeCloseTo((0.5 + 0.6 + 0.9) / 3);
    expect(levelOf(host({ socCelsius: 70 }), 0.9)).toBeCloseTo((0.5 + 0.8 + 0.9) / 3);
  });

  it("leave an unknown temperature out of the level and take 0.8 for an unknown battery", () => {
    expect(levelOf(host(), 0.5)).toBeCloseTo((0.8 + 0.5) / 2);
  });
});
