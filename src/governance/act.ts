// The one gate. Everything that changes anything is an attempt given to `act`, which promises:
//
// 1. Nothing runs before its intent is durable in the ledger; if the intent cannot be recorded, nothing happens.
// 2. Every intent gets exactly one outcome, whether the act was done, refused, failed or cut off by a crash.
// 3. A denied attempt is recorded in the same detail as a successful one, with what would make it pass.
// 4. The caller learns the result only after the outcome is durable.
// 5. Reading goes through `enter` and `permit`: the same rules, and no leaf.
// 6. A caller has a role with the permission that the operation asks for, and a credential that is good for it.
// 7. A refusal hurts no one but its caller. What is refused for lack of permission goes on record, halts nothing and counts
//    against the credential; a finding halts a product only where a caller of the product reached for what is the
//    product's, otherwise the credential.
// 8. What was decided still holds when the effect takes place: credential, permission, halts and constitution are looked at
//    again in the effect's own transaction, and their end stops calls that are open (`watch`).
// 9. All that an act changes is one transaction, in which its intent is noted as having taken effect (`transact`). So a crash
//    leaves no doubt, and neither does a connection that is lost while the transaction commits.
import { ordinaryContext } from "../constitution/index.ts";
import type { Constitution, Decision, DecisionRequest } from "../constitution/index.ts";
import type { CredentialLookup } from "../identity/index.ts";
import { Effects } from "../db/index.ts";
import type { Confirm, Database } from "../db/index.ts";
import { instant } from "../kernel/clock.ts";
import { accountableFor, seesAll } from "../kernel/ctx.ts";
import type { Ctx, Log, Principal } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import { silentMeter } from "../kernel/meter.ts";
import type { Meter } from "../kernel/meter.ts";
import type { Leaf, LeafFacts, Ledger } from "../ledger/index.ts";
import type { Attempt, ActHandle, ActResult, Receipted, Run } from "./attempt.ts";
import { openOutcomeRetrier } from "./outcome-retrier.ts";
import type { Halts } from "./halts.ts";
import { changesAuthority, holding, unlessStopped } from "./holding.ts";
import { governanceMetrics } from "./metrics.ts";
import { idIn, OpenCalls } from "./open-calls.ts";
import { permissionDenied } from "./permission.ts";
import { refusal } from "./refusal.ts";
import { credentialSuspended, reachesTooFar, Refusals, suspensionOf } from "./refusals.ts";
import { transaction } from "./transaction.ts";
import type { Fate } from "./transaction.ts";
import { scanThreats } from "./threats/index.ts";
import type { Finding } from "./threats/index.ts";
import { threatLimitsOf } from "./threat-limits.ts";

/** The gate. */
export interface Gate extends AsyncDisposable {
  /** Attempts a change. Rejects with the fault that refused it, whose facts carry the leaf indexes. */
  act<T>(ctx: Ctx, attempt: Attempt, run: Run<T>): Promise<Receipted<T>>;
  /**
   * Begins an act whose run may overlap the writing of its intent. Rejects like `act` when it is refused. The beginner ends
   * it exactly once, with `finish` or `fail`, and lets nothing of its effect be seen before `intent` has resolved.
   */
  begin(ctx: Ctx, attempt: Attempt): Promise<ActHandle>;
  /**
   * Stops the call, through `ctx.stop`, when what it rests on ends; until the function that is given back is called.
   * @param changes As it was before its caller was recognised.
   */
  watch(ctx: Ctx, changes: number): () => void;
  /** How often `changed` was called. */
  readonly changes: number;
  /** Looks again at every open call that rests on this key, user, client, family or token; its change is durable. */
  changed(id: string): void;
  /**
   * Closes, truly, what a crash left open, before anything is attempted. Resolves with how many.
   * @param reachesOut Whether what an operation does is done elsewhere, so that no one here knows of its effect.
   */
  recover(reachesOut?: (operation: string) => boolean): Promise<number>;
  /** Forgets the effects of acts whose outcomes are on record. */
  sweep(): Promise<void>;
  /** Lets a caller into an operation that only reads, or throws `permission.denied`. */
  enter(ctx: Ctx): void;
  /**
   * Lets a read pass or throws the refusal. Another product's things do not exist for the caller. With another action it lets
   * those look who may do something, at what they need to see for it.
   */
  permit(ctx: Ctx, target: DecisionRequest["resource"], action?: DecisionRequest["action"]): void;
}

/** What the gate is made of. */
export interface GateParts {
  readonly constitution: Constitution;
  readonly ledger: Ledger;
  readonly halts: Halts;
  readonly credentials: Pick<CredentialLookup, "present" | "presentAll">;
  readonly database: Database;
  readonly log: Log;
  /** Nothing is measured when it is absent. */
  readonly meter?: Meter;
}

/** How often it is asked again whether an act took effect whose commit's answer was lost, milliseconds. */
const askAgainAfterMs = 1000;

/** Opens the gate over a constitution and a ledger. */
export function openGate(parts: GateParts): Gate {
  const { constitution, ledger, halts } = parts;
  const calls = new OpenCalls(parts);
  const threatLimits = threatLimitsOf(constitution.data);
  const outcomes = openOutcomeRetrier(ledger, parts.log);
  const refusals = new Refusals(constitution.data.limits);
  const effects = new Effects(parts.database);
  /** Intents whose outcome is not on record yet, and the newest of all. */
  const unended = new Set<number>();
  let newest = 0;
  let isRecovered = false;
  /** Acts of which it is not known whether they took effect, with how each is ended once it is. */
  const doubtful = new Map<number, (isApplied: boolean) => Promise<number>>();
  let settling: NodeJS.Timeout | undefined;
  const settleDoubts = async (): Promise<void> => {
    const asked = [...doubtful.keys()];
    const applied = await effects.among(asked).catch(() => undefined);
    if (applied === undefined) return;
    for (const intent of asked) {
      const close = doubtful.get(intent);
      doubtful.delete(intent);
      await close?.(applied.has(intent)).catch(() => {});
    }
    if (doubtful.size > 0) return;
    clearInterval(settling);
    settling = undefined;
  };
  const metrics = governanceMetrics(parts.meter ?? silentMeter, {
    isProduct: (scope) => Object.hasOwn(constitution.data.products, scope),
    halts: () => halts.inForce(),
    openCalls: () => calls.size,
    waitingOutcomes: () => outcomes.waiting,
  });

  const decide = (
    ctx: Ctx,
    { action, target, context, endsOwnSession }: Pick<Attempt, "action" | "target" | "context" | "endsOwnSession">,
  ): Decision =>
    constitution.decide({
      principal: { kind: ctx.principal.kind, product: ctx.principal.product },
      action,
      resource: target,
      // A caller that belongs to a product meets its own halts only; those of others would tell it about them.
      context: {
        ...ordinaryContext,
        halted: endsOwnSession !== true && halts.stops(ctx.principal.product ?? target.product),
        ...context,
      },
    });

  const permissionRefusal = (ctx: Ctx, grants?: Attempt["grants"]): Fault | undefined =>
    permissionDenied(ctx, constitution.data.roles, grants);

  const suspension = ({ principal }: Ctx, { endsOwnSession }: Pick<Attempt, "endsOwnSession">): Fault | undefined => {
    const id = endsOwnSession === true ? undefined : suspensionOf(halts, principal);
    return id === undefined ? undefined : credentialSuspended(id);
  };

  const detect = (
    ctx: Ctx,
    { action, target, context, evidence }: Attempt,
    of: "permitted" | "forbidden" = "permitted",
  ): readonly Finding[] => {
    const terms = target.product === null ? undefined : constitution.data.products[target.product];
    const input = {
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
    };
    return scanThreats(input, of);
  };

  const holds = holding({
    ...parts,
    permissionRefusal: (ctx) => permissionRefusal(ctx),
    refusalOf(ctx, attempt) {
      const decision = decide(ctx, attempt);
      if (!decision.allow) return refusal(ctx, attempt, decision, []);
      return suspension(ctx, attempt) ?? permissionRefusal(ctx, attempt.grants);
    },
  });

  /**
   * What the detectors see only once the content is known; it has happened, so nothing is blocked any more. They are shown
   * the content alone: the rest has been looked at, and an upload's duration must not count as the caller's clock skew.
   */
  const detectLate = (ctx: Ctx, attempt: Attempt, { content }: ActResult<unknown>, known: readonly Finding[]) => {
    if (!content) return [];
    try {
      const found = detect(ctx, { ...attempt, evidence: { content: { ...attempt.evidence?.content, ...content } } });
      return found.filter(({ pattern }) => !known.some((finding) => finding.pattern === pattern));
    } catch (error) {
      // The act is done, and whatever a detector makes of it, it gets its outcome.
      ctx.log.error({ err: error, operation: attempt.operation }, "what an act has stored could not be looked through");
      return [];
    }
  };

  const leafOf = (ctx: Ctx, attempt: Attempt, fields: Partial<Leaf> & Pick<Leaf, "kind">): Leaf => ({
    time: instant(ctx.clock.nowMs()),
    principal: ctx.principal.id,
    principalKind: ctx.principal.kind,
    ...actorsOf(ctx.principal),
    ...productOf(ctx, attempt, constitution.data.products),
    operation: attempt.operation,
    resource: attempt.resource,
    constitutionHash: constitution.hash,
    requestId: ctx.requestId,
    ...fields,
  });

  /** Stops writes, of a product or of one credential. */
  const halt = async (ctx: Ctx, scope: string, threat: string, intentIndex: number): Promise<void> => {
    try {
      await halts.set({ scope, threat, intentIndex, sinceMs: ctx.clock.nowMs() });
    } catch (error) {
      // The halt is in force in this process; the act must still get its outcome.
      ctx.log.error({ err: error, scope }, "the halt could not be made durable");
    }
  };

  /**
   * A CRITICAL integrity finding stops writes (RULE_06): of the product, where a caller of the product reached for what is
   * the product's; of the caller's credential otherwise, because nothing but the caller is in question there.
   */
  const haltAfter = async (
    ctx: Ctx,
    { target, absent }: Attempt,
    findings: readonly Finding[],
    intentIndex: number,
  ): Promise<void> => {
    const integrity = findings.find(({ threat, severity }) => severity === "CRITICAL" && haltsWrites.test(threat));
    if (!integrity || absent === true) return;
    const own = target.product !== null && target.product === ctx.principal.product;
    // An application that acts for a person of the product is none of the product's.
    const scope = own && ctx.principal.actor === undefined ? target.product : accountableFor(ctx.principal);
    await halt(ctx, scope, integrity.threat, intentIndex);
  };

  /** Refuses, on record, or gives what carries the act on while its intent is being made durable. */
  const begin = async (ctx: Ctx, attempt: Attempt): Promise<ActHandle> => {
    const startMs = performance.now();
    const decision = decide(ctx, attempt);
    metrics.decided(attempt.action, decision.allow);
    const verdict = { allow: decision.allow, articles: decision.articles, policies: decision.policies };
    const ended = holds.endOf(ctx) ?? suspension(ctx, attempt);
    const lacking = permissionRefusal(ctx, attempt.grants);
    const forbidden = ended ?? lacking;
    const findings = detect(ctx, attempt, forbidden === undefined ? "permitted" : "forbidden");
    const isAgainst = lacking !== undefined || reachesTooFar(decision);
    const repeated = ended === undefined && isAgainst ? refusals.count(ctx) : undefined;
    const refused = !decision.allow || forbidden !== undefined || findings.some(({ blocks }) => blocks);
    const intent = ledger.append([
      leafOf(ctx, attempt, {
        kind: "intent",
        decision: verdict,
        ...(attempt.digest ? { digest: attempt.digest } : {}),
      }),
    ]);
    const judge = holds.judge(ctx, attempt);
    const open = calls.enter(ctx, judge, attempt);
    // Carrying the act on awaits it; until then its failure must not count as unhandled.
    intent.then(
      (index) => {
        unended.add(index);
        newest = Math.max(newest, index);
      },
      () => open.leave(),
    );
    const reported: Finding[] = [];
    const end = async (fields: Partial<Leaf>, found: readonly Finding[]): Promise<number> => {
      const intentIndex = await intent;
      try {
        const leaves = [
          ...found
            .filter(({ severity }) => severity !== "LOW")
            .map(({ threat, severity, pattern, scope }) => {
              const leaf = leafOf(ctx, attempt, {
                kind: "finding",
                intent: intentIndex,
                finding: { threat, severity, pattern },
              });
              return scope === "server" ? ofNobody(leaf) : leaf;
            }),
          leafOf(ctx, attempt, { kind: "outcome", intent: intentIndex, ...fields }),
        ];
        return await outcomes.append(leaves, () => unended.delete(intentIndex));
      } finally {
        open.leave();
        metrics.ended(fields, found, startMs);
      }
    };
    const fail = async (error: unknown, facts?: LeafFacts, isApplied = false): Promise<never> => {
      const known = [...findings, ...reported];
      // A refusal can end a session too: a token that was shown twice.
      if (reported.length > 0 && changesAuthority(attempt.target)) await open.quiet([idIn(attempt.resource)]);
      const own = facts === undefined ? {} : { facts };
      // What broke after the act had taken effect has undone nothing of it.
      const broken = (code: string) =>
        isApplied
          ? ({ outcome: "interrupted", code: "effect.applied" } as const)
          : ({ outcome: "failed", code } as const);
      if (!(error instanceof Fault)) {
        await end({ ...broken("internal.error"), ...own }, known);
        throw error;
      }
      // A fault that has a cause is something that broke; one without is a rule or limit that held.
      const became =
        error.cause === undefined ? ({ outcome: "refused", code: error.code } as const) : broken(error.code);
      const outcomeIndex = await end({ ...became, ...own }, known);
      const recorded = { ...error.facts, intentIndex: await intent, outcomeIndex };
      throw new Fault(error.code, error.message, recorded, error.cause);
    };
    if (refused) {
      const before = new Set(halts.inForce().map(({ scope }) => scope));
      if (forbidden === undefined) await haltAfter(ctx, attempt, findings, await intent);
      if (repeated !== undefined) {
        reported.push(repeated);
        await halt(ctx, accountableFor(ctx.principal), repeated.threat, await intent);
      }
      // A halt is on record after what had taken effect before it.
      const halted = halts.inForce().flatMap(({ scope }) => (before.has(scope) ? [] : [scope]));
      if (halted.length > 0) await open.quiet(halted);
      // An article outranks a missing permission: it would still stand if the permission were given.
      const byRules = !decision.allow || forbidden === undefined;
      return fail(byRules ? refusal(ctx, attempt, decision, findings) : forbidden);
    }
    return {
      intent,
      report: (finding) => void reported.push(finding),
      async leaveOpen({ fault }) {
        const intentIndex = await intent;
        ctx.log.warn({ intentIndex, code: fault.code }, "whether an act took effect is not known; asking until it is");
        doubtful.set(intentIndex, (isApplied) =>
          end({ outcome: "interrupted", code: isApplied ? "effect.applied" : "effect.none" }, [
            ...findings,
            ...reported,
          ]),
        );
        settling ??= setInterval(() => void settleDoubts(), askAgainAfterMs).unref();
        throw new Fault(fault.code, fault.message, { ...fault.facts, intentIndex }, fault.cause);
      },
      hold() {
        const fault = judge();
        if (fault) throw fault;
      },
      confirm: holds.confirmation(ctx, attempt, judge, open),
      fail,
      async finish(result) {
        if (changesAuthority(attempt.target)) await open.quiet([idIn(attempt.resource)]);
        const all = [...findings, ...reported, ...detectLate(ctx, attempt, result, findings)];
        const { digest, facts } = result;
        const outcomeIndex = await end(
          { outcome: "committed", ...(digest ? { digest } : {}), ...(facts ? { facts } : {}) },
          all,
        );
        const constitutionHash = constitution.hash;
        return {
          value: result.value,
          receipt: { decision: verdict, intentIndex: await intent, outcomeIndex, constitutionHash },
          findings: all,
        };
      },
    };
  };

  return {
    enter(ctx) {
      const fault = permissionRefusal(ctx);
      if (fault) throw fault;
    },

    permit(ctx, target, action = "READ") {
      const decision = decide(ctx, { action, target });
      metrics.decided(action, decision.allow);
      if (!decision.allow) throw refusal(ctx, { action, target }, decision, []);
    },

    get changes() {
      return calls.changes;
    },

    watch(ctx, changes) {
      const open = calls.admit(ctx, holds.judgeCall(ctx), changes);
      return () => open.leave();
    },

    changed: (id) => calls.changed(id),

    begin,

    async recover(reachesOut) {
      const closed = await ledger.closeInterrupted((intents) => effects.among(intents), reachesOut);
      isRecovered = true;
      return closed;
    },

    async sweep() {
      // Of what an earlier process left open, the effects are needed until that has been settled.
      if (isRecovered) await effects.forget(Math.min(newest, ...unended));
    },

    async act<T>(ctx: Ctx, attempt: Attempt, run: Run<T>): Promise<Receipted<T>> {
      const begun = await begin(ctx, attempt);
      const intentIndex = await begun.intent;
      let result: ActResult<T>;
      const fate: Fate = {};
      try {
        let isConfirmed = false;
        const confirm: Confirm = (tx) => {
          isConfirmed = true;
          return begun.confirm(tx);
        };
        const running = run({
          intentIndex,
          confirm,
          note: (tx) => effects.note(tx, intentIndex),
          transact: transaction(parts.database, effects, { intentIndex, confirm, fate }),
          report: (finding) => begun.report(finding),
        });
        result = await unlessStopped(running, ctx.signal, () => isConfirmed);
        if (!isConfirmed) throw new Error(`${attempt.operation} took effect without having looked again`);
        if (fate.doubt !== undefined) throw fate.doubt;
      } catch (error) {
        return await (fate.doubt === undefined
          ? begun.fail(error, undefined, fate.isApplied)
          : begun.leaveOpen(fate.doubt));
      }
      return begun.finish(result);
    },

    async [Symbol.asyncDispose]() {
      clearInterval(settling);
      await calls[Symbol.asyncDispose]();
      await outcomes[Symbol.asyncDispose]();
    },
  };
}

/** Detectors whose CRITICAL findings mean that the record's integrity is at stake. */
const haltsWrites = /^T[58]_/;

/** A leaf that belongs to no product, so that none sees it among its own. */
function ofNobody(leaf: Leaf): Leaf {
  const { product: _, ...rest } = leaf;
  return rest;
}

/** Who acts for a caller. */
function actorsOf({ actor }: Principal): Partial<Leaf> {
  const ids: string[] = [];
  for (let each = actor; each !== undefined; each = each.actor) ids.push(each.id);
  return ids.length === 0 ? {} : { actor: ids.join(" ") };
}

/**
 * A leaf belongs to the caller's product, so that a product sees its own attempts and no one else's; or to the product that
 * a caller of none acts on, if it is one that works for all. What is not a product is a caller's own text, and not recorded.
 */
function productOf({ principal }: Ctx, attempt: Attempt, products: Readonly<Record<string, unknown>>): Partial<Leaf> {
  const product = principal.product ?? (seesAll(principal) ? attempt.target.product : null);
  return product === null || !Object.hasOwn(products, product) ? {} : { product };
}
