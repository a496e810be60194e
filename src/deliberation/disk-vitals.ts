// Reads the host's sensors from /proc and /sys, and from what the runtime knows of itself. What cannot be read is null; the
// host need not be Linux, it then has fewer sensors.
import { readdir, readFile } from "node:fs/promises";
import * as os from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { sha256Hex } from "../kernel/hash.ts";
import { share } from "./vitals.ts";
import type { Sensors, Vitals } from "./vitals.ts";

/** What the runtime says of the host. */
export interface HostFacts {
  readonly platform: string;
  readonly arch: string;
  readonly cores: number;
  readonly processor: string;
  readonly name: string;
  /** Mean number of processes that wanted to run in the last minute; 0 where the system does not count. */
  readonly load: () => number;
}

/** Where to read, and who else to ask. */
export interface VitalsOptions {
  /** Folder that holds `proc`, `sys`, `etc`. */
  readonly root?: string;
  readonly facts?: HostFacts;
  /** Mean lateness of the event loop since the last call, milliseconds; null when nothing was measured. */
  readonly loopDelay?: () => number | null;
}

/** The host that this process runs on. */
export function hostFacts(): HostFacts {
  const cpus = os.cpus();
  return {
    platform: os.platform(),
    arch: os.arch(),
    cores: Math.max(1, os.availableParallelism()),
    processor: cpus[0]?.model ?? "",
    name: os.hostname(),
    load: () => os.loadavg()[0] ?? 0,
  };
}

/** Opens the sensors. Disposing of them stops the measuring of the event loop. */
export function openVitals(options: VitalsOptions = {}): Sensors & Disposable {
  const { root = "/", facts = hostFacts() } = options;
  const loop = options.loopDelay === undefined ? measureLoop() : undefined;
  const loopDelay = options.loopDelay ?? loop?.meanMs;
  let id: Promise<string> | undefined;
  return {
    async read(): Promise<Vitals> {
      const [cpuPressure, memoryPressure, socCelsius, supply] = await Promise.all([
        readCpu(root, facts),
        readMemory(root),
        readHeat(root),
        readSupply(root),
      ]);
      return { cpuPressure, memoryPressure, socCelsius, ...supply, eventLoopDelayMs: loopDelay?.() ?? null };
    },
    siliconId: () => (id ??= readSiliconId(root, facts)),
    [Symbol.dispose]: () => loop?.stop(),
  };
}

/** Every how many milliseconds the event loop is looked at. */
const loopResolutionMs = 20;

function measureLoop() {
  const histogram = monitorEventLoopDelay({ resolution: loopResolutionMs });
  histogram.enable();
  return {
    meanMs: (): number | null => {
      const { mean, count } = histogram;
      // A reset restarts the measuring, so nothing that is under way is reset.
      if (count === 0) return null;
      histogram.reset();
      return Math.max(0, mean / 1e6 - loopResolutionMs);
    },
    stop: () => void histogram.disable(),
  };
}

/** The kernel's pressure stall information where it is kept; else the load on each core. */
async function readCpu(root: string, { cores, load }: HostFacts): Promise<number | null> {
  const stalled = await readStall(root, "cpu");
  if (stalled !== null) return stalled;
  const counted = load();
  // A system that counts no load says 0, always.
  return counted > 0 ? share(counted / cores) : null;
}

/** Share of memory that is left when pressure begins, where only the amount is known. Chosen. */
const memoryReserve = 0.2;

/** Pressure stall information; else 0 while a fifth of the memory is available, and 1 when none is. */
async function readMemory(root: string): Promise<number | null> {
  const stalled = await readStall(root, "memory");
  if (stalled !== null) return stalled;
  const info = await textOf(root, "proc/meminfo");
  const total = numberIn(/^MemTotal:\s+(\d+) kB$/m.exec(info ?? "")?.[1]);
  const available = numberIn(/^MemAvailable:\s+(\d+) kB$/m.exec(info ?? "")?.[1]);
  if (total === null || available === null || total === 0) return null;
  return share(1 - available / total / memoryReserve);
}

/** `some avg10`: percent of the last ten seconds in which at least one task waited. */
async function readStall(root: string, what: string): Promise<number | null> {
  const text = await textOf(root, `proc/pressure/${what}`);
  const percent = numberIn(/^some avg10=(\d+(?:\.\d+)?) /m.exec(text ?? "")?.[1]);
  return percent === null ? null : share(percent / 100);
}

/** A zone that says 0 or less, or more than silicon survives, has no sensor behind it. */
const [leastCelsius, mostCelsius] = [0, 150];

/** The hottest thermal zone. */
async function readHeat(root: string): Promise<number | null> {
  const folder = "sys/class/thermal";
  const zones = (await namesIn(root, folder)).filter((name) => /^thermal_zone\d+$/.test(name));
  const degrees = await Promise.all(
    zones.map(async (zone) => {
      const milli = numberIn(await textOf(root, `${folder}/${zone}/temp`));
      return milli === null ? null : milli / 1000;
    }),
  );
  const known = degrees.flatMap((each) => (each !== null && each > leastCelsius && each < mostCelsius ? [each] : []));
  return known.length === 0 ? null : Math.max(...known);
}

/** Batteries and mains. Batteries of mice and the like (`scope` Device) are not the host's. */
async function readSupply(root: string): Promise<Pick<Vitals, "batteryFraction" | "plugged" | "watts">> {
  const folder = "sys/class/power_supply";
  const supplies = await Promise.all(
    (await namesIn(root, folder)).map(async (name) => {
      const say = (what: string): Promise<FileText> => textOf(root, `${folder}/${name}/${what}`);
      const [type, scope, status, online, capacity, power] = await Promise.all(
        ["type", "scope", "status", "online", "capacity", "power_now"].map(say),
      );
      return { type, scope, status, online, capacity: numberIn(capacity), microwatts: numberIn(power) };
    }),
  );
  const own = supplies.filter(({ scope }) => scope !== "Device");
  const batteries = own.filter(({ type }) => type === "Battery");
  const charges = batteries.flatMap(({ capacity }) => (capacity === null ? [] : [share(capacity / 100)]));
  const draws = batteries.flatMap(({ status, microwatts }) =>
    status === "Discharging" && microwatts !== null ? [microwatts / 1e6] : [],
  );
  return {
    batteryFraction: charges.length === 0 ? null : total(charges) / charges.length,
    plugged: pluggedOf(own),
    watts: draws.length === 0 ? null : total(draws),
  };
}

function pluggedOf(supplies: readonly { type: FileText; status: FileText; online: FileText }[]): boolean | null {
  const mains = supplies.flatMap(({ type, online }) => (type === "Mains" || type === "USB" ? [online] : []));
  if (mains.includes("1")) return true;
  const states = supplies.flatMap(({ type, status }) => (type === "Battery" ? [status] : []));
  if (states.includes("Discharging") || mains.includes("0")) return false;
  return states.some((status) => status === "Charging" || status === "Full" || status === "Not charging") ? true : null;
}

/** What a file says; undefined when it cannot be read. */
type FileText = string | undefined;

/** Sets this use of the host's facts apart from every other, so that the id can be compared with nothing else. */
const siliconLabel = "charter silicon id v1";

/** A hash over the machine's id, or over its name where it has none, and what it is made of. */
async function readSiliconId(root: string, { platform, arch, processor, name }: HostFacts): Promise<string> {
  const machine = (await textOf(root, "etc/machine-id")) ?? (await textOf(root, "var/lib/dbus/machine-id")) ?? "";
  const self = machine === "" ? `name ${name}` : `id ${machine}`;
  return sha256Hex([siliconLabel, self, platform, arch, processor].join("\n")).slice(0, 16);
}

/** A small file's text without the space around it; undefined when it cannot be read, as sensors often cannot. */
async function textOf(root: string, path: string): Promise<FileText> {
  try {
    return (await readFile(join(root, path), "utf8")).trim();
  } catch {
    return undefined;
  }
}

async function namesIn(root: string, path: string): Promise<readonly string[]> {
  try {
    return await readdir(join(root, path));
  } catch {
    return [];
  }
}

function numberIn(text: FileText): number | null {
  return text !== undefined && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : null;
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
