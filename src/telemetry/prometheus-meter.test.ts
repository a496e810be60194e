import { afterEach, describe, expect, it } from "vitest";
import { samplesOf, total } from "../../test/support/gateway/scripted-calls.ts";
import { silentLog } from "../kernel/ctx.ts";
import { silentMeter } from "../kernel/meter.ts";
import { PrometheusMeter } from "./prometheus-meter.ts";

const opened: PrometheusMeter[] = [];
const warned: object[] = [];

function open(): PrometheusMeter {
  const meter = new PrometheusMeter({ ...silentLog, warn: (fields) => void warned.push(fields) });
  opened.push(meter);
  return meter;
}

const read = async (meter: PrometheusMeter) => samplesOf(await meter.text());

afterEach(() => {
  warned.length = 0;
  for (const meter of opened.splice(0)) meter[Symbol.dispose]();
});

describe("the meter over Prometheus", () => {
  it("counts, sets and observes by label", async () => {
    const meter = open();
    const doors = meter.counter({
      name: "charter_doors_total",
      help: "Doors.",
      labels: { colour: ["red", "blue"], size: { atMost: 2 } },
    });
    doors.with({ colour: "red", size: "s" }).add();
    doors.with({ colour: "red", size: "s" }).add(2);
    doors.with({ colour: "blue", size: "s" }).add(4);
    meter.gauge({ name: "charter_rooms", help: "Rooms." }).with({}).set(7);
    const waits = meter.histogram({
      name: "charter_wait_seconds",
      help: "Waits.",
      unit: "seconds",
      buckets: [1, 10],
    });
    for (const seconds of [0.5, 5, 50]) waits.with({}).observe(seconds);
    const samples = await read(meter);
    expect(total(samples, "charter_doors_total", { colour: "red", size: "s" })).toBe(3);
    expect(total(samples, "charter_doors_total")).toBe(7);
    expect(total(samples, "charter_rooms")).toBe(7);
    const upTo = (le: string): number => total(samples, "charter_wait_seconds_bucket", { le });
    expect([upTo("1"), upTo("10"), upTo("+Inf")]).toEqual([1, 2, 3]);
    expect([total(samples, "charter_wait_seconds_sum"), total(samples, "charter_wait_seconds_count")]).toEqual([
      55.5, 3,
    ]);
  });

  it("keeps labels bounded, whatever it is given", async () => {
    const meter = open();
    const calls = meter.counter({
      name: "charter_calls_total",
      help: "Calls.",
      labels: { kind: ["known"], name: { atMost: 3 } },
    });
    for (let i = 0; i < 1000; i++) calls.with({ kind: `made up ${i}`, name: `n${i}` }).add();
    const samples = (await read(meter)).filter(({ name }) => name === "charter_calls_total");
    expect(samples.map(({ labels }) => `${labels["kind"]} ${labels["name"]}`)).toEqual([
      "other n0",
      "other n1",
      "other n2",
      "other other",
    ]);
    expect(total(samples, "charter_calls_total")).toBe(1000);
  });

  it("takes no more than so many series of one metric", async () => {
    const meter = open();
    const labels = { a: { atMost: 200 }, b: { atMost: 200 } };
    const pairs = meter.counter({ name: "charter_pairs_total", help: "Pairs.", labels });
    for (let i = 0; i < 150; i++) for (let j = 0; j < 150; j++) pairs.with({ a: `a${i}`, b: `b${j}` }).add();
    const samples = (await read(meter)).filter(({ name }) => name === "charter_pairs_total");
    expect(samples.length).toBe(10_001);
    expect(total(samples, "charter_pairs_total", { a: "other", b: "other" })).toBe(22_500 - 10_000);
  });

  it("leaves out what is no number, and what would make a counter fall", async () => {
    const meter = open();
    const count = meter.counter({ name: "charter_odd_total", help: "Odd." }).with({});
    for (const amount of [Number.NaN, -1, Number.POSITIVE_INFINITY, 2]) count.add(amount);
    expect(total(await read(meter), "charter_odd_total")).toBe(2);
  });

  it("asks a gauge that is read each time, and adds up what is `other`", async () => {
    const meter = open();
    let rooms = 1;
    meter.observe({ name: "charter_rooms", help: "Rooms." }, () => rooms++);
    meter.observe({ name: "charter_used_bytes", help: "Use.", labels: { product: ["one"] } }, async () => [
      { labels: { product: "one" }, value: 1 },
      { labels: { product: "two" }, value: 2 },
      { labels: { product: "three" }, value: 3 },
    ]);
    await read(meter);
    const samples = await read(meter);
    expect(total(samples, "charter_rooms")).toBe(2);
    expect(total(samples, "charter_used_bytes", { product: "one" })).toBe(1);
    expect(total(samples, "charter_used_bytes", { product: "other" })).toBe(5);
  });

  it("reads the rest when one gauge fails or does not answer, and says so in the log", async () => {
    const meter = open();
    let isDown = false;
    meter.observe({ name: "charter_rooms", help: "Rooms." }, () => {
      if (isDown) throw new Error("no house");
      return 4;
    });
    await read(meter);
    isDown = true;
    meter.observe({ name: "charter_never", help: "Never." }, () => new Promise<number>(() => {}));
    expect(total(await read(meter), "charter_rooms")).toBe(4);
    expect(warned).toMatchObject([{ metric: "charter_rooms" }, { metric: "charter_never" }]);
  });

  it("refuses a name that does not say its kind and unit", () => {
    const meter = open();
    const help = "Doors.";
    expect(() => meter.counter({ name: "charter_doors", help })).toThrow("valid name for a counter");
    expect(() => meter.gauge({ name: "charter_doors_total", help })).toThrow("valid name for a gauge");
    expect(() => meter.observe({ name: "charter_doors", help, unit: "bytes" }, () => 0)).toThrow("in bytes");
    const terms = { name: "charter_doors_ms", help, unit: "seconds", buckets: [1] } as const;
    expect(() => meter.histogram(terms)).toThrow("in seconds");
  });

  it("refuses a name that is declared twice, and shares nothing with another meter", async () => {
    const meter = open();
    meter.counter({ name: "charter_doors_total", help: "Doors." }).with({}).add();
    expect(() => meter.counter({ name: "charter_doors_total", help: "Doors." })).toThrow("already been registered");
    const other = open();
    other.counter({ name: "charter_doors_total", help: "Doors." }).with({});
    expect(total(await read(other), "charter_doors_total")).toBe(0);
  });
});

it("measures nothing when it is silent", () => {
  const terms = { name: "charter_doors_total", help: "Doors." };
  silentMeter.counter(terms).with({}).add();
  silentMeter.gauge(terms).with({}).set(1);
  silentMeter
    .histogram({ ...terms, unit: "seconds", buckets: [1] })
    .with({})
    .observe(1);
  silentMeter.observe(terms, () => {
    throw new Error("nobody asks");
  });
});
