// The one gate. Everything that changes anything is an attempt given to `act`, which promises:
//
// 1. Nothing runs before its intent is durable in the ledger; if the intent cannot be recorded, nothing happens.
// 2. Every intent gets exactly one outcome, whether the act was done, refused, failed or cut off by a crash.
// 3. A refusal by a rule or a detector is recorded as carefully as a deed, and says what would make it pass.
// 4. The caller learns the result only after the outcome is durable.
// 5. Reading goes through `permit`: the same decision, and no leaf.
import { ordinaryContext } from "../constitution/index.ts";
import type { Constitution, Decision, DecisionRequest } from "../constitution/index.ts";
import { instant } from "../kernel/clock.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import type { Digest } from "../kernel/hash.ts";
import type { Leaf, Ledger } from "../ledger/index.ts";
import { governanceFault } from "./errors.ts";
import type { Halts } from "./halts.ts";
import { scanThreats } from "./threats/index.ts";
import type { Finding, ThreatInput } from "./threats/index.ts";
import { threatLimitsOf } from "./threat-limits.ts";

/** What the caller knows about an attempt; the gate adds who, when and which constitution. */
export interface Attempt {
  /** Name of the operation, from the list of operations. */
  readonly operation: string;
  /** What is acted on, as leaves name it: `artifact/<id>`. */
  readonly resource: string;
  readonly action: DecisionRequest["action"];
  readonly target: DecisionRequest["resource"];
  /** Facts that differ from the ordinary: complete and hashed, nothing locked, no exception asked. */
  readonly context?: Partial<DecisionRequest["context"]>;
  /** What the detectors may look at besides who asks for what. */
  readonly evidence?: Partial<Pick<ThreatInput, "client" | "metadata" | "content" | "storage" | "collision">>;
  /** Digest of what is proposed, where it is known beforehand. */
  readonly digest?: Digest;
}

/** What an act resolved with: its value, and the digest of the record it made. */
export interface Deed<T> {
  readonly value: T;
  readonly digest?: Digest;
  /** What was learned of the content while it was taken; the detectors look again, and what they find is recorded. */
  readonly content?: ThreatInput["content"];
}

/** What the caller gets to prove the act with. */
export interface Receipt {
  readonly decision: {
    readonly allow: boolean;
    readonly articles: readonly string[];
    readonly policies: readonly string[];
  };
  readonly intentIndex: number;
  readonly outcomeIndex: number;
  readonly constitutionHash: string;
}

/** The value of an act and its receipt; `findings` are those that did not block. */
export interface Done<T> {
  readonly value: T;
  readonly receipt: Receipt;
  readonly findings: readonly Finding[];
}

/** The gate. */
export interface Gate extends AsyncDisposable {
  /** Attempts a change. Rejects with the fault that refused it, whose facts carry the leaf indexes. */
  act<T>(ctx: Ctx, attempt: Attempt, run: (intentIndex: number) => Promise<Deed<T>>): Promise<Done<T>>;
  /** Lets a read pass or throws the refusal. Another product's things do not exist for the caller. */
  permit(ctx: Ctx, target: DecisionRequest["resource"]): void;
}

/** How often leaves that could not be written are tried again, milliseconds. */
const retryUnclosedMs = 1000;

/** Opens the gate over a constitution and a ledger. */
export function openGate(parts: { constitution: Constitution; ledger: Ledger; halts: Halts }): Gate {
  const { constitution, ledger, halts } = parts;
  const threatLimits = threatLimitsOf(constitution.data);
  const unclosed: Leaf[][] = [];
  let late: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;

  const decide = (ctx: Ctx, { action, target, context }: Pick<Attempt, "action" | "target" | "context">): Decision =>
    constitution.decide({
      principal: { kind: ctx.principal.kind, product: ctx.principal.product },
      action,
      resource: target,
      // A caller that belongs to a product meets its own halts only; those of others would tell it about them.
      context: { ...ordinaryContext, halted: halts.stops(ctx.principal.product ?? target.product), ...context },
    });

  const detect = (ctx: Ctx, { action, target, context, evidence }: Attempt): readonly Finding[] => {
    const terms = target.product === null ? undefined : constitution.data.products[target.product];
    return scanThreats({
      ...evidence,
      principal: { kind: ctx.principal.kind, product: ctx.principal.product },
      action,
      resource: {
        product: target.product,
        ...(target.artifactType === undefined ? {} : { artifactType: target.artifactType }),
        ...(terms ? { allowedTypes: terms.artifactTypes } : {}),
      },
      flags: { overrideAttempted: context?.exception ?? false, agentsMayRead: terms?.agentsMayRead ?? false },
      nowMs: ctx.clock.nowMs(),
      limits: threatLimits,
    });
  };

  /** What the detectors see only once the content is known; it has happened, so nothing is blocked any more. */
  const detectLate = (ctx: Ctx, attempt: Attempt, { content }: Deed<unknown>, known: readonly Finding[]) => {
    if (!content) return [];
    const { evidence } = attempt;
    const found = detect(ctx, { ...attempt, evidence: { ...evidence, content: { ...evidence?.content, ...content } } });
    return found.filter(({ pattern }) => !known.some((finding) => finding.pattern === pattern));
  };

  const leafOf = (ctx: Ctx, attempt: Attempt, fields: Partial<Leaf> & Pick<Leaf, "kind">): Leaf => ({
    v: 1,
    time: instant(ctx.clock.nowMs()),
    principal: ctx.principal.id,
    principalKind: ctx.principal.kind,
    ...productOf(ctx, attempt),
    operation: attempt.operation,
    resource: attempt.resource,
    constitutionHash: constitution.hash,
    requestId: ctx.requestId,
    ...fields,
  });

  /** Writes the leaves that end an act. When they cannot be written now they are kept and tried again. */
  const close = async (leaves: Leaf[]): Promise<number> => {
    try {
      return (await ledger.append(leaves)) + leaves.length - 1;
    } catch (error) {
      unclosed.push(leaves);
      retry ??= setInterval(() => void closeLate(), retryUnclosedMs).unref();
      throw error;
    }
  };

  /** Tries again whatever could not be written; one try at a time, so that none is lost from sight while it is under way. */
  const closeLate = (): Promise<void> => {
    late ??= appendUnclosed().finally(() => (late = undefined));
    return late;
  };

  const appendUnclosed = async (): Promise<void> => {
    for (let [leaves] = unclosed; leaves; [leaves] = unclosed) {
      try {
        await ledger.append(leaves);
      } catch {
        return;
      }
      unclosed.shift();
    }
    clearInterval(retry);
    retry = undefined;
  };

  /** A CRITICAL integrity finding stops the writes of the product that it concerns (RULE_06). */
  const haltAfter = async (ctx: Ctx, { target }: Attempt, findings: readonly Finding[], intentIndex: number) => {
    const integrity = findings.find(({ threat, severity }) => severity === "CRITICAL" && haltsWrites.test(threat));
    const scope = target.product ?? ctx.principal.product;
    if (!integrity || scope === null) return;
    try {
      await halts.set({ scope, threat: integrity.threat, intentIndex, sinceMs: ctx.clock.nowMs() });
    } catch (error) {
      // The halt is in force in this process; the act must still get its outcome.
      ctx.log.error({ err: error, scope }, "the halt could not be made durable");
    }
  };

  return {
    permit(ctx, target) {
      const decision = decide(ctx, { action: "READ", target });
      if (!decision.allow) throw refusal(ctx, { action: "READ", target }, decision, []);
    },

    async act<T>(ctx: Ctx, attempt: Attempt, run: (intentIndex: number) => Promise<Deed<T>>): Promise<Done<T>> {
      const decision = decide(ctx, attempt);
      const findings = detect(ctx, attempt);
      const verdict = { allow: decision.allow, articles: decision.articles, policies: decision.policies };
      const refused = !decision.allow || findings.some(({ blocks }) => blocks);
      const intentIndex = await ledger.append([
        leafOf(ctx, attempt, {
          kind: "intent",
          decision: verdict,
          ...(attempt.digest ? { digest: attempt.digest } : {}),
        }),
      ]);
      const end = (fields: Partial<Leaf>, found = findings): Promise<number> =>
        close([
          ...found
            .filter(({ severity }) => severity !== "LOW")
            .map(({ threat, severity, pattern }) =>
              leafOf(ctx, attempt, { kind: "finding", intent: intentIndex, finding: { threat, severity, pattern } }),
            ),
          leafOf(ctx, attempt, { kind: "outcome", intent: intentIndex, ...fields }),
        ]);
      const fail = async (fault: Fault, outcome: "refused" | "failed"): Promise<never> => {
        const outcomeIndex = await end({ outcome, code: fault.code });
        throw new Fault(fault.code, fault.message, { ...fault.facts, intentIndex, outcomeIndex }, fault.cause);
      };

      if (refused) {
        await haltAfter(ctx, attempt, findings, intentIndex);
        return fail(refusal(ctx, attempt, decision, findings), "refused");
      }
      let deed: Deed<T>;
      try {
        deed = await run(intentIndex);
      } catch (error) {
        // A fault that has a cause is something that broke; one without is a rule or limit that held.
        if (error instanceof Fault) return fail(error, error.cause === undefined ? "refused" : "failed");
        await end({ outcome: "failed", code: "internal.error" });
        throw error;
      }
      const all = [...findings, ...detectLate(ctx, attempt, deed, findings)];
      const outcomeIndex = await end({ outcome: "committed", ...(deed.digest ? { digest: deed.digest } : {}) }, all);
      const receipt = { decision: verdict, intentIndex, outcomeIndex, constitutionHash: constitution.hash };
      return { value: deed.value, receipt, findings: all };
    },

    async [Symbol.asyncDispose]() {
      clearInterval(retry);
      await late;
      if (unclosed.length > 0) await closeLate();
    },
  };
}

/** When to come back after the storage was full, seconds: about as long as operators need to notice. */
const storageRetrySeconds = 60;

/** Detectors whose CRITICAL findings mean that the record's integrity is at stake. */
const haltsWrites = /^T[58]_/;

/** A leaf belongs to the caller's product, so that a product sees its own attempts and nobody else's. */
function productOf(ctx: Ctx, attempt: Attempt): Partial<Leaf> {
  const product = ctx.principal.product ?? attempt.target.product;
  return product === null ? {} : { product };
}

/** The fault for a denied or blocked attempt; a thing of another product is answered as if it did not exist. */
function refusal(
  ctx: Ctx,
  attempt: Pick<Attempt, "action" | "target">,
  decision: Decision,
  findings: readonly Finding[],
): Fault {
  const foreign = ctx.principal.product !== null && attempt.target.product !== ctx.principal.product;
  if ((foreign && attempt.target.product !== null) || findings.some(({ conceal }) => conceal === true)) {
    return governanceFault("product.not_found", "there is no such product");
  }
  // Those that blocked, and no others: how full the storage is, say, would tell one product what the others store.
  const blocking = findings.filter(({ blocks }) => blocks);
  const seen = blocking.map(({ threat, severity, detail }) => ({ threat, severity, detail }));
  if (!decision.allow) {
    const halted = decision.articles.includes(haltedBy);
    return governanceFault(halted ? "governance.halted" : "governance.denied", decision.reasons.join(" "), {
      articles: decision.articles,
      policies: decision.policies,
      remedy: remedyOf(decision, `${ctx.principal.kind} ${attempt.action}`),
      ...(seen.length > 0 ? { findings: seen } : {}),
    });
  }
  if (blocking.every(({ threat }) => threat === "T1_STORAGE_EXHAUSTION")) {
    return governanceFault("storage.halted", blocking.map(({ detail }) => detail).join(" "), {
      findings: seen,
      remedy: "wait until the operators have added storage; reads go on",
      retryAfterSeconds: storageRetrySeconds,
    });
  }
  return governanceFault("governance.threat", blocking.map(({ detail }) => detail).join(" "), {
    findings: seen,
    remedy: "remove what the findings name and send the request again",
  });
}

/** The article by which halted writes are refused. */
const haltedBy = "RULE_06_GOVERNANCE_LOCKS";

/** What would make the attempt pass, by the article that stands in its way. */
function remedyOf({ articles }: Decision, attempted: string): string {
  if (articles.includes(haltedBy)) return "ask an owner to clear the halt with a recorded reason";
  if (articles.includes("RULE_01_WRITE_ONLY"))
    return "create a new artifact, derived from this one; none is ever changed";
  if (articles.includes("RULE_04_PROVENANCE_LOCKED")) {
    return "send every required field, and none that only the server sets";
  }
  return `nothing in the constitution lets a principal of kind ${attempted} this; use another credential or operation`;
}
