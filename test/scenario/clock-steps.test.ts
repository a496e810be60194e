// Whatever measures how long something takes goes on as if nothing had happened when somebody sets the machine's clock. Each is
// run twice through the same stretch of time, once on a clock that is set back and forth by hours meanwhile.
import { expect, it } from "vitest";
import { MemoryCache } from "../../src/answer-cache/memory-cache.ts";
import { Host } from "../../src/deliberation/host.ts";
import { ForgoneFields } from "../../src/deployments/share.ts";
import { openActivity } from "../../src/depository/activity.ts";
import { Refusals } from "../../src/governance/refusals.ts";
import { MemoryCounter } from "../../src/identity/rates/memory-counter.ts";
import { TtlCache } from "../../src/identity/ttl-cache.ts";
import { silentLog } from "../../src/kernel/ctx.ts";
import type { Ctx } from "../../src/kernel/ctx.ts";
import { DeniedKeys, KeyRotation } from "../../src/models/provider-keys.ts";
import { Breaker } from "../../src/outbound/breaker.ts";
import { Concurrency } from "../../src/outbound/concurrency.ts";
import { RetryBudget } from "../../src/outbound/retries.ts";
import { testAddress } from "../contract/answer-cache.ts";
import { steppedClock } from "../support/stepped-clock.ts";
import type { SteppedClock } from "../support/stepped-clock.ts";

const [secondMs, hourMs] = [1_000, 3_600_000];

/** Makes what measures durations; gives what is looked at each time that some has passed. */
type Rig = (clock: SteppedClock) => () => unknown;

const sensors = (reads: () => void) => ({
  read: async () => {
    reads();
    return { cpuPressure: 0 } as never;
  },
  siliconId: async () => "0123456789abcdef",
});

const rigs: Readonly<Record<string, Rig>> = {
  "how long a breaker stays open": (clock) => {
    const breaker = new Breaker(clock);
    for (let i = 0; i < 5; i++) breaker.ask()?.settle("failure");
    return () => [breaker.admits, breaker.retryInMs];
  },
  "how long keys of a provider rest": (clock) => {
    const ring = new KeyRotation({ provider: "acme", secrets: ["sk-a", "sk-b", "sk-c"], clock, log: silentLog });
    const [limited, refused, denied] = [ring.take()!, ring.take()!, ring.take()!];
    const denials = new DeniedKeys();
    ring.answered(limited, "rate", { "retry-after": "20" });
    ring.answered(refused, "key", {});
    ring.wasDenied(denied, denials, "acme-large");
    return () => [ring.readyInMs, [1, 2, 3].map(() => ring.take(denials)?.index)];
  },
  "how fast retries are earned": (clock) => {
    const budget = new RetryBudget(clock, { perCall: 0, perSecond: 0.1, most: 2 });
    return () => budget.tryRetry();
  },
  "how quick a deployment is": (clock) => {
    const places = new Concurrency({ maxInFlight: 4, maxWaiting: 0, maxWaitMs: 0 }, clock);
    let place = places.tryEnter();
    return () => {
      place?.firstByte();
      place?.complete();
      place = places.tryEnter();
      return places.figures();
    };
  },
  "how long a field is left out": (clock) => {
    const fields = new ForgoneFields(clock);
    fields.add("stream_options");
    return () => fields.has("stream_options");
  },
  "how long an answer stays in memory": (clock) => {
    const store = new MemoryCache({ clock });
    store.put(testAddress("call"), Buffer.from("x"), 30 * secondMs);
    return () => store.get(testAddress("call"))?.toString();
  },
  "how long the database is believed": (clock) => {
    let reads = 0;
    const cache = new TtlCache(clock, async () => ++reads);
    return () => cache.about("key_a");
  },
  "how many refusals a credential has had within the window": (clock) => {
    const refusals = new Refusals({ refusalsMax: 3, refusalsWindowSeconds: 10 });
    const caller = { principal: { id: "key_a", kind: "product", product: "A", role: "observer" }, clock };
    return () => refusals.count(caller as unknown as Ctx)?.pattern;
  },
  "how often a caller may ask": (clock) => {
    const counter = new MemoryCounter(clock);
    return () => counter.take("key_a", { limit: 3, windowMs: 10 * secondMs });
  },
  "how much was stored of late": (clock) => {
    const activity = openActivity(clock, 20 * secondMs);
    activity.stored(60_000);
    activity.abandoned("key_a");
    return () => [activity.bytesPerSecond(), activity.abandonedBy("key_a")];
  },
  "how old a look at the host is": (clock) => {
    let reads = 0;
    const host = new Host(
      sensors(() => reads++),
      clock,
    );
    return async () => {
      await host.read();
      return reads;
    };
  },
};

/** What is seen in the course of two hours, first closely and then from time to time. */
async function seen(rig: Rig, set: (clock: SteppedClock, turn: number) => void): Promise<readonly unknown[]> {
  const clock = steppedClock();
  const look = rig(clock);
  const all: unknown[] = [];
  for (let turn = 0; turn < 200; turn++) {
    all.push(await look());
    set(clock, turn);
    clock.pass(turn < 150 ? 0.5 * secondMs : 150 * secondMs);
  }
  return all;
}

it.each(Object.entries(rigs))("%s is the same however the clock is set meanwhile", async (_, rig) => {
  const undisturbed = await seen(rig, () => {});
  expect(new Set(undisturbed.map((each) => JSON.stringify(each))).size, "that time passes is seen").toBeGreaterThan(1);
  for (const step of [hourMs, -hourMs]) {
    expect(await seen(rig, (clock, turn) => clock.step(turn % 2 === 0 ? step : -step * 1.5))).toEqual(undisturbed);
  }
});
