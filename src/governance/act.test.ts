import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { defaultConstitutionDir, loadConstitution } from "../constitution/index.ts";
import { systemClock } from "../kernel/clock.ts";
import { silentLog } from "../kernel/ctx.ts";
import type { Ctx, Principal } from "../kernel/ctx.ts";
import type { Credential } from "../kernel/credential.ts";
import { Fault } from "../kernel/fault.ts";
import { newId } from "../kernel/ids.ts";
import type { Leaf, Ledger } from "../ledger/index.ts";
import { openGate } from "./act.ts";
import type { Attempt, Run } from "./attempt.ts";
import type { Halt, Halts } from "./halts.ts";
import { temporaryDatabase } from "../../test/support/storage/temporary-database.ts";

const constitution = loadConstitution(defaultConstitutionDir());
const own = { kind: "artifact", product: "AI_ASSISTANT", artifactType: "ConversationArtifact" } as const;
const create: Attempt = { operation: "artifact.create", resource: "artifact/1", action: "CREATE", target: own };

/** A ledger that keeps its leaves in memory and can be told to fail; the gate uses nothing else of the port. */
function memoryLedger() {
  const leaves: Leaf[] = [];
  const state = { failing: false, before: () => Promise.resolve() };
  const append: Ledger["append"] = async (added) => {
    await state.before();
    if (state.failing) throw new Fault("ledger.full", "full");
    leaves.push(...added);
    return leaves.length - added.length;
  };
  return { leaves, state, ledger: { append } as unknown as Ledger };
}

function memoryHalts(): Halts & { set: (halt: Halt) => Promise<void> } {
  const halts = new Map<string, Halt>();
  return {
    stops: (product) => product !== null && halts.has(product),
    suspends: (id) => halts.has(id),
    inForce: () => [...halts.values()],
    set: async (halt) => void halts.set(halt.scope, halt),
    clear: async (scope) => halts.get(scope) ?? Promise.reject(new Error("none")),
    refresh: async () => {},
    onChange: () => {},
  };
}

/** Does what there is to do, which is nothing, after it has looked again. */
const one: Run<number> = async ({ confirm }) => {
  await confirm();
  return { value: 1 };
};

/** No one in these tests has shown a credential. */
const credentials = { present: async () => undefined, presentAll: async () => new Map<Credential, Principal>() };

let opened: Awaited<ReturnType<typeof temporaryDatabase>>;
beforeAll(async () => {
  opened = await temporaryDatabase();
});
afterAll(() => opened[Symbol.asyncDispose]());

function house() {
  const { database } = opened;
  const memory = memoryLedger();
  const halts = memoryHalts();
  return {
    ...memory,
    halts,
    gate: openGate({ constitution, ledger: memory.ledger, halts, credentials, database, log: silentLog }),
  };
}

function ctxOf(
  kind: Principal["kind"] = "product",
  product: string | null = "AI_ASSISTANT",
  role: Principal["role"] = "developer",
  more: Pick<Principal, "operations"> = {},
): Ctx {
  return {
    principal: { id: "key_test0001", kind, product, role, ...more },
    operation: "artifact.create",
    permission: "task.create",
    address: "",
    requestId: newId<"request">(systemClock),
    signal: new AbortController().signal,
    clock: systemClock,
    log: silentLog,
  };
}

describe("act", () => {
  it("records what the deed reports on the way, whether it succeeds or is refused", async () => {
    const finding = {
      threat: "identity.refresh_reuse",
      severity: "HIGH",
      pattern: "used_token_shown_again",
      action: "flag",
      blocks: false,
      detail: "A used token was shown again.",
    } as const;
    const { gate, leaves } = house();
    const done = await gate.act(ctxOf(), create, async (act) => {
      act.report(finding);
      return one(act);
    });
    expect(done.findings).toEqual([finding]);
    const refused = gate.act(ctxOf(), create, async ({ report }) => {
      report(finding);
      throw new Fault("oauth.invalid_grant", "used");
    });
    await expect(refused).rejects.toMatchObject({ code: "oauth.invalid_grant" });
    const kinds = ["intent", "finding", "outcome"];
    expect(leaves.map(({ kind }) => kind)).toEqual([...kinds, ...kinds]);
    expect(leaves[4]).toMatchObject({ intent: 3, finding: { threat: finding.threat, pattern: finding.pattern } });
    expect(leaves[5]).toMatchObject({ outcome: "refused", code: "oauth.invalid_grant" });
  });

  it("runs only after the intent is in the ledger, and resolves only after the outcome is", async () => {
    const { gate, leaves } = house();
    const done = await gate.act(ctxOf(), create, async ({ intentIndex, confirm }) => {
      await confirm();
      expect(leaves.map(({ kind }) => kind)).toEqual(["intent"]);
      expect(intentIndex).toBe(0);
      return { value: "made", digest: `sha256:${"a".repeat(64)}` };
    });
    expect(leaves.map(({ kind }) => kind)).toEqual(["intent", "outcome"]);
    expect(leaves[1]).toMatchObject({ intent: 0, outcome: "committed", digest: `sha256:${"a".repeat(64)}` });
    expect(done.receipt).toMatchObject({ intentIndex: 0, outcomeIndex: 1, constitutionHash: constitution.hash });
  });

  it("refuses a caller whose role lacks the permission, on record, and runs nothing", async () => {
    const { gate, leaves } = house();
    const run = () => Promise.reject(new Error("must not run"));
    const observer = ctxOf("product", "AI_ASSISTANT", "observer");
    const refused = { code: "permission.denied", facts: { permission: "task.create" } };
    await expect(gate.act(observer, create, run)).rejects.toMatchObject(refused);
    expect(leaves.map(({ kind, outcome, code }) => [kind, outcome, code])).toEqual([
      ["intent", undefined, undefined],
      ["outcome", "refused", "permission.denied"],
    ]);
    expect(() => gate.enter(observer)).toThrow(expect.objectContaining({ code: refused.code }));
    gate.enter(ctxOf());
  });

  it("refuses a credential that is good for other operations only", async () => {
    const { gate } = house();
    const narrow = ctxOf("product", "AI_ASSISTANT", "developer", { operations: ["artifact.read"] });
    await expect(gate.act(narrow, create, one)).rejects.toMatchObject({
      code: "permission.denied",
    });
    gate.enter({ ...narrow, operation: "artifact.read", permission: "task.view" });
  });

  it("names the article before the permission when both stand in the way", async () => {
    const { gate } = house();
    const agent = ctxOf("ai_agent", "AI_ASSISTANT", "observer");
    const attempt = { ...create, action: "DELETE" } as const;
    await expect(gate.act(agent, attempt, one)).rejects.toMatchObject({
      code: "governance.denied",
    });
  });

  it("does nothing when the intent cannot be recorded", async () => {
    const { gate, state } = house();
    state.failing = true;
    let ran = false;
    const attempt = gate.act(ctxOf(), create, async (act) => {
      ran = true;
      return one(act);
    });
    await expect(attempt).rejects.toMatchObject({ code: "ledger.full" });
    expect(ran).toBe(false);
  });

  it("does not resolve when the outcome cannot be recorded, and records it once the ledger works again", async () => {
    const { gate, state, leaves } = house();
    const attempt = gate.act(ctxOf(), create, async (act) => {
      state.failing = true;
      return one(act);
    });
    await expect(attempt).rejects.toMatchObject({ code: "ledger.full" });
    expect(leaves.map(({ kind }) => kind)).toEqual(["intent"]);
    state.failing = false;
    await gate[Symbol.asyncDispose]();
    expect(leaves.map(({ kind, outcome }) => outcome ?? kind)).toEqual(["intent", "committed"]);
  });

  it("records a denial with its articles as intent and refused outcome, and runs nothing", async () => {
    const { gate, leaves } = house();
    const attempt = gate.act(ctxOf(), { ...create, action: "DELETE" }, () => Promise.reject(new Error("ran")));
    await expect(attempt).rejects.toMatchObject({
      code: "governance.denied",
      facts: { articles: expect.arrayContaining(["RULE_01_WRITE_ONLY"]), intentIndex: 0, outcomeIndex: 1 },
    });
    expect(leaves[0]?.decision).toMatchObject({ allow: false });
    expect(leaves[1]).toMatchObject({ outcome: "refused", code: "governance.denied" });
  });

  it("tells a refusal by a limit from something that broke", async () => {
    const { gate, leaves } = house();
    const refused = new Fault("quota.exceeded", "no room");
    const broken = new Fault("db.unavailable", "gone", {}, new Error("socket"));
    for (const error of [refused, broken, new Error("bug")]) {
      await expect(gate.act(ctxOf(), create, () => Promise.reject(error))).rejects.toThrow(error.message);
    }
    const outcomes = leaves.filter(({ kind }) => kind === "outcome").map(({ outcome, code }) => [outcome, code]);
    expect(outcomes).toEqual([
      ["refused", "quota.exceeded"],
      ["failed", "db.unavailable"],
      ["failed", "internal.error"],
    ]);
  });

  it("answers another product's resource as if it did not exist, and keeps the attempt in the caller's own product", async () => {
    const { gate, leaves } = house();
    const foreign = { ...create, target: { ...own, product: "GURUKUL" } };
    const attempt = gate.act(ctxOf(), foreign, () => Promise.reject(new Error("ran")));
    await expect(attempt).rejects.toMatchObject({ code: "product.not_found" });
    await expect(attempt).rejects.not.toMatchObject({ facts: { articles: expect.anything() } });
    expect(leaves.map(({ product }) => product)).not.toContain("GURUKUL");
  });

  it("halts the product's writes after a CRITICAL integrity finding, and no other product's", async () => {
    const { gate, halts } = house();
    const executor = ctxOf("executor", "WORKFLOW");
    const target = { kind: "artifact", product: "WORKFLOW" } as const;
    const overstep = { ...create, action: "DELETE", target } as const;
    await expect(gate.act(executor, overstep, () => Promise.reject(new Error("ran")))).rejects.toThrow();
    expect(halts.inForce()).toEqual([expect.objectContaining({ scope: "WORKFLOW", threat: "T5_EXECUTOR_OVERRIDE" })]);
    const allowed = gate.act(ctxOf(), create, one);
    await expect(allowed).resolves.toMatchObject({ value: 1 });
  });

  it("records what a detector flagged beside a committed act", async () => {
    const { gate, leaves } = house();
    const large = { ...create, evidence: { content: { declaredBytes: 20_000_000 } } };
    await gate.act(ctxOf(), large, one);
    expect(leaves.map(({ kind }) => kind)).toEqual(["intent", "finding", "outcome"]);
    expect(leaves[1]?.finding).toMatchObject({ threat: "T1_STORAGE_EXHAUSTION", pattern: "large_artifact" });
    expect(leaves[2]?.intent).toBe(0);
  });

  it("looks again once the content is known, and records what only then can be seen, once", async () => {
    const { gate, leaves } = house();
    const content = { declaredBytes: 20_000_000, declaredMediaType: "image/png" };
    const seen = { actualBytes: 20_000_000, firstBytesHex: "7f454c460201010000000000" };
    const done = await gate.act(ctxOf(), { ...create, evidence: { content } }, async (act) => ({
      ...(await one(act)),
      content: seen,
    }));
    const patterns = ["large_artifact", "media_type_mismatch"];
    expect(done.findings.map(({ pattern }) => pattern)).toEqual(patterns);
    expect(leaves.flatMap(({ finding }) => finding?.pattern ?? [])).toEqual(patterns);
  });

  it("names in a refusal the findings that blocked, and not how full the storage is", async () => {
    const { gate } = house();
    const storage = { usedBytes: 950e9, totalBytes: 1000e9, bytesPerSecondRecent: 1e9 };
    const wrongType = { ...create, target: { ...own, artifactType: "MediaArtifact" }, evidence: { storage } };
    const attempt = gate.act(ctxOf(), wrongType, () => Promise.reject(new Error("ran")));
    const fault = await attempt.catch((error: unknown) => error as Fault);
    expect((fault as Fault).facts.findings?.map(({ threat }) => threat)).toEqual(["T7_CROSS_PRODUCT"]);
    const full = { ...create, evidence: { storage: { usedBytes: 1001e9, totalBytes: 1000e9 } } };
    const halted = gate.act(ctxOf(), full, () => Promise.reject(new Error("ran")));
    await expect(halted).rejects.toMatchObject({ code: "storage.halted", message: expect.not.stringMatching(/\d/) });
  });

  it("says of an incomplete request that fields are missing, not that nobody may do it", async () => {
    const { gate } = house();
    const attempt = gate.act(ctxOf(), { ...create, context: { complete: false } }, () =>
      Promise.reject(new Error("ran")),
    );
    await expect(attempt).rejects.toMatchObject({ facts: { remedy: expect.stringMatching(/required field/) } });
  });

  it("goes on trying to record an outcome when a try outlives the next one", async () => {
    vi.useFakeTimers();
    try {
      const { gate, state, leaves } = house();
      const attempt = gate.act(ctxOf(), create, async (act) => {
        state.failing = true;
        return one(act);
      });
      await expect(attempt).rejects.toMatchObject({ code: "ledger.full" });
      const slow = Promise.withResolvers<void>();
      state.before = () => slow.promise;
      await vi.advanceTimersByTimeAsync(5_000);
      slow.resolve();
      await vi.advanceTimersByTimeAsync(1_000);
      state.failing = false;
      await vi.advanceTimersByTimeAsync(2_000);
      expect(leaves.map(({ kind }) => kind)).toEqual(["intent", "outcome"]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a second look at the content", () => {
  it("does not take the time an upload needed for a wrong clock of the caller", async () => {
    const { gate, leaves } = house();
    let nowMs = Date.parse("2026-11-21T00:00:00Z");
    const ctx = { ...ctxOf(), clock: { nowMs: () => nowMs } };
    const timed = { ...create, evidence: { client: { serverOwnedFields: [], timestamp: "2026-11-21T00:00:00Z" } } };
    await gate.act(ctx, timed, async (act) => {
      nowMs += 600_000;
      return { ...(await one(act)), content: { actualBytes: 5, firstBytesHex: "68656c6c6f" } };
    });
    expect(leaves.map(({ kind }) => kind)).toEqual(["intent", "outcome"]);
  });

  it("that breaks leaves no act without its outcome", async () => {
    const { gate, leaves } = house();
    const content = {
      get firstBytesHex(): string {
        throw new Error("a detector broke");
      },
    };
    const done = await gate.act(ctxOf(), create, async (act) => ({ ...(await one(act)), content }));
    expect(done).toMatchObject({ value: 1, findings: [], receipt: { intentIndex: 0, outcomeIndex: 1 } });
    expect(leaves.map(({ kind, outcome }) => outcome ?? kind)).toEqual(["intent", "committed"]);
  });
});

describe("permit", () => {
  it("lets a product read its own things, refuses an agent, and hides other products", () => {
    const { gate, leaves } = house();
    const target = { kind: "artifact", product: "AI_ASSISTANT" } as const;
    expect(() => gate.permit(ctxOf(), target)).not.toThrow();
    expect(() => gate.permit(ctxOf("ai_agent"), target)).toThrow(
      expect.objectContaining({ code: "governance.denied" }),
    );
    expect(() => gate.permit(ctxOf(), { ...target, product: "GURUKUL" })).toThrow(
      expect.objectContaining({ code: "product.not_found" }),
    );
    expect(leaves).toEqual([]);
  });
});
