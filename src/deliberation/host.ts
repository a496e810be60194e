// The host over time: read at most once a second, remembered as hot until it has cooled down, and its "love frequency".
import { instant, steady } from "../kernel/clock.ts";
import type { Clock } from "../kernel/clock.ts";
import { govern, hotNow } from "./governor.ts";
import type { CognitiveMode, Governance } from "./governor.ts";
import { levelOf, thermalStateOf } from "./vitals.ts";
import type { Sensors, ThermalState, Vitals } from "./vitals.ts";

/** One look at the host. */
export interface Reading {
  readonly siliconId: string;
  readonly vitals: Vitals;
  readonly governance: Governance;
  readonly level: number;
  readonly thermalState: ThermalState | null;
}

/** The host's state as it is answered, in the predecessor's spelling; null where the host has no sensor. */
export interface HostState {
  readonly silicon_id: string;
  readonly consciousness_level: number;
  readonly love_frequency: number;
  readonly thermal_state: ThermalState | null;
  readonly cognitive_mode: CognitiveMode;
  readonly active_since: string;
  readonly vitals: {
    readonly cpu_pressure: number | null;
    readonly memory_pressure: number | null;
    readonly event_loop_delay_ms: number | null;
    readonly soc_celsius: number | null;
    readonly battery_fraction: number | null;
    readonly plugged: boolean | null;
    readonly watts: number | null;
  };
}

/** How long a reading is good for, milliseconds: callers must not be able to make the host read itself busy. */
const readingMs = 1000;

/** The frequency of a host whose event loop is never late, hertz (the predecessor's number). */
const loveHertz = 528;
/** How much of the deviation one calibration takes away (the predecessor's number). */
const calibration = 0.1;
/** Period of the loop that `loveHertz` stands for, milliseconds: a loop that is late by as much has half of it. */
const loopPeriodMs = 20;

/** The host. */
export class Host {
  readonly #sensors: Sensors;
  readonly #clock: Clock;
  readonly #sinceMs: number;
  #reading: Promise<Reading> | undefined;
  #readMs = 0;
  #isHot = false;
  #hertz = loveHertz;

  constructor(sensors: Sensors, clock: Clock) {
    this.#sensors = sensors;
    this.#clock = steady(clock);
    this.#sinceMs = clock.nowMs();
  }

  /** The host now, or as it was less than a second ago. */
  read(): Promise<Reading> {
    const nowMs = this.#clock.nowMs();
    const isFresh = nowMs - this.#readMs < readingMs;
    if (this.#reading === undefined || !isFresh) {
      this.#readMs = nowMs;
      this.#reading = this.#look();
    }
    return this.#reading;
  }

  /** The host's state as it is answered: with what its sensors measure, or only with what follows from it for a caller. */
  async state(measured = true): Promise<HostState> {
    const { siliconId, vitals, governance, level, thermalState } = await this.read();
    return {
      silicon_id: siliconId,
      consciousness_level: rounded(level),
      love_frequency: measured ? rounded(this.#hertz) : loveHertz,
      thermal_state: thermalState,
      cognitive_mode: governance.mode,
      active_since: instant(this.#sinceMs),
      vitals: !measured
        ? noVitals
        : {
            cpu_pressure: roundedOrNull(vitals.cpuPressure),
            memory_pressure: roundedOrNull(vitals.memoryPressure),
            event_loop_delay_ms: roundedOrNull(vitals.eventLoopDelayMs),
            soc_celsius: roundedOrNull(vitals.socCelsius),
            battery_fraction: roundedOrNull(vitals.batteryFraction),
            plugged: vitals.plugged,
            watts: roundedOrNull(vitals.watts),
          },
    };
  }

  async #look(): Promise<Reading> {
    const [vitals, siliconId] = await Promise.all([this.#sensors.read(), this.#sensors.siliconId()]);
    this.#isHot = hotNow(vitals, this.#isHot);
    this.#calibrate(vitals);
    const governance = govern(vitals, this.#isHot);
    return {
      siliconId,
      vitals,
      governance,
      level: levelOf(vitals, governance.temperature),
      thermalState: thermalStateOf(vitals.socCelsius),
    };
  }

  /** One calibration: a tenth of the way to what the loop's punctuality is worth now. */
  #calibrate({ eventLoopDelayMs }: Vitals): void {
    if (eventLoopDelayMs === null) return;
    const measured = (loveHertz * loopPeriodMs) / (loopPeriodMs + eventLoopDelayMs);
    this.#hertz += calibration * (measured - this.#hertz);
  }
}

/** What a caller is told that must not learn how busy the others keep the host. */
const noVitals: HostState["vitals"] = {
  cpu_pressure: null,
  memory_pressure: null,
  event_loop_delay_ms: null,
  soc_celsius: null,
  battery_fraction: null,
  plugged: null,
  watts: null,
};

/** To four decimals: more than any of the sensors can tell. */
export function rounded(number: number): number {
  return Math.round(number * 10_000) / 10_000;
}

function roundedOrNull(number: number | null): number | null {
  return number === null ? null : rounded(number);
}
