// One call under way: what was found out so far, what it has used, and who waits for its answer. The stages tell it what has
// happened by methods that say so, and nothing else writes what it knows.
import { cacheWord } from "../answer-cache/index.ts";
import type { BodyDigests, Producer, Turn } from "../answer-cache/index.ts";
import type { ActHandle } from "../governance/index.ts";
import type { GuardFinding } from "../guards/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { runningHash } from "../kernel/hash.ts";
import type { Digest, RunningHash } from "../kernel/hash.ts";
import type {
  Cost,
  DialectName,
  ModelCall,
  Prices,
  Reply,
  ReplyStamp,
  RuleTrusts,
  StreamEvent,
} from "../models/index.ts";
import type { CallBodies } from "./bodies.ts";
import type { Charged } from "./charges.ts";
import { costOf, costOfCut } from "./costing.ts";
import type { PricedReply } from "./costing.ts";
import type { AttemptFacts, GatewayObserver, Phase } from "./observer.ts";
import { unreadCost, withinBound } from "./overrun.ts";
import type { Attempted } from "./overrun.ts";
import type { Prepared } from "./prepared.ts";
import type { FormJudgement, FormVerdict } from "./reply-form.ts";
import type { CallReservations } from "./call-reservations.ts";
import { reasonsOf } from "./router.ts";
import type { Candidate } from "./router.ts";

/** What a call is known by. */
export interface SessionParts {
  readonly ctx: Ctx;
  readonly prepared: Prepared;
  /** The body as its caller sent it, and its digests. */
  readonly asked: BodyDigests & { readonly raw: ModelCall["raw"] };
  readonly begun: ActHandle;
  readonly startMs: number;
  /** What the call holds of its budgets. */
  readonly reservations: CallReservations;
  /** Gathers what is said, where it is to be kept. */
  readonly bodies: CallBodies | undefined;
  readonly prices: Prices;
  readonly ruleTrusts: RuleTrusts;
  readonly observer: GatewayObserver;
}

/** What has become of a call so far. */
export interface Progress {
  readonly reasons: readonly string[];
  readonly phases: readonly Phase[];
  readonly cache: "hit" | "miss" | "bypass";
  readonly attempts: number;
  /** Time spent waiting for providers and readers, milliseconds. */
  readonly waitedMs: number;
  /** Who answers. */
  readonly candidate: Candidate | undefined;
  /** Names of what the provider that answers was not told, because its API has no word for it. */
  readonly dropped: readonly string[];
  /** What is said of the reply's form. */
  readonly schema: FormVerdict | undefined;
  /** The pieces of a stream that have left. */
  readonly chunks: { readonly count: number; readonly firstMs: number; readonly lastMs: number } | undefined;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** An answer that is here as a whole and may be kept. */
export interface Keepable {
  readonly reply: Reply;
  readonly deployment: string;
  readonly body: Buffer;
}

/** One call under way. */
export class CallSession {
  readonly parts: SessionParts;
  /** Attempts that were billed and whose answers were not used: the lower steps of a cascade. */
  readonly #spent: Charged[] = [];
  /** Attempts whose cost is not known yet: under way, or given up while the provider was at work. */
  readonly #open = new Set<Attempted>();
  /** The attempt whose answer is passed on. */
  #answering: Attempted | undefined;
  readonly #reasons: string[];
  readonly #phases: Phase[] = [];
  readonly #progress: Writable<Progress>;
  #lead: Producer | undefined;
  /** Over the bytes of a stream; absent while none has left. */
  #replyHash: RunningHash | undefined;
  #listener: (() => void) | undefined;
  #isLetIn = false;
  #whenUsed: ((tokens: number) => Promise<void>) | undefined;
  #isOver = false;

  constructor(parts: SessionParts) {
    this.parts = parts;
    this.#reasons = [...parts.prepared.routed.reasons];
    this.#progress = {
      reasons: this.#reasons,
      phases: this.#phases,
      cache: "bypass",
      attempts: 0,
      waitedMs: 0,
      candidate: undefined,
      dropped: [],
      schema: undefined,
      chunks: undefined,
    };
  }

  get ctx(): Ctx {
    return this.parts.ctx;
  }

  get prepared(): Prepared {
    return this.parts.prepared;
  }

  get call(): ModelCall {
    return this.parts.prepared.call;
  }

  /** What has become of the call so far. */
  get progress(): Progress {
    return this.#progress;
  }

  /** The tier that answers. */
  get tier(): number {
    return this.#progress.candidate?.deployment.tier ?? this.prepared.routed.tier;
  }

  /** Whether only a reply of the form asked for is accepted. */
  get enforcesForm(): boolean {
    return this.prepared.options.schema === "enforce" && this.call.form.kind !== "text";
  }

  /** Ends when no one wants the answer any more. */
  get signal(): AbortSignal {
    return this.#lead?.signal ?? this.ctx.signal;
  }

  /** Whether others follow the answer, so that it goes on when its own caller has left. */
  get isFollowed(): boolean {
    return this.#lead !== undefined && !this.#lead.signal.aborted;
  }

  /** Whether the call has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Charter's own share of the time so far, whole microseconds. */
  overheadMicros(): number {
    return Math.max(0, Math.round((performance.now() - this.parts.startMs - this.#progress.waitedMs) * 1000));
  }

  /** Why the call goes the way it goes, for the record. */
  because(reason: string): void {
    this.#reasons.push(reason);
  }

  /** A stretch of time that began at `startMs` is over. */
  phase(
    name: Phase["name"],
    startMs: number,
    more: Pick<Phase, "deployment" | "error"> & { endMs?: number } = {},
  ): void {
    this.#phases.push({ name, startMs, endMs: performance.now(), ...more });
  }

  /** Time went by in which others were waited for. */
  waited(ms: number): void {
    this.#progress.waitedMs += ms;
  }

  /** The guards have found something: which rule and how grave goes on record, not where, and nothing of the text. */
  found(findings: readonly GuardFinding[]): void {
    for (const { guard, rule, severity, detail } of findings) {
      const finding = {
        threat: `guard.${guard}`,
        severity,
        pattern: rule,
        action: "flag",
        blocks: false,
        detail,
      } as const;
      this.parts.begun.report(finding);
    }
  }

  /** The cache has said what to do. */
  cached(turn: Turn): void {
    this.#progress.cache = cacheWord(turn);
    if (turn.kind === "lead") this.#lead = turn.lead;
  }

  /** An attempt begins, for which there is room. @returns Whether it is not the first. */
  attempting(attempt: Attempted): boolean {
    this.#open.add(attempt);
    return ++this.#progress.attempts > 1;
  }

  /** The call is let in. @returns Whether its caller is to be told so, once. */
  letIn(): boolean {
    const isNew = !this.#isLetIn && this.prepared.options.admitted !== undefined;
    this.#isLetIn = true;
    return isNew;
  }

  /** Who is to be told what the call has used when it has ended: tokens asked and answered. It never rejects. */
  whenUsed(tell: (tokens: number) => Promise<void>): void {
    this.#whenUsed = tell;
  }

  /** An attempt has come to its end, or its answer begins. */
  attempted(facts: AttemptFacts, startMs: number): void {
    const { deployment, error, durationMs } = facts;
    this.waited(durationMs);
    this.phase("attempt", startMs, { deployment, ...(error === undefined ? {} : { error }) });
    this.watched((observer) => observer.attempted(facts));
  }

  /** Tells those who watch. What goes wrong with that is no failure of the call. */
  watched(tell: (observer: GatewayObserver) => void): void {
    try {
      tell(this.parts.observer);
    } catch (error) {
      this.ctx.log.error({ err: error }, "a call could not be watched");
    }
  }

  /** A deployment has answered. */
  answered(candidate: Candidate, dialect: DialectName, dropped?: readonly string[]): void {
    this.#progress.candidate = candidate;
    this.#progress.dropped = this.prepared.parameters.droppedFor(dialect, dropped);
    this.#reasons.push(...reasonsOf(candidate, this.prepared.routed));
  }

  /** An attempt has failed in a way that no provider bills. */
  unbilled(attempt: Attempted): void {
    this.#open.delete(attempt);
    this.parts.reservations.free(attempt.seat);
  }

  /** An attempt is paid for, and its answer is not used. */
  spent(attempt: Attempted, cost: Cost): void {
    this.#open.delete(attempt);
    this.#spent.push({ attempt, cost });
  }

  /** The answer of this attempt is the one that is passed on. */
  passesOn(attempt: Attempted): void {
    this.#answering = attempt;
  }

  /** What an answer costs. @param isCut It broke off, so that the provider's account is of a moment before. */
  costOf(
    { seat: { deployment }, name, likelyTokens }: Attempted,
    { reply: { rawUsage, model }, serviceTier }: PricedReply,
    outputTokens: number,
    isCut = false,
  ): Cost {
    const seen = {
      // Counted only where no provider has.
      get inputTokens(): number {
        return likelyTokens();
      },
      outputTokens,
      asked: this.prepared.parameters.askedOf(name),
      model,
      ...(serviceTier && { tier: serviceTier }),
    };
    return (isCut ? costOfCut : costOf)(this.parts.prices, deployment, rawUsage, seen);
  }

  /** The reply's form was judged; the rule that it breaks stands among the reasons. */
  formed(judgement: FormJudgement | undefined): void {
    if (judgement === undefined) return;
    const { verdict, refusal } = judgement;
    this.#progress.schema = verdict;
    if (refusal !== undefined) this.because(`the reply has not the form asked for: ${refusal.rule}`);
  }

  /** A piece of a stream is on its way: others who follow get it too. */
  passed(piece: StreamEvent): void {
    this.#lead?.push(piece);
  }

  /** Bytes of a stream leave, which came at `atMs`. */
  sent(bytes: Buffer, atMs?: number): void {
    this.parts.bodies?.add(bytes);
    if (atMs === undefined) return;
    const { count, firstMs } = this.#progress.chunks ?? { count: 0, firstMs: atMs };
    this.#progress.chunks = { count: count + 1, firstMs, lastMs: atMs };
  }

  /** The same, and the bytes count for the digest of what was answered. */
  streamed(bytes: Buffer, atMs?: number): void {
    this.#replyHash ??= runningHash();
    this.#replyHash.update(bytes);
    this.sent(bytes, atMs);
  }

  /** The digest of a stream's bytes, once, at its end. */
  streamDigest(): Digest {
    return (this.#replyHash ?? runningHash()).digest();
  }

  /** Someone wants to know when the provider shows that it is at work; undefined when no one does any more. */
  listen(listener: (() => void) | undefined): void {
    this.#listener = listener;
  }

  /** The provider has shown that it is at work, and has said nothing yet. */
  heard(): void {
    this.#listener?.();
  }

  /** A whole answer is ready to leave: the cache may keep it. */
  keep({ reply, deployment, body }: Keepable, { microdollars }: Cost): void {
    const facts = { tier: this.tier, microdollars };
    this.#lead?.settle({ reply, deployment, facts, body: body.toString("utf8"), misfits: this.#isForThisCall });
  }

  /** A stream came to its good end: the cache may keep it. */
  keepStream(deployment: string, { usage, microdollars }: Cost): void {
    const facts = { tier: this.tier, microdollars };
    this.#lead?.settleStream({ deployment, usage, facts, misfits: this.#isForThisCall });
  }

  /** No later call is answered with it: it has not the form asked for, or another model stood in for the named one. */
  get #isForThisCall(): boolean {
    return this.#progress.schema === "invalid" || this.#progress.candidate?.isFallback === true;
  }

  /** There will be no answer for those who follow. Never throws: the call has yet to be ended. */
  abandoned(error: unknown): void {
    try {
      this.#lead?.fail(error);
    } catch (worse) {
      this.ctx.log.error({ err: worse }, "those who follow a call could not be told that it failed");
    }
  }

  /**
   * Ends the call, once: what each attempt cost. Of an attempt that was given up while the provider was at work it is not known
   * how far it was, so all that was held for it counts, or leaving in the last moment would be free.
   * @param used What the answer cost that is passed on.
   */
  close(used: Cost | undefined): readonly Charged[] {
    if (this.#isOver) throw new Error("the call has ended before");
    this.#isOver = true;
    const charges = [...this.#spent];
    if (used !== undefined && this.#answering !== undefined) {
      this.#open.delete(this.#answering);
      charges.push({ attempt: this.#answering, cost: used, isLast: true });
    }
    for (const attempt of this.#open) charges.push({ attempt, cost: unreadCost(attempt) });
    const bounded = charges.map((charge) => ({ ...charge, cost: withinBound(charge.attempt, charge.cost) }));
    void this.#whenUsed?.(
      bounded.reduce((all, { cost: { usage } }) => all + usage.inputTokens + usage.outputTokens, 0),
    );
    return bounded;
  }
}

/** What an answer shows where its provider says nothing: the request's id and the time. */
export function stampOf({ ctx, prepared }: Pick<CallSession, "ctx" | "prepared">): ReplyStamp {
  const { kept } = prepared.options;
  return { id: ctx.requestId, createdMs: ctx.clock.nowMs(), ...(kept !== undefined && { kept }) };
}
