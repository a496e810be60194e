// A provider that has answered is paid, whatever becomes of its answer here: at every point at which something can fail after an
// answer has landed, the call is charged at least what its provider bills, and has one outcome that says so.
import { describe, expect, it } from "vitest";
import { callerOf, openStageRig } from "../../test/support/gateway/stage-rig.ts";
import { noWishes } from "../answer-cache/index.ts";
import type { Producer } from "../answer-cache/index.ts";
import { DeploymentPool } from "../deployments/index.ts";
import { dbFault } from "../db/errors.ts";
import { systemClock } from "../kernel/clock.ts";
import { silentLog } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import type { DialectName, FrontDialect } from "../models/index.ts";
import { SimulatedUpstream } from "../models/simulated/upstream.ts";
import { Gateway } from "./gateway.ts";
import type { GatewayParts } from "./gateway.ts";

/** The ways by which an answer leaves. */
const doors: Readonly<Record<string, readonly [DialectName, boolean]>> = {
  "a whole answer as it came": ["openai-chat", false],
  "a stream as it came": ["openai-chat", true],
  "a whole answer in another API's words": ["anthropic-messages", false],
  "a stream in another API's words": ["anthropic-messages", true],
};

/** What is told when an answer has landed. */
class Arrival {
  has = false;
  readonly #told = Promise.withResolvers<void>();
  readonly told = this.#told.promise;

  now(): void {
    this.has = true;
    this.#told.resolve();
  }
}

const broken = (): never => {
  throw new Error("a fault of ours");
};

/** A part in which some methods fail once an answer has landed. */
function failing<T extends object>(part: T, arrival: Arrival, fails: Partial<Record<keyof T, () => unknown>>): T {
  return new Proxy(part, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        const fail = arrival.has ? fails[name as keyof T] : undefined;
        return fail === undefined ? (Reflect.apply(value, target, args) as unknown) : fail();
      };
    },
  });
}

/** Fronts whose writers fail at what a test says. */
function frontsOf(fronts: GatewayParts["fronts"], change: (front: FrontDialect) => FrontDialect) {
  return Object.fromEntries(
    Object.entries(fronts).map(([name, front]) => [name, change(front)]),
  ) as GatewayParts["fronts"];
}

/** Writers of streams that fail at one kind of piece. */
const writing = (kind: string) => (parts: GatewayParts) => ({
  ...parts,
  fronts: frontsOf(parts.fronts, (front) => ({
    ...front,
    streamWriter: (...args) => {
      const writer = front.streamWriter(...args);
      return {
        write: (piece) => (piece.kind === kind ? broken() : writer.write(piece)),
        fail: (failure) => writer.fail(failure),
      };
    },
  })),
});

/** A lead that fails at what a test says. */
const leading = (fails: keyof Producer) => (parts: GatewayParts) => ({
  ...parts,
  cache: new Proxy(parts.cache, {
    get: (cache, name) =>
      name !== "ask"
        ? (Reflect.get(cache, name) as unknown)
        : async (...args: Parameters<GatewayParts["cache"]["ask"]>) => {
            const turn = await cache.ask(...args);
            if (turn.kind !== "lead") return turn;
            const { lead } = turn;
            const bound = (method: string | symbol) =>
              (Reflect.get(lead, method) as (...all: unknown[]) => unknown).bind(lead);
            const methods = ["push", "settle", "settleStream", "fail", Symbol.dispose];
            const own = Object.fromEntries(
              methods.map((method) => [method, method === fails ? broken : bound(method)]),
            );
            return { ...turn, lead: { signal: lead.signal, ...own } as never };
          },
  }),
});

type Spoil = (parts: GatewayParts, at: { readonly arrival: Arrival; readonly caller: AbortController }) => GatewayParts;

const unavailable = async (): Promise<never> => {
  throw dbFault("db.unavailable", "The connection to the database was lost.", {}, new Error("lost"));
};

/** Budgets whose promises to calls do not become durable. */
const unkept = (parts: GatewayParts): GatewayParts => ({
  ...parts,
  budgets: new Proxy(parts.budgets, {
    get: (budgets, name) =>
      name !== "admit"
        ? (Reflect.get(budgets, name) as (...args: unknown[]) => unknown).bind(budgets)
        : async (...args: Parameters<GatewayParts["budgets"]["admit"]>) => ({
            ...(await budgets.admit(...args)),
            kept: unavailable(),
          }),
  }),
});

/** The call ends when its answer lands. */
const ending =
  (reason?: Fault): Spoil =>
  (parts, { arrival, caller }) => {
    void arrival.told.then(() => caller.abort(reason));
    return parts;
  };

const faults: Readonly<Record<string, Spoil>> = {
  nothing: (parts) => parts,
  "writing a whole answer": (parts) => ({
    ...parts,
    fronts: frontsOf(parts.fronts, (front) => ({ ...front, writeReply: broken })),
  }),
  "mending an answer": (parts) => ({
    ...parts,
    fronts: frontsOf(parts.fronts, (front) => ({ ...front, mended: broken })),
  }),
  "writing the first piece of a stream": writing("start"),
  "writing words of a stream": writing("text"),
  "writing the end of a stream": writing("end"),
  "handing pieces on to others": leading("push"),
  "keeping a whole answer": leading("settle"),
  "keeping a stream": leading("settleStream"),
  "writing words of a stream, and giving up on it": (parts) => leading("fail")(writing("text")(parts)),
  "making a reservation durable, and giving up on the call": (parts) => leading("fail")(unkept(parts)),
  "the price list": (parts, { arrival }) => ({
    ...parts,
    prices: failing(parts.prices, arrival, { price: broken, estimate: broken, rates: broken, servicePercent: broken }),
  }),
  "whoever watches attempts": (parts, { arrival }) => ({
    ...parts,
    observer: failing(parts.observer, arrival, { attempted: broken }),
  }),
  "whoever watches calls": (parts, { arrival }) => ({
    ...parts,
    observer: failing(parts.observer, arrival, { ended: broken }),
  }),
  "charging the budgets": (parts, { arrival }) => ({
    ...parts,
    budgets: failing(parts.budgets, arrival, { charge: unavailable, giveBack: unavailable }),
  }),
  "making a reservation durable": (parts) => unkept(parts),
  "the caller, who leaves": ending(),
  "the caller's rights, which end": ending(new Fault("credential.ended", "the key was revoked")),
};

async function used(rig: Awaited<ReturnType<typeof openStageRig>>) {
  // What could not be ended is charged when it expires.
  await rig.parts.budgets.expire(systemClock.nowMs() + 24 * 3_600_000);
  const { budgets } = await rig.parts.budgets.state({});
  return budgets.reduce((all, line) => all + line.used, 0);
}

/** Makes one call with a fault in its way; gives what it was charged and what is on record. */
async function called([dialect, stream]: readonly [DialectName, boolean], spoil: Spoil) {
  await using rig = await openStageRig({ cacheTtlSeconds: 60 }, 10_000_000);
  const [arrival, caller] = [new Arrival(), new AbortController()];
  const connect = () => {
    const upstream = new SimulatedUpstream();
    return failingAfter(upstream, arrival);
  };
  const fleet = new DeploymentPool({ connect, clock: systemClock, log: silentLog });
  try {
    const parts = { ...rig.parts, fleet, clock: systemClock } as unknown as GatewayParts;
    const gateway = new Gateway(spoil(parts, { arrival, caller }));
    const ctx = callerOf(caller.signal);
    const body = {
      model: "simulated-nano",
      max_tokens: 200,
      messages: [{ role: "user", content: "Say a few words." }],
      stream,
    };
    const outcome = await gateway.call(ctx, dialect, body, { cache: noWishes, passed: {} }).then(
      async (answer) => {
        if (answer.kind === "whole") return "answered";
        try {
          for await (const _ of answer.bytes);
          return "streamed";
        } catch {
          return "broke";
        }
      },
      () => "refused",
    );
    const outcomes = () => rig.leaves.filter(({ kind }) => kind === "outcome");
    await expect.poll(() => outcomes().length).toBe(1);
    return { outcome, leaf: outcomes()[0], used: await used(rig) };
  } finally {
    await fleet[Symbol.asyncDispose]();
  }
}

function failingAfter(upstream: SimulatedUpstream, arrival: Arrival) {
  return new Proxy(upstream, {
    get: (target, name) =>
      name !== "send"
        ? (Reflect.get(target, name) as (...args: unknown[]) => unknown).bind(target)
        : async (...args: Parameters<SimulatedUpstream["send"]>) => {
            const answer = await target.send(...args);
            arrival.now();
            return answer;
          },
  });
}

/** Faults that cut a stream off: its provider bills what it has written by then, which is less than the whole. */
const cuts = /^(?:writing (?:the first piece|words)|handing pieces|the caller, who leaves)/;

describe.each(Object.entries(doors))("%s", (_, door) => {
  const isStream = door[1];
  const undisturbed = called(door, (parts) => parts);
  const applying = Object.entries(faults).filter(([fault]) => isStream || !cuts.test(fault) || fault.startsWith("the"));

  it.each(applying)("is charged and on record whatever fails: %s", async (fault, spoil) => {
    const { used: billed, leaf: record } = await undisturbed;
    expect(record).toMatchObject({ outcome: "committed", facts: { estimated: false } });
    const { leaf, used: charged } = await called(door, spoil);
    const least = isStream && cuts.test(fault) ? Number(record?.facts?.["input_tokens"]) : billed;
    expect(least).toBeGreaterThan(0);
    expect(charged).toBeGreaterThanOrEqual(least);
    expect(Number(leaf?.facts?.["input_tokens"]) + Number(leaf?.facts?.["output_tokens"])).toBeGreaterThanOrEqual(
      least,
    );
  });
});

describe("a whole answer that is here", () => {
  it("is charged what its provider says of it, and not the most, where it may not leave", async () => {
    const door = ["openai-chat", false] as const;
    const { used: billed } = await called(door, (parts) => parts);
    for (const fault of ["mending an answer", "keeping a whole answer", "making a reservation durable"]) {
      const { leaf, used: charged } = await called(door, faults[fault]!);
      expect([fault, leaf?.outcome, leaf?.facts?.["estimated"], charged]).toEqual([fault, "failed", false, billed]);
    }
  });
});

describe("those who watch calls", () => {
  it.each(["whoever watches attempts", "whoever watches calls"])(
    "keep no answer from its caller: %s",
    async (fault) => {
      for (const [door, outcome] of [
        ["a whole answer as it came", "answered"],
        ["a stream as it came", "streamed"],
      ] as const) {
        expect(await called(doors[door]!, faults[fault]!)).toMatchObject({ outcome, leaf: { outcome: "committed" } });
      }
    },
  );
});
