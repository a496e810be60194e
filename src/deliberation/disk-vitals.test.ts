import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { openVitals } from "./disk-vitals.ts";
import type { HostFacts } from "./disk-vitals.ts";

const facts: HostFacts = {
  platform: "linux",
  arch: "arm64",
  cores: 4,
  processor: "A processor",
  name: "host",
  load: () => 1,
};
const roots: string[] = [];
afterEach(async () => {
  for (const root of roots.splice(0)) await rm(root, { recursive: true, force: true });
});

/** A folder that looks like the root of a host with these files. */
async function hostWith(files: Record<string, string>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "charter-vitals-"));
  roots.push(root);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

async function vitalsOf(files: Record<string, string>, more: Partial<HostFacts> = {}) {
  using sensors = openVitals({ root: await hostWith(files), facts: { ...facts, ...more }, loopDelay: () => 3 });
  return sensors.read();
}

const stall = (percent: string) =>
  `some avg10=${percent} avg60=45.62 avg300=26.51 total=4599\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=0\n`;

describe("the sensors of a host", () => {
  it("say null for everything that is not there", async () => {
    expect(await vitalsOf({}, { load: () => 0 })).toEqual({
      cpuPressure: null,
      memoryPressure: null,
      eventLoopDelayMs: 3,
      socCelsius: null,
      batteryFraction: null,
      plugged: null,
      watts: null,
    });
  });

  it("read the kernel's pressures", async () => {
    const files = { "proc/pressure/cpu": stall("72.83"), "proc/pressure/memory": stall("0.00") };
    expect(await vitalsOf(files)).toMatchObject({ cpuPressure: 0.7283, memoryPressure: 0 });
  });

  it("take the load on each core and the memory left where the kernel keeps no pressures", async () => {
    const info = (available: number) => `MemTotal:       1000 kB\nMemFree: 10 kB\nMemAvailable:    ${available} kB\n`;
    expect(await vitalsOf({ "proc/meminfo": info(500) })).toMatchObject({ cpuPressure: 0.25, memoryPressure: 0 });
    expect(await vitalsOf({ "proc/meminfo": info(50) }, { load: () => 9 })).toMatchObject({
      cpuPressure: 1,
      memoryPressure: 0.75,
    });
  });

  it("take the hottest zone and leave out those without a sensor", async () => {
    const zone = (n: number) => `sys/class/thermal/thermal_zone${n}/temp`;
    const files = {
      [zone(0)]: "45000\n",
      [zone(1)]: "61500\n",
      [zone(2)]: "-274000\n",
      [zone(3)]: "0\n",
      [zone(4)]: "200000\n",
      [zone(5)]: "warm\n",
      "sys/class/thermal/thermal_zone6/type": "acpitz\n",
      "sys/class/thermal/cooling_device0/temp": "99000\n",
    };
    expect(await vitalsOf(files)).toMatchObject({ socCelsius: 61.5 });
  });

  const supply = (name: string, says: Record<string, string>) =>
    Object.fromEntries(Object.entries(says).map(([what, text]) => [`sys/class/power_supply/${name}/${what}`, text]));

  it("take the mean of the host's own batteries and what they give", async () => {
    const battery = { type: "Battery\n", status: "Discharging\n", power_now: "6500000\n" };
    const files = {
      ...supply("BAT0", { ...battery, capacity: "80\n" }),
      ...supply("BAT1", { ...battery, capacity: "20\n" }),
      ...supply("AC", { type: "Mains\n", online: "0\n" }),
      ...supply("hid-mouse", { type: "Battery\n", scope: "Device\n", capacity: "1\n", status: "Discharging\n" }),
    };
    expect(await vitalsOf(files)).toMatchObject({ batteryFraction: 0.5, plugged: false, watts: 13 });
  });

  it("know mains by the supply, or by what the battery does", async () => {
    const battery = { type: "Battery\n", capacity: "50\n" };
    const mains = supply("AC", { type: "Mains\n", online: "1\n" });
    const charging = supply("BAT0", { ...battery, status: "Charging\n", power_now: "9000000\n" });
    expect(await vitalsOf(mains)).toMatchObject({ plugged: true, batteryFraction: null });
    expect(await vitalsOf(charging)).toMatchObject({ plugged: true, watts: null });
    expect(await vitalsOf(supply("BAT0", { ...battery, status: "Discharging\n" }))).toMatchObject({ plugged: false });
    expect(await vitalsOf(supply("BAT0", { ...battery, status: "Unknown\n" }))).toMatchObject({ plugged: null });
  });

  it("measure the event loop of this process", async () => {
    using sensors = openVitals({ root: await hostWith({}), facts });
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const { eventLoopDelayMs } = await sensors.read();
      if (eventLoopDelayMs === null) continue;
      expect(eventLoopDelayMs).toBeGreaterThanOrEqual(0);
      return;
    }
  });
});

describe("the silicon id", () => {
  const idOf = async (files: Record<string, string>, more: Partial<HostFacts> = {}) => {
    using sensors = openVitals({ root: await hostWith(files), facts: { ...facts, ...more }, loopDelay: () => null });
    return sensors.siliconId();
  };
  const machine = { "etc/machine-id": "0123456789abcdef0123456789abcdef\n" };

  it("stays the same on one machine, whatever it is called, and differs between machines", async () => {
    const id = await idOf(machine);
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(await idOf(machine, { name: "renamed" })).toBe(id);
    expect(await idOf({ "etc/machine-id": "fedcba9876543210fedcba9876543210\n" })).not.toBe(id);
    expect(await idOf({ "var/lib/dbus/machine-id": machine["etc/machine-id"] })).toBe(id);
  });

  it("is no part of the machine's id, and follows the name where there is none", async () => {
    expect(machine["etc/machine-id"]).not.toContain(await idOf(machine));
    expect(await idOf({})).not.toBe(await idOf({}, { name: "other" }));
  });
});
