import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Breaker, Breakers, admits, breakerTerms, nextSnapshot, outcomeOf, restedBreaker } from "./breaker.ts";
import type { BreakerEvent, BreakerSnapshot, BreakerState, CallOutcome, Permit } from "./breaker.ts";
import { deadlineFault } from "./upstream.ts";

const startMs = Date.UTC(2026, 0, 1);
const { recoveryMs } = breakerTerms;

/** A breaker on a clock of its own. */
function rig() {
  let nowMs = startMs;
  const clock = { nowMs: () => nowMs };
  const breaker = new Breaker(clock);
  const settle = (outcome: CallOutcome, times = 1) => {
    for (let i = 0; i < times; i++) breaker.ask()!.settle(outcome);
  };
  return { clock, breaker, settle, pass: (ms: number) => (nowMs += ms) };
}

/** What the table must say: state and event, given a snapshot, to the next state and number of probes. */
const rows: readonly [string, Partial<BreakerSnapshot>, BreakerEvent, number, BreakerState, number][] = [
  ["lets every call in", {}, "ask", 0, "closed", 0],
  ["counts a success", { failures: 4 }, "success", 0, "closed", 0],
  ["bears four failures", { failures: 3 }, "failure", 0, "closed", 0],
  ["opens at the fifth failure in a row", { failures: 4 }, "failure", 0, "open", 0],
  ["learns nothing from a call that was given up", { failures: 4 }, "nothing", 0, "closed", 0],
  ["is reset", { failures: 4 }, "reset", 0, "closed", 0],
  ["refuses until its time is over", { state: "open" }, "ask", recoveryMs - 1, "open", 0],
  ["lets the first probe in when its time is over", { state: "open" }, "ask", recoveryMs, "half_open", 1],
  ["ignores a success", { state: "open" }, "success", recoveryMs, "open", 0],
  ["ignores a failure", { state: "open" }, "failure", recoveryMs, "open", 0],
  ["ignores a call that was given up", { state: "open" }, "nothing", recoveryMs, "open", 0],
  ["is reset", { state: "open" }, "reset", 0, "closed", 0],
  ["lets a third probe in", { state: "half_open", probes: 2 }, "ask", 1, "half_open", 3],
  ["lets no fourth probe in", { state: "half_open", probes: 3 }, "ask", recoveryMs - 1, "half_open", 3],
  ["gives the places of lost probes out again", { state: "half_open", probes: 3 }, "ask", recoveryMs, "half_open", 1],
  ["closes at one success", { state: "half_open", probes: 2 }, "success", 1, "closed", 0],
  ["opens at one failure", { state: "half_open", probes: 2 }, "failure", 1, "open", 0],
  [
    "takes the place of a probe that was given up back",
    { state: "half_open", probes: 2 },
    "nothing",
    1,
    "half_open",
    1,
  ],
  ["is reset", { state: "half_open", probes: 2 }, "reset", 1, "closed", 0],
];

describe("the breaker's table", () => {
  for (const [what, snapshot, event, afterMs, state, probes] of rows) {
    it(`${snapshot.state ?? "closed"} on ${event}: ${what}`, () => {
      const before = { ...restedBreaker, ...snapshot, sinceMs: startMs };
      expect(nextSnapshot(before, event, startMs + afterMs, breakerTerms)).toMatchObject({ state, probes });
    });
  }

  it("has a row here for every state and event", () => {
    const covered = new Set(rows.map(([, { state = "closed" }, event]) => `${state} ${event}`));
    expect(covered.size).toBe(3 * 5);
  });

  it("starts a new era whenever the state changes, and admits exactly when an ask changes it or it is closed", () => {
    const events = fc.constantFrom<BreakerEvent>("ask", "success", "failure", "nothing", "reset");
    const plan = fc.array(fc.tuple(events, fc.constantFrom(0, 1, recoveryMs - 1, recoveryMs)), { maxLength: 60 });
    fc.assert(
      fc.property(plan, (steps) => {
        let snapshot = restedBreaker;
        let nowMs = startMs;
        for (const [event, gapMs] of steps) {
          nowMs += gapMs;
          if (event === "nothing" && snapshot.probes === 0) continue;
          const next = nextSnapshot(snapshot, event, nowMs, breakerTerms);
          if (next.state !== snapshot.state) expect(next.era).toBe(snapshot.era + 1);
          if (event === "ask" && snapshot.state === "open") {
            expect(admits(snapshot, nowMs, breakerTerms)).toBe(nowMs - snapshot.sinceMs >= recoveryMs);
          }
          expect(next.probes).toBeGreaterThanOrEqual(0);
          expect(next.probes).toBeLessThanOrEqual(breakerTerms.halfOpenMaxCalls);
          expect(next.state === "closed" && next.failures >= breakerTerms.failureThreshold).toBe(false);
          snapshot = next;
        }
      }),
    );
  });
});

describe("a breaker", () => {
  it("opens after five failures in a row, probes after 30 s and closes at one good probe", () => {
    const { breaker, settle, pass } = rig();
    settle("failure", 4);
    settle("success");
    settle("failure", 5);
    expect(breaker.state).toBe("open");
    expect(breaker.ask()).toBeUndefined();
    expect(breaker.retryInMs).toBe(recoveryMs);
    pass(recoveryMs);
    const probes = [breaker.ask(), breaker.ask(), breaker.ask()];
    expect(probes.every((probe) => probe !== undefined)).toBe(true);
    expect(breaker.ask()).toBeUndefined();
    probes[0]!.settle("success");
    expect(breaker.state).toBe("closed");
    // The other probes are late: a failure of one is counted, and changes nothing.
    probes[1]!.settle("failure");
    expect(breaker.stats()).toMatchObject({ state: "closed", failure_count: 0, total_failures: 10 });
  });

  it("opens again at one bad probe", () => {
    const { breaker, settle, pass } = rig();
    settle("failure", 5);
    pass(recoveryMs);
    settle("failure");
    expect(breaker.state).toBe("open");
    expect(breaker.retryInMs).toBe(recoveryMs);
  });

  it("does not take a late outcome of before for one of a probe", () => {
    const { breaker, settle, pass } = rig();
    const slow = breaker.ask()!;
    const slower = breaker.ask()!;
    settle("failure", 5);
    pass(recoveryMs);
    const probe = breaker.ask()!;
    slow.settle("success");
    expect(breaker.state).toBe("half_open");
    slower.settle("failure");
    expect(breaker.state).toBe("half_open");
    probe.settle("success");
    expect(breaker.state).toBe("closed");
  });

  it("gets the place of a dropped permit back, and hears one outcome only", () => {
    const { breaker, settle, pass } = rig();
    settle("failure", 5);
    pass(recoveryMs);
    for (let i = 0; i < 10; i++) {
      using probe = breaker.ask();
      expect(probe).toBeDefined();
    }
    const probe = breaker.ask()!;
    probe.settle("nothing");
    probe.settle("failure");
    expect(breaker.stats()).toMatchObject({ state: "half_open", total_calls: 16, total_failures: 5 });
  });

  it("tells its figures with the names of the predecessor's API", () => {
    const { breaker, settle, pass } = rig();
    settle("success", 2);
    expect(breaker.stats()).toEqual({
      state: "closed",
      failure_count: 0,
      success_count: 2,
      last_failure_time: null,
      opened_at: null,
      total_calls: 2,
      total_failures: 0,
      total_successes: 2,
    });
    pass(1000);
    settle("failure", 5);
    const atS = "2026-01-01T00:00:01.000Z";
    expect(breaker.stats()).toMatchObject({
      failure_count: 5,
      success_count: 0,
      last_failure_time: atS,
      opened_at: atS,
    });
    breaker.reset();
    expect(breaker.stats()).toMatchObject({ state: "closed", failure_count: 0, opened_at: null, total_failures: 5 });
    expect(breaker.admits).toBe(true);
  });

  it("never has more than three probes under way, whatever happens in which order", () => {
    const step = fc.tuple(fc.constantFrom("ask", "ask", "nothing", "failure", "recover"), fc.nat());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { breaker, settle, pass } = rig();
        settle("failure", 5);
        pass(recoveryMs);
        let probing: Permit[] = [];
        for (const [what, which] of steps) {
          if (what === "ask") {
            const permit = breaker.ask();
            if (permit !== undefined) probing.push(permit);
          } else if (what === "recover") {
            if (breaker.state === "open") pass(recoveryMs);
          } else {
            probing.splice(which % Math.max(1, probing.length), 1)[0]?.settle(what);
            // What was let in before the breaker opened again is no probe of the next time.
            if (breaker.state === "open") probing = [];
          }
          expect(probing.length).toBeLessThanOrEqual(3);
          if (breaker.state === "half_open") expect(breaker.admits).toBe(probing.length < 3);
        }
      }),
    );
  });
});

describe("what counts as a failure", () => {
  const outcomes: readonly [unknown, CallOutcome][] = [
    [200, "success"],
    [204, "success"],
    [307, "nothing"],
    [400, "nothing"],
    [401, "nothing"],
    [404, "nothing"],
    [429, "nothing"],
    [500, "failure"],
    [503, "failure"],
    [529, "failure"],
    [deadlineFault("headersMs", true), "failure"],
    [new Error("the caller has gone"), "nothing"],
  ];
  for (const [result, outcome] of outcomes) {
    it(`${result instanceof Error ? result.message : String(result)}: ${outcome}`, () => {
      expect(outcomeOf(result)).toBe(outcome);
    });
  }
});

describe("the breakers of all deployments", () => {
  it("are one for each name, listed together and reset alone or together", () => {
    const { clock } = rig();
    const breakers = new Breakers(clock);
    expect(breakers.get("a")).toBe(breakers.get("a"));
    for (const name of ["a", "b"]) for (let i = 0; i < 5; i++) breakers.get(name).ask()!.settle("failure");
    expect(breakers.stats()).toMatchObject({ a: { state: "open" }, b: { state: "open" } });
    expect(breakers.reset("a")).toBe(true);
    expect(breakers.reset("unknown")).toBe(false);
    expect(breakers.stats()).toMatchObject({ a: { state: "closed" }, b: { state: "open" } });
    expect(breakers.resetAll()).toBe(2);
    expect(Object.keys(breakers.stats())).toEqual(["a", "b"]);
    expect(breakers.get("b").state).toBe("closed");
  });
});
