// What is measured of the host, and the numbers that follow from it. Pure.
//
// 1. What no sensor says is null: nothing is made up, and nothing that is null takes part in a formula, but for the battery
//    in the level, as its definition says.
// 2. Pressures and shares are numbers from 0 to 1.

/** The host as its sensors see it; null where it has none. */
export interface Vitals {
  /** Share of the last ten seconds in which something waited for a processor, or the load of a processor. */
  readonly cpuPressure: number | null;
  /** Share of the last ten seconds in which something waited for memory, or how near its end the memory is. */
  readonly memoryPressure: number | null;
  /** How late the event loop's timers were since the last look, mean, milliseconds. */
  readonly eventLoopDelayMs: number | null;
  /** The hottest thermal zone, degrees Celsius. */
  readonly socCelsius: number | null;
  /** Charge of the batteries, mean. */
  readonly batteryFraction: number | null;
  /** Whether the host runs on mains. */
  readonly plugged: boolean | null;
  /** What the batteries give, watts; null on mains and on most machines. */
  readonly watts: number | null;
}

/** Reads the host. Neither method rejects: what cannot be read is null. */
export interface Sensors {
  read(): Promise<Vitals>;
  /** 16 hexadecimal digits that stay the same on this host and tell nothing about it. */
  siliconId(): Promise<string>;
}

/** How hot the host is. */
export const thermalStates = ["NOMINAL", "FAIR", "SERIOUS", "CRITICAL"] as const;
/** How hot the host is. */
export type ThermalState = (typeof thermalStates)[number];

/**
 * Where the states begin, degrees Celsius. 60 and 80 are the predecessor's edges between deep and shallow thought; 95 is
 * chosen: from there on most processors slow themselves down.
 */
export const thermalEdges = { FAIR: 60, SERIOUS: 80, CRITICAL: 95 } as const;

/** The state for a temperature; null when there is no sensor. */
export function thermalStateOf(celsius: number | null): ThermalState | null {
  if (celsius === null) return null;
  if (celsius >= thermalEdges.CRITICAL) return "CRITICAL";
  if (celsius >= thermalEdges.SERIOUS) return "SERIOUS";
  return celsius >= thermalEdges.FAIR ? "FAIR" : "NOMINAL";
}

/** How hot the host is as a pressure: 0 at 40 degrees, 1 at 100 (the predecessor's formula). */
export function thermalPressureOf(celsius: number | null): number | null {
  return celsius === null ? null : share((celsius - 40) / 60);
}

/** Delay of the event loop that counts as full pressure, milliseconds. Chosen: a person notices a tenth of a second. */
const fullLoopDelayMs = 100;

/** The highest of the known pressures: processor, memory, heat, event loop; null when none is known. */
export function pressureOf(vitals: Vitals): number | null {
  const { cpuPressure, memoryPressure, socCelsius, eventLoopDelayMs } = vitals;
  const loop = eventLoopDelayMs === null ? null : share(eventLoopDelayMs / fullLoopDelayMs);
  const known = [cpuPressure, memoryPressure, thermalPressureOf(socCelsius), loop].filter((each) => each !== null);
  return known.length === 0 ? null : Math.max(...known);
}

/** What the level counts for a host whose battery is unknown (the predecessor's number). */
const unknownBattery = 0.8;

/**
 * The predecessor's "consciousness level", 0 to 1: the mean of how cool the host is, how full its battery is and which
 * temperature its mode gives. A host without a thermal sensor has the mean of the other two.
 */
export function levelOf({ socCelsius, batteryFraction }: Vitals, governorTemperature: number): number {
  const heat = thermalPressureOf(socCelsius);
  const terms = [...(heat === null ? [] : [1 - heat]), batteryFraction ?? unknownBattery, governorTemperature];
  return share(terms.reduce((sum, term) => sum + term, 0) / terms.length);
}

/** A number moved into 0 to 1. */
export function share(number: number): number {
  return Math.min(1, Math.max(0, number));
}
