// How the host's vitals govern thought: which mode, how warm, how deep, how many branches. Pure.
import { pressureOf, thermalPressureOf } from "./vitals.ts";
import type { Vitals } from "./vitals.ts";

/** The modes, from the most free to the least. */
export const cognitiveModes = ["dream", "balanced", "conservative", "deterministic"] as const;
/** A mode. */
export type CognitiveMode = (typeof cognitiveModes)[number];

/** The ways of thinking about one question. */
export const branchNames = ["conservative", "inversion", "recursive"] as const;
/** A way of thinking about one question. */
export type BranchName = (typeof branchNames)[number];

/** What the host allows for now. */
export interface Governance {
  readonly mode: CognitiveMode;
  /** Highest temperature of a call; a caller's lower one holds. */
  readonly temperature: number;
  readonly branches: readonly BranchName[];
  /** Levels of questions in the recursive branch: 1 answers the question as it is. */
  readonly depth: number;
}

/** Temperature of each mode (the predecessor's table). */
export const modeTemperatures: Readonly<Record<CognitiveMode, number>> = {
  dream: 0.9,
  balanced: 0.5,
  conservative: 0.3,
  deterministic: 0,
};

/** Deepest level of questions (the predecessor's limit). */
export const maxDepth = 3;
/** Heat from which a host thinks in one level until it has cooled down, degrees Celsius (the predecessor's edges). */
export const heat = { hotCelsius: 80, coolCelsius: 60 } as const;

/** Least power of each mode, watts (the predecessor's table). */
const modePowers = [
  ["dream", 20],
  ["balanced", 10],
  ["conservative", 5],
] as const;

/**
 * Pressures from which thought is cut back. Chosen: few hosts tell their power, so the mode follows the processor's
 * pressure there, in the same steps in which depth and branches follow the highest pressure of all.
 */
const steps = { some: 0.5, much: 0.7, full: 0.85 } as const;

/** Above this thermal pressure the temperature is at most `hotTemperature` (the predecessor's rule). */
const hotPressure = 0.7;
const hotTemperature = 0.1;
/** Below this charge, off the mains, the temperature is 0 (the predecessor's rule). */
const lowBattery = 0.1;

/** What the vitals allow; `isHot` is whether the host has been hot and has not cooled down since. */
export function govern(vitals: Vitals, isHot: boolean): Governance {
  const mode = modeOf(vitals);
  return { mode, temperature: temperatureOf(mode, vitals), ...breadthOf(pressureOf(vitals) ?? 0, isHot) };
}

/** The temperature of a call: the caller's, or the mode's where that is lower. */
export function boundTemperature(asked: number, { temperature }: Governance): number {
  return Math.min(asked, temperature);
}

/** Whether the host is hot now: from 80 degrees on, until it is below 60. A host without a sensor never is. */
export function hotNow({ socCelsius }: Vitals, wasHot: boolean): boolean {
  if (socCelsius === null) return false;
  return wasHot ? socCelsius >= heat.coolCelsius : socCelsius > heat.hotCelsius;
}

function modeOf({ watts, cpuPressure }: Vitals): CognitiveMode {
  if (watts !== null) return modePowers.find(([, least]) => watts >= least)?.[0] ?? "deterministic";
  if (cpuPressure === null) return "balanced";
  if (cpuPressure < steps.some) return "dream";
  if (cpuPressure < steps.much) return "balanced";
  return cpuPressure < steps.full ? "conservative" : "deterministic";
}

function temperatureOf(mode: CognitiveMode, { socCelsius, batteryFraction, plugged }: Vitals): number {
  if (batteryFraction !== null && batteryFraction < lowBattery && plugged === false) return 0;
  const temperature = modeTemperatures[mode];
  return (thermalPressureOf(socCelsius) ?? 0) > hotPressure ? Math.min(temperature, hotTemperature) : temperature;
}

function breadthOf(pressure: number, isHot: boolean): Pick<Governance, "branches" | "depth"> {
  if (pressure >= steps.full) return { branches: ["conservative"], depth: 1 };
  if (pressure >= steps.much || isHot) return { branches: ["conservative", "inversion"], depth: 1 };
  return { branches: branchNames, depth: pressure >= steps.some ? maxDepth - 1 : maxDepth };
}
