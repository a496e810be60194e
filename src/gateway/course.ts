// The course of one call from its decision to its end: what was found out on the way, what was used, and the one place
// where it ends. However a call ends, its budget is settled and its outcome is recorded exactly once.
import type { Begun } from "../governance/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import type { Digest } from "../kernel/hash.ts";
import type { CallBodies } from "./bodies.ts";
import { callRecord, plain } from "./call-record.ts";
import type { CallRecord } from "./call-record.ts";
import type { Standings, ModelCall, Shown, Cost } from "../models/index.ts";
import { asPaid, Charges, totalOf } from "./charges.ts";
import type { Charged } from "./charges.ts";
import { StatusFault } from "./fleet-faults.ts";
import { bounded } from "./parameters/index.ts";
import type { Assessment } from "./parameters/index.ts";
import type { CallFacts, GatewayObserver, Phase } from "./observer.ts";
import type { FormJudgement, FormVerdict } from "./reply-form.ts";
import { excessOf, overrunOf, reasonsBeyond } from "./overrun.ts";
import type { Amount, Room } from "./room.ts";
import type { Candidate, Route } from "./router.ts";
import type { Strategy } from "../routing/index.ts";
import { UpstreamFault } from "../outbound/index.ts";
import { noUsage } from "../models/index.ts";

/** What a call is known by. */
export interface CourseParts {
  readonly ctx: Ctx;
  readonly call: ModelCall;
  readonly product: string | null;
  readonly strategy: Strategy;
  readonly routed: Route;
  readonly parameters: Assessment;
  readonly prompt: Digest;
  readonly begun: Begun;
  readonly startMs: number;
  /** The room that the budgets give the call. */
  readonly room: Room;
  readonly standings: Standings;
  readonly observer: GatewayObserver;
}

/** How a call ended. */
export interface Ending extends Cost {
  readonly model: string;
  readonly finish: string;
  readonly reply?: Digest;
}

/** What an answer says about itself; the headers of a whole answer, the last comment of a streamed one. */
export interface AnswerFacts {
  readonly decision: "allow";
  readonly intentIndex: number;
  readonly outcomeIndex: number | null;
  readonly tier: number;
  /** Which deployment answered; null for an answer that was kept. */
  readonly deployment: string | null;
  /** The model, as the provider names it. */
  readonly model: string;
  readonly microdollars: number | null;
  readonly cache: "hit" | "miss" | "bypass";
  readonly overheadMicros: number;
  /** Whether the reply has the form asked for; absent where none was. At the head of a stream nobody knows. */
  readonly schema?: FormVerdict;
  /** Names of what the caller asked for and the provider that answered was not told. */
  readonly dropped?: readonly string[];
}

/** What an answer shows where its provider says nothing: the request's id and the time. */
export function shownOf({ requestId, clock }: Pick<Ctx, "requestId" | "clock">): Shown {
  return { id: requestId, createdMs: clock.nowMs() };
}

/** One call under way. */
export class Course {
  readonly parts: CourseParts;
  readonly reasons: string[] = [];
  readonly phases: Phase[] = [];
  cache: "hit" | "miss" | "bypass" = "bypass";
  attempts = 0;
  /** Time spent waiting for providers, milliseconds. */
  waitedMs = 0;
  /** What each attempt cost. */
  readonly charges: Charges;
  candidate: Candidate | undefined;
  /** What is said of the reply's form. */
  schema: FormVerdict | undefined;
  /** Names of what the provider that answers was not told, because its API has no word for it. */
  dropped: readonly string[] = [];
  firstChunkMs: number | undefined;
  lastChunkMs: number | undefined;
  chunks = 0;
  /** Gathers what is said, where it is to be kept. */
  bodies: CallBodies | undefined;
  #isOver = false;

  constructor(parts: CourseParts) {
    this.parts = parts;
    this.charges = new Charges(parts.room);
    this.reasons.push(...parts.routed.reasons);
  }

  /** Charter's own share of the time so far, whole microseconds. */
  overheadMicros(): number {
    return Math.max(0, Math.round((performance.now() - this.parts.startMs - this.waitedMs) * 1000));
  }

  /** Notes a stretch of time that began at `startMs` and ends now. */
  phase(name: Phase["name"], startMs: number, more: Pick<Phase, "deployment" | "error"> = {}): void {
    this.phases.push({ name, startMs, endMs: performance.now(), ...more });
  }

  /** Notes what is said of the reply's form; the rule that it breaks stands among the reasons. */
  formed({ verdict, refusal }: FormJudgement): void {
    this.schema = verdict;
    if (refusal !== undefined) this.reasons.push(`the reply has not the form asked for: ${refusal.rule}`);
  }

  /** What the head of an answer says before the end is known. */
  async head(model: string): Promise<AnswerFacts> {
    return {
      decision: "allow",
      intentIndex: await this.parts.begun.intent,
      outcomeIndex: null,
      tier: this.tier(),
      deployment: this.candidate?.deployment.name ?? null,
      model,
      microdollars: null,
      cache: this.cache,
      overheadMicros: this.overheadMicros(),
      ...(this.parts.call.form.kind === "text" ? {} : { schema: "unchecked" }),
      ...(this.dropped.length === 0 ? {} : { dropped: this.dropped }),
    };
  }

  /** The tier that answers. */
  tier(): number {
    return this.candidate?.deployment.tier ?? this.parts.routed.tier;
  }

  /** Ends a call that was answered; resolves when its outcome is durable. */
  async end(ending: Ending): Promise<AnswerFacts> {
    if (this.#isOver) throw new Error("the call has ended before");
    this.#isOver = true;
    if (this.bodies?.isTooLong === true) this.reasons.push("the reply is too long to be kept");
    const overheadMicros = this.overheadMicros();
    const charges = this.charges.of(ending);
    const total = totalOf(ending, charges);
    const beyond = this.#beyond(charges);
    // What is charged of too much stands in the record; otherwise it is what was used, and both are written at once.
    const settled = this.#settle(charges);
    const charged = beyond ? await settled : undefined;
    const [done] = await Promise.all([
      this.parts.begun.finish({
        value: undefined,
        facts: this.#record(ending, total, charged),
        ...(ending.reply && { digest: ending.reply }),
      }),
      settled,
    ]);
    this.#tell(ending, total, undefined, beyond);
    const { intentIndex, outcomeIndex } = done.receipt;
    if (this.bodies !== undefined && ending.reply !== undefined) {
      const { prompt, call } = this.parts;
      const about = { intentIndex, outcomeIndex, model: plain(ending.model) };
      await this.bodies.keep(about, { prompt, reply: ending.reply, streamed: call.stream });
    }
    return {
      decision: "allow",
      intentIndex,
      outcomeIndex,
      tier: this.tier(),
      deployment: this.candidate?.deployment.name ?? null,
      model: plain(ending.model),
      microdollars: total.microdollars,
      cache: this.cache,
      overheadMicros,
      ...(this.schema === undefined ? {} : { schema: this.schema }),
      ...(this.dropped.length === 0 ? {} : { dropped: this.dropped }),
    };
  }

  /** Ends a call that failed or was refused and rejects with the fault; what it had used by then is settled. */
  async fail(error: unknown, used?: Ending): Promise<never> {
    if (this.#isOver) throw error;
    this.#isOver = true;
    const ending = used ?? { model: this.parts.call.model, finish: "error", usage: noUsage, microdollars: 0 };
    const charges = this.charges.of(used);
    const total = totalOf(ending, charges);
    const beyond = this.#beyond(charges);
    this.#tell(ending, total, error, beyond);
    const settled = await this.#settle(charges);
    return this.parts.begun.fail(brokenOf(error), this.#record(ending, total, beyond ? settled : undefined));
  }

  /** What the budgets charge; undefined when they cannot be asked, which keeps no call from its outcome. */
  async #settle(charges: readonly Charged[]): Promise<Amount | undefined> {
    try {
      return await this.parts.room.settle(asPaid(charges));
    } catch (unsettled) {
      // The reservation is charged in full when it expires, so nothing is given away.
      this.parts.ctx.log.error({ err: unsettled }, "a budget could not be settled");
      return undefined;
    }
  }

  /** Whether more was reported than an attempt can use; puts it on record, and the rules that bounded it are not believed. */
  #beyond(charges: readonly Charged[]): boolean {
    let is = false;
    for (const { attempt, cost } of charges) {
      const reasons = reasonsBeyond(attempt, cost);
      if (reasons.length === 0) continue;
      is = true;
      const { deployment } = attempt.seat;
      this.reasons.unshift(...reasons);
      this.parts.ctx.log.warn({ deployment: deployment.name }, `a provider reported too much: ${reasons.join("; ")}`);
      const { without, hasMedia } = attempt.bound;
      const excess = excessOf(attempt, cost);
      if (without === undefined && excess > 1) {
        this.parts.standings.exceeded(this.parts.product, deployment.name, hasMedia, excess);
      }
      this.parts.begun.report(overrunOf(deployment.name));
    }
    return is;
  }

  #record(ending: Ending, total: Cost, charged: Amount | undefined): CallRecord {
    const { model, finish, reply, serviceTier } = ending;
    const { governed, unknown } = this.parts.parameters;
    return callRecord({
      deployment: this.candidate?.deployment.name,
      model,
      tier: this.tier(),
      reasons: this.reasons,
      attempts: this.attempts,
      streamed: this.parts.call.stream,
      cache: this.cache,
      finish,
      usage: total.usage,
      microdollars: total.microdollars,
      ...(serviceTier === undefined ? {} : { serviceTier }),
      charged,
      schema: this.schema,
      governed,
      unknown,
      dropped: bounded(this.dropped),
      prompt: this.parts.prompt,
      reply,
    });
  }

  #tell({ model, finish }: Ending, { usage, microdollars }: Cost, error: unknown, isBeyond: boolean): void {
    const { ctx, call, product, strategy, startMs, observer, parameters } = this.parts;
    const provider = this.candidate?.deployment.provider.name;
    const durationMs = performance.now() - startMs;
    const { firstChunkMs, lastChunkMs, chunks } = this;
    const facts: CallFacts = {
      requestId: ctx.requestId,
      operation: ctx.operation,
      product,
      requestModel: call.model,
      responseModel: error === undefined ? plain(model) : undefined,
      deployment: this.candidate?.deployment.name,
      provider,
      tier: this.tier(),
      strategy,
      cache: this.cache,
      streamed: call.stream,
      finish: error === undefined ? finish : undefined,
      error: error === undefined ? undefined : error instanceof Fault ? error.code : "internal.error",
      usage,
      microdollars,
      isBeyondBound: isBeyond,
      attempts: this.attempts,
      durationMs,
      overheadMs: Math.max(0, durationMs - this.waitedMs),
      firstChunkMs: firstChunkMs === undefined ? undefined : firstChunkMs - startMs,
      parameters: {
        effects: parameters.effects,
        unknown: parameters.unknown.length > 0,
        refused: parameters.refused !== undefined,
      },
      perChunkMs:
        firstChunkMs === undefined || lastChunkMs === undefined || chunks < 2
          ? undefined
          : (lastChunkMs - firstChunkMs) / (chunks - 1),
      phases: this.phases,
    };
    observer.ended(facts);
  }
}

/**
 * A provider's failure, with a cause: it broke and was not refused. Causes are logged, and what a provider says or a parser
 * quotes of it may hold a key or anybody's words: only those that were made fit for it stay.
 */
function brokenOf(error: unknown): unknown {
  if (!(error instanceof Fault) || !providerFailures.has(error.code)) return error;
  const isFit = error instanceof UpstreamFault || error instanceof StatusFault;
  if (isFit && error.cause !== undefined) return error;
  return new Fault(error.code, error.message, error.facts, error.code);
}

const providerFailures: ReadonlySet<string> = new Set(["upstream.failed", "upstream.garbled", "upstream.timeout"]);
