import { modelFault } from "../models/errors.ts";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultConstitutionDir, loadConstitution } from "../constitution/index.ts";
import { openGate } from "../governance/index.ts";
import type { Halts } from "../governance/index.ts";
import { systemClock } from "../kernel/clock.ts";
import { silentLog } from "../kernel/ctx.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import { digestOf, digestOfJson } from "../kernel/hash.ts";
import { newId } from "../kernel/ids.ts";
import type { Leaf, Ledger } from "../ledger/index.ts";
import { gatewayFault } from "../gateway/errors.ts";
import { safeAnswer } from "./answer.ts";
import { callLimit } from "./calls.ts";
import { Deliberation } from "./deliberation.ts";
import { branchNames } from "./governor.ts";
import { Host } from "./host.ts";
import type { AskTerms, Message, ModelClient, Completion } from "./model-client.ts";
import type { Vitals } from "./vitals.ts";
import type { Alarm } from "./watchdog.ts";
import { temporaryDatabase } from "../../test/support/storage/temporary-database.ts";

const constitution = loadConstitution(defaultConstitutionDir());
const calm: Vitals = {
  cpuPressure: 0,
  memoryPressure: 0,
  eventLoopDelayMs: 0,
  socCelsius: null,
  batteryFraction: null,
  plugged: null,
  watts: null,
};
const prompt = "What holds a house up?";

type Kind = "conservative" | "inversion" | "whole" | "parts" | "composed" | "synthesis";
const openings: readonly (readonly [string, Kind])[] = [
  ["Answer carefully", "conservative"],
  ["First consider", "inversion"],
  ["Answer completely", "whole"],
  ["Divide", "parts"],
  ["Compose", "composed"],
  ["Several answers", "synthesis"],
];

/** One call as the client got it. */
interface Asked {
  readonly kind: Kind;
  readonly messages: readonly Message[];
  readonly terms: AskTerms;
}
type Answers = (kind: Kind, asked: Asked) => Promise<Partial<Completion>>;

const never = new Promise<never>(() => {});
const parts = (...list: string[]) => ({ text: JSON.stringify({ parts: list }) });
/** Answers everything with its kind; questions have no parts. */
const plainly = async (kind: Kind): Promise<Partial<Completion>> => (kind === "parts" ? parts() : { text: kind });

/** Bells that ring when the test says so. */
function bells() {
  const set = new Map<number, () => void>();
  const alarm: Alarm = (afterMs, ring) => {
    set.set(afterMs, ring);
    return () => void set.delete(afterMs);
  };
  return { alarm, ring: (ms: number) => set.get(ms)?.(), set };
}

let opened: Awaited<ReturnType<typeof temporaryDatabase>>;
beforeAll(async () => {
  opened = await temporaryDatabase();
});
afterAll(() => opened[Symbol.asyncDispose]());

function rig(answers: Answers, { vitals = calm, halted = false }: { vitals?: Vitals; halted?: boolean } = {}) {
  const asked: Asked[] = [];
  const leaves: Leaf[] = [];
  const ledger = {
    append: async (added: readonly Leaf[]) => {
      leaves.push(...added);
      return leaves.length - added.length;
    },
  } as unknown as Ledger;
  const halts = {
    stops: () => halted,
    suspends: () => false,
    inForce: () => [],
    onChange: () => {},
  } as unknown as Halts;
  const credentials = { present: async () => undefined, presentAll: async () => new Map() };
  const gate = openGate({ constitution, ledger, halts, credentials, database: opened.database, log: silentLog });
  const client: ModelClient = {
    product: "AI_ASSISTANT",
    async ask(messages, terms) {
      const [, kind] = openings.find(([opening]) => messages[0]!.content.startsWith(opening))!;
      const call = { kind, messages, terms };
      asked.push(call);
      const intentIndex = 1000 - asked.length;
      return { text: "", tokens: 10, microdollars: 3, model: "m", intentIndex, ...(await answers(kind, call)) };
    },
  };
  const { alarm, ring, set } = bells();
  const host = new Host({ read: async () => vitals, siliconId: async () => "0123456789abcdef" }, systemClock);
  const limits = { allMs: 2, branchesMs: 1 };
  const deliberation = new Deliberation({ gate, host, alarm, limits, clientFor: () => Promise.resolve(client) });
  const caller = new AbortController();
  const ctx: Ctx = {
    principal: { id: "key_1", kind: "product", product: "AI_ASSISTANT", role: "developer" },
    operation: "consciousness.process",
    permission: "task.create",
    address: "",
    requestId: newId<"request">(systemClock),
    signal: caller.signal,
    clock: systemClock,
    log: silentLog,
  };
  const options = { cache: { read: true, store: true } } as never;
  return {
    asked,
    leaves,
    caller,
    set,
    process: (temperature = 0.7, more: Partial<Ctx> = {}) =>
      deliberation.process({ ...ctx, ...more }, { prompt, temperature, maxTokens: 500 }, options),
    ringBranches: () => ring(1),
    ringAll: () => ring(2),
  };
}

/** Lets everything that can happen without another bell or answer happen. */
async function quiet(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe("a deliberation", () => {
  it("asks three ways and answers with what weighs them", async () => {
    const { process, asked, set } = rig(plainly);
    const answer = await process();
    expect(answer).toMatchObject({
      response: "synthesis",
      mode: "RECURSIVE",
      fallback: false,
      fallback_reason: null,
      cognitive_mode: "dream",
      silicon_id: "0123456789abcdef",
      thermal_state: null,
      temperature: 0.7,
      max_depth: 3,
      calls: 5,
      max_calls: 13,
      call_intents: [995, 996, 997, 998, 999],
      tokens: 50,
      cost_microdollars: 15,
    });
    expect(answer.branches.map(({ name, finished, calls }) => [name, finished, calls])).toEqual([
      ["conservative", true, 1],
      ["inversion", true, 1],
      ["recursive", true, 2],
    ]);
    const last = asked.at(-1)!;
    expect(last.kind).toBe("synthesis");
    for (const text of [prompt, "conservative", "inversion", "whole"])
      expect(last.messages[1]!.content).toContain(text);
    expect(set.size).toBe(0);
  });

  it("is an act whose outcome's digest covers the answer without its receipt", async () => {
    const { process, leaves } = rig(plainly);
    const { receipt, ...record } = await process();
    const [intent, outcome] = leaves;
    expect(leaves).toHaveLength(2);
    expect(intent).toMatchObject({
      kind: "intent",
      operation: "consciousness.process",
      resource: `deliberation/${record.request_id}`,
      product: "AI_ASSISTANT",
      digest: digestOf(prompt),
    });
    expect(outcome).toMatchObject({ kind: "outcome", outcome: "committed", intent: 0, digest: digestOfJson(record) });
    expect(receipt).toMatchObject({ intentIndex: 0, outcomeIndex: 1 });
    expect(JSON.stringify(leaves)).not.toContain("house");
  });

  it("asks nobody when the caller may not", async () => {
    const halted = rig(plainly, { halted: true });
    await expect(halted.process()).rejects.toBeInstanceOf(Fault);
    const observer = rig(plainly);
    const principal = { id: "key_1", kind: "product", product: "AI_ASSISTANT", role: "observer" } as const;
    await expect(observer.process(0.7, { principal })).rejects.toMatchObject({ code: "permission.denied" });
    for (const { asked, leaves } of [halted, observer]) {
      expect(asked).toEqual([]);
      expect(leaves.at(-1)).toMatchObject({ kind: "outcome", outcome: "refused" });
    }
  });

  it("does not know its cost when the price of one call is unknown", async () => {
    const { process } = rig(async (kind) => ({
      ...(await plainly(kind)),
      ...(kind === "inversion" && { microdollars: null }),
    }));
    const { cost_microdollars, branches } = await process();
    expect(cost_microdollars).toBeNull();
    expect(branches.map((branch) => branch.cost_microdollars)).toEqual([3, null, 6]);
  });

  it("is never warmer than its caller or the mode of the host, and coolest where it must be exact", async () => {
    const warm = rig(plainly);
    await warm.process(2);
    const bound: Record<Kind, number> = {
      conservative: 0.3,
      inversion: 0.9,
      whole: 0.9,
      parts: 0,
      composed: 0.9,
      synthesis: 0.3,
    };
    for (const { kind, terms } of warm.asked) expect([kind, terms.temperature]).toEqual([kind, bound[kind]]);
    const cool = rig(plainly);
    await cool.process(0.1);
    for (const { terms } of cool.asked) expect(terms.temperature).toBeLessThanOrEqual(0.1);
  });
});

describe("a deliberation under pressure", () => {
  it("answers without branches to weigh when the host is pressed hard", async () => {
    const { process, asked } = rig(plainly, { vitals: { ...calm, memoryPressure: 1 } });
    expect(await process()).toMatchObject({
      response: "conservative",
      mode: "ZERO_SHOT",
      fallback: false,
      max_calls: 1,
    });
    expect(asked).toHaveLength(1);
  });

  it("divides nothing on a hot host", async () => {
    const { process, asked } = rig(plainly, { vitals: { ...calm, socCelsius: 90 } });
    const answer = await process();
    expect(answer).toMatchObject({ mode: "ZERO_SHOT", thermal_state: "SERIOUS", temperature: 0.1, max_depth: 1 });
    expect(asked.map(({ kind }) => kind)).toEqual(["conservative", "inversion", "synthesis"]);
  });
});

describe("the watchdog", () => {
  it("answers safely when nobody ever answers, and leaves every call", async () => {
    const { process, asked, ringBranches, ringAll, leaves } = rig(() => never);
    const answering = process();
    await quiet();
    expect(asked.map(({ kind }) => kind)).toEqual(["conservative", "inversion", "parts"]);
    ringBranches();
    await quiet();
    expect(asked.every(({ terms }) => !terms.signal.aborted)).toBe(true);
    ringAll();
    const { receipt: _, ...record } = await answering;
    expect(record).toMatchObject({
      response: safeAnswer,
      mode: "HAK_LOITER",
      fallback: true,
      fallback_reason: "no_branch_finished",
      calls: 3,
      cost_microdollars: 0,
    });
    expect(record.branches.map(({ problem }) => problem)).toEqual(["late", "late", "late"]);
    expect(asked.every(({ terms }) => terms.signal.aborted)).toBe(true);
    expect(leaves.at(-1)).toMatchObject({ outcome: "committed", digest: digestOfJson(record) });
  });

  it("weighs the branches that are there when their time is over", async () => {
    const leftBefore: boolean[] = [];
    const { process, asked, ringBranches } = rig((kind) => {
      if (kind === "synthesis") leftBefore.push(asked.find((each) => each.kind === "parts")!.terms.signal.aborted);
      return kind === "parts" ? never : plainly(kind);
    });
    const answering = process();
    await quiet();
    ringBranches();
    const answer = await answering;
    expect(answer).toMatchObject({ response: "synthesis", fallback: false });
    expect(answer.branches.map(({ finished, problem }) => [finished, problem])).toEqual([
      [true, null],
      [true, null],
      [false, "late"],
    ]);
    expect(leftBefore).toEqual([true]);
    expect(asked.at(-1)!.messages[1]!.content).not.toContain("recursive answer");
  });

  it("falls back to the one branch that is there", async () => {
    const { process, ringBranches } = rig((kind) => (kind === "inversion" ? plainly(kind) : never));
    const answering = process();
    await quiet();
    ringBranches();
    expect(await answering).toMatchObject({
      response: "inversion",
      mode: "HAK_LOITER",
      fallback: true,
      fallback_reason: "one_branch_finished",
    });
  });

  it("waits on for the first branch when none has finished in the branches' time", async () => {
    const late = Promise.withResolvers<Partial<Completion>>();
    const { process, ringBranches } = rig((kind) => (kind === "conservative" ? late.promise : never));
    const answering = process();
    await quiet();
    ringBranches();
    await quiet();
    late.resolve({ text: "late, but sure" });
    expect(await answering).toMatchObject({ response: "late, but sure", fallback_reason: "one_branch_finished" });
  });

  it("falls back to the conservative branch when the synthesis is late, and leaves the synthesis", async () => {
    const { process, asked, ringAll } = rig((kind) => (kind === "synthesis" ? never : plainly(kind)));
    const answering = process();
    await quiet();
    expect(asked.at(-1)!.kind).toBe("synthesis");
    ringAll();
    expect(await answering).toMatchObject({ response: "conservative", fallback_reason: "synthesis_late" });
    expect(asked.at(-1)!.terms.signal.aborted).toBe(true);
  });

  it("asks for no synthesis when all time is over", async () => {
    const { process, asked, ringAll } = rig((kind) => (kind === "parts" ? never : plainly(kind)));
    const answering = process();
    await quiet();
    ringAll();
    expect(await answering).toMatchObject({ response: "conservative", fallback_reason: "synthesis_late", calls: 3 });
    expect(asked.map(({ kind }) => kind)).not.toContain("synthesis");
  });

  it("falls back when the synthesis fails", async () => {
    const { process } = rig(async (kind) => {
      if (kind === "synthesis") throw modelFault("upstream.failed", "gone");
      return plainly(kind);
    });
    expect(await process()).toMatchObject({ response: "conservative", fallback_reason: "synthesis_failed" });
  });

  it("answers safely when no model can be had", async () => {
    const { process } = rig(async () => {
      throw gatewayFault("model.unavailable", "nobody is there");
    });
    const answer = await process();
    expect(answer).toMatchObject({ response: safeAnswer, fallback_reason: "no_branch_finished" });
    expect(answer.branches.map(({ problem }) => problem)).toEqual(Array(3).fill("model.unavailable"));
  });

  it("passes a refusal on that every branch met", async () => {
    const { process, leaves } = rig(async () => {
      throw new Fault("budget.insufficient", "not enough is left");
    });
    await expect(process()).rejects.toMatchObject({
      code: "budget.insufficient",
      facts: { intentIndex: 0, outcomeIndex: 1 },
    });
    expect(leaves.at(-1)).toMatchObject({ outcome: "refused", code: "budget.insufficient" });
  });

  it("goes on with what is there when some branches are refused or say nothing", async () => {
    const { process } = rig(async (kind) => {
      if (kind === "inversion") throw new Fault("budget.insufficient", "not enough is left");
      return kind === "conservative" ? { text: "  " } : plainly(kind);
    });
    const answer = await process();
    expect(answer).toMatchObject({ response: "whole", fallback_reason: "one_branch_finished" });
    expect(answer.branches.map(({ problem }) => problem)).toEqual(["upstream.garbled", "budget.insufficient", null]);
  });

  it("leaves every call when the caller goes, and puts that on record", async () => {
    const { process, asked, caller, leaves, set } = rig(() => never);
    const answering = process();
    await quiet();
    caller.abort(new Error("the caller has gone"));
    await expect(answering).rejects.toMatchObject({ code: "call.aborted" });
    expect(asked.every(({ terms }) => terms.signal.aborted)).toBe(true);
    expect(leaves.at(-1)).toMatchObject({ kind: "outcome", code: "call.aborted" });
    expect(set.size).toBe(0);
  });
});

describe("the recursive branch", () => {
  const divided: Answers = async (kind) =>
    kind === "parts" ? parts("What is a wall?", "What is a beam?") : plainly(kind);

  it("goes no deeper than three levels, and makes no more than the most calls", async () => {
    const { process, asked } = rig(divided);
    const answer = await process();
    expect(answer.branches.at(-1)).toMatchObject({ name: "recursive", finished: true, depth: 3, calls: 10 });
    expect(answer).toMatchObject({ calls: 13, max_calls: 13 });
    const count = (kind: Kind) => asked.filter((each) => each.kind === kind).length;
    expect([count("parts"), count("whole"), count("composed")]).toEqual([3, 4, 3]);
  });

  it("goes one level less deep under some pressure", async () => {
    const { process } = rig(divided, { vitals: { ...calm, cpuPressure: 0.6 } });
    expect((await process()).branches.at(-1)).toMatchObject({ depth: 2, calls: 4 });
  });

  it.each([
    ["a statement of SQL", JSON.stringify({ parts: ["Who is there'; DROP TABLE users; --", "And who not?"] })],
    ["a script", JSON.stringify({ parts: ["<script>fetch('//evil.example')</script>"] })],
    ["more parts than asked for", JSON.stringify({ parts: ["a?", "b?", "c?"] })],
    ["no list", "First the walls, then the beams."],
  ])("asks nothing of a list that holds %s, and answers the question undivided", async (_what, text) => {
    const { process, asked } = rig(async (kind) => (kind === "parts" ? { text } : plainly(kind)));
    const answer = await process();
    expect(answer.branches.at(-1)).toMatchObject({ finished: true, depth: 1, calls: 2, refused_parts: 1 });
    expect(answer).toMatchObject({ response: "synthesis", fallback: false });
    expect(asked.map(({ kind }) => kind)).not.toContain("composed");
    for (const { messages } of asked) expect(messages[1]!.content).not.toContain("DROP TABLE");
    expect(asked.find(({ kind }) => kind === "whole")!.messages[1]!.content).toBe(prompt);
  });

  it("composes from the answers to the parts", async () => {
    const { process, asked } = rig(async (kind, { messages }) => {
      if (kind !== "parts") return plainly(kind);
      return messages[1]!.content === prompt ? parts("What is a wall?", "What is a beam?") : parts();
    });
    await process();
    const composed = asked.find(({ kind }) => kind === "composed")!;
    for (const text of [prompt, "What is a wall?", "What is a beam?", "whole"]) {
      expect(composed.messages[1]!.content).toContain(text);
    }
    expect(asked.filter(({ kind }) => kind === "whole").map(({ messages }) => messages[1]!.content)).toEqual([
      "What is a wall?",
      "What is a beam?",
    ]);
  });
});

describe("the bound on calls", () => {
  it("is 13 for the widest and deepest deliberation, and 1 for the narrowest", () => {
    expect(callLimit({ branches: branchNames, depth: 3 })).toBe(13);
    expect(callLimit({ branches: branchNames, depth: 2 })).toBe(7);
    expect(callLimit({ branches: ["conservative", "inversion"], depth: 1 })).toBe(3);
    expect(callLimit({ branches: ["conservative"], depth: 1 })).toBe(1);
  });

  it("holds whatever is answered, refused or garbled, under any pressure", async () => {
    const said = fc.constantFrom("two", "one", "none", "many", "prose", "empty", "fails", "refused", "breaks");
    await fc.assert(
      fc.asyncProperty(
        fc.array(said, { minLength: 1, maxLength: 20 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (script, cpuPressure) => {
          let turn = 0;
          const { process, asked } = rig(
            async (kind) => {
              const next = script[turn++ % script.length];
              if (next === "fails") throw modelFault("upstream.failed", "gone");
              if (next === "refused") throw new Fault("budget.insufficient", "not enough is left");
              if (next === "breaks") throw new Error("broken");
              if (next === "empty") return { text: "" };
              if (kind !== "parts" || next === "prose") return { text: "words" };
              return parts(...["a?", "b?", "c?"].slice(0, { two: 2, one: 1, none: 0, many: 3 }[next!]));
            },
            { vitals: { ...calm, cpuPressure } },
          );
          const answer = await process().catch(() => undefined);
          await quiet();
          expect(asked.length).toBeLessThanOrEqual(answer?.max_calls ?? 13);
          if (answer !== undefined) {
            expect(asked.length).toBe(answer.calls);
            expect(answer.branches.at(-1)!.depth).toBeLessThanOrEqual(answer.max_depth);
          }
        },
      ),
    );
  });
});
