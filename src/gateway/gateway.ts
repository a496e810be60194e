// The gateway: one call of a model from the caller's words to the last byte of the answer. Promises:
//
// 1. Every call is an act: decided before it runs, on record before a byte of its answer leaves, and ended once, with what
//    it used, what it cost, why it went where it went, and the digests of what was asked and answered.
// 2. Room in the budgets is reserved before a provider is asked, and settled with what was used, however the call ends.
// 3. An answer of one product is never shown to another.
// 4. A call whose credential ends, or whose product is halted, ends with that reason: what it has used is charged and on
//    record, and what is left of its answer goes to nobody.
// 5. What a caller may not have, and what nobody can give, is refused with the reason and without asking any provider.
import { modelFault, tokensOfReply, replyTokensInTurns, dialectOf, Standings, noUsage } from "../models/index.ts";
import type { Finding, Gate } from "../governance/index.ts";
import type { Counter } from "../identity/index.ts";
import type { Clock } from "../kernel/clock.ts";
import { seesAll } from "../kernel/ctx.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { NotCanonicalError } from "../kernel/canonical-json.ts";
import { Fault } from "../kernel/fault.ts";
import { holderOf } from "../kernel/fair-share.ts";
import { digestInTurns, writeInTurns } from "../kernel/json-turns.ts";
import { endOf } from "../kernel/standing.ts";
import { landAnswer } from "./attempts.ts";
import type { AttemptParts, Landed } from "./attempts.ts";
import { CallBodies } from "./bodies.ts";
import type { BodyKeeper } from "./bodies.ts";
import type { Budgets } from "../budgets/index.ts";
import { landCascade, wholeCall } from "./cascade.ts";
import { digestsOf } from "../answer-cache/index.ts";
import type { AnswerCache, BodyDigests, HeldAnswer, Lead, SemanticIndex } from "../answer-cache/index.ts";
import { checkSize } from "./call-size.ts";
import type {
  Deployment,
  TokenPrice,
  DialectName,
  FrontDialect,
  ModelCall,
  Reply,
  StreamEvent,
  Prices,
  Cost,
} from "../models/index.ts";
import { costOf, costOfCut } from "./costing.ts";
import { Course, shownOf } from "./course.ts";
import type { AnswerFacts } from "./course.ts";
import { gatewayFault } from "./errors.ts";
import type { Fleet } from "./fleet.ts";
import { frameGuard, guardReply, streamGuard } from "../guards/index.ts";
import { formChecker } from "../structured-output/index.ts";
import type { GuardFinding, RawReply } from "../guards/index.ts";
import { takeAllowance } from "./allowance.ts";
import { KeptAnswers } from "./kept-answers.ts";
import type { KnownBody } from "./kept-answers.ts";
import { piecesSource } from "./pieces-source.ts";
import type { GatewayObserver } from "./observer.ts";
import { Preparation } from "./preparation.ts";
import type { PreparationParts } from "./preparation.ts";
import { enforcesForm, nobody } from "./prepared.ts";
import type { CallOptions, Prepared } from "./prepared.ts";
import { judgeReply, StreamedForm } from "./reply-form.ts";
import type { FormJudgement } from "./reply-form.ts";
import type { Attempted } from "./overrun.ts";
import { Room } from "./room.ts";
import { mayCall } from "./router.ts";
import type { Health } from "./router.ts";
import { vectorOf } from "./similar.ts";
import { StreamedAnswer } from "./streaming.ts";
import type { Said, Source } from "./streaming.ts";

/** An answer: whole, or as it comes. */
export type ModelAnswer =
  | { readonly kind: "whole"; readonly facts: AnswerFacts; readonly body: Buffer }
  | { readonly kind: "stream"; readonly facts: AnswerFacts; readonly bytes: AsyncIterable<Buffer> };

type WholeAnswer = Extract<Landed, { kind: "whole" }>;

/** What the gateway is made of. */
export interface GatewayParts extends Omit<AttemptParts, "random" | "standings">, PreparationParts {
  readonly gate: Gate;
  readonly prices: Prices;
  readonly budgets: Budgets;
  readonly cache: AnswerCache;
  /** Questions that mean the same, for products that opt in. */
  readonly similar: SemanticIndex;
  readonly counter: Counter;
  readonly observer: GatewayObserver;
  /** Keeps what is said, for products that opt in. */
  readonly keeper: BodyKeeper;
  readonly clock: Clock;
  readonly random?: () => number;
}

/** A deployment, how it stands, and what its tokens cost; null when no price is known. */
export interface ModelStanding {
  readonly deployment: Deployment;
  readonly health: Health;
  readonly rates: TokenPrice | null;
}

/** The gateway. */
export class Gateway {
  readonly #parts: GatewayParts;
  readonly #attempts: AttemptParts;
  readonly #forms = formChecker();
  readonly #kept: KeptAnswers;
  readonly #preparation: Preparation;

  constructor(parts: GatewayParts) {
    this.#parts = parts;
    this.#attempts = { ...parts, random: parts.random ?? Math.random, standings: new Standings() };
    this.#kept = new KeptAnswers(parts);
    this.#preparation = new Preparation(parts);
  }

  /** The deployments at work. */
  get fleet(): Fleet {
    return this.#parts.fleet;
  }

  /** The deployments that the caller's terms allow, with how they stand and what they cost. */
  models({ principal }: Ctx): readonly ModelStanding[] {
    const { product } = principal;
    const { lookup, fleet, prices } = this.#parts;
    const terms = this.#preparation.termsOf(product);
    return lookup.deployments
      .filter((deployment) => mayCall(terms, deployment))
      .map((deployment) => ({
        deployment,
        health: seesAll(principal) ? fleet.overallHealthOf(deployment) : fleet.healthOf(deployment, product),
        rates: prices.rates(deployment.provider.priceProvider, deployment.model) ?? deployment.price,
      }));
  }

  /** Reads a call and ranks who could answer it, without asking anybody. @throws `dialect.invalid`, `model.not_found`. */
  prepare(
    ctx: Ctx,
    dialect: DialectName,
    body: Readonly<Record<string, unknown>>,
    options: CallOptions,
  ): Promise<Prepared> {
    checkSize(body);
    return this.#preparation.prepare(ctx, dialect, body, options);
  }

  /** Answers a call. @throws What refused it or kept it from being answered; the record of it is durable by then. */
  async call(
    ctx: Ctx,
    dialect: DialectName,
    body: Readonly<Record<string, unknown>>,
    options: CallOptions,
  ): Promise<ModelAnswer> {
    const startMs = performance.now();
    checkSize(body);
    const { prompt, content } = await knownBy(body, ctx.signal);
    // Another product than the caller's is the gate's to refuse, on record.
    const prepared = await this.#preparation.read(ctx, dialect, body, options);
    const { call, product, strategy, routed } = prepared;
    const routedMs = performance.now();
    const begun = await this.#parts.gate.begin(ctx, {
      operation: ctx.operation,
      resource: `model/${call.model}`,
      action: "CREATE",
      target: { kind: "completion", product },
      digest: prompt,
    });
    const { budgets, observer } = this.#parts;
    const { standings } = this.#attempts;
    const { project } = options;
    const room = new Room(budgets, { product, ...(project === undefined ? {} : { project }), key: ctx.principal.id });
    const { parameters } = prepared;
    const what = {
      ctx,
      call,
      product,
      strategy,
      routed,
      parameters,
      prompt,
      begun,
      startMs,
      room,
      standings,
      observer,
    };
    const course = new Course(what);
    const type = prepared.terms.keepBodiesAs;
    if (type !== null && product !== null) {
      course.bodies = new CallBodies(this.#parts.keeper, { ctx, product, type, asked: body });
    }
    course.phases.push({ name: "route", startMs, endMs: routedMs });
    course.phase("decision", routedMs);
    for (const finding of prepared.findings) begun.report(onRecord(finding));
    try {
      return await this.#answer(course, prepared, options, { raw: body, content });
    } catch (error) {
      if (!ctx.signal.aborted) return await course.fail(error);
      return await course.fail(endOf(ctx.signal) ?? gatewayFault("call.aborted", "the caller has gone", {}, error));
    }
  }

  async #answer(course: Course, prepared: Prepared, options: CallOptions, known: KnownBody): Promise<ModelAnswer> {
    const { ctx, product } = course.parts;
    if (prepared.denied !== undefined) throw prepared.denied;
    if (prepared.routed.candidates.length === 0) throw nobody(prepared);
    await takeAllowance(this.#parts.counter, ctx, product, prepared);
    const embed = (text: string): Promise<Float32Array> => this.#embed(ctx, prepared, options, text);
    const turn = await this.#kept.turn(course, prepared, options, known, embed);
    course.cache = turn.kind === "bypass" ? "bypass" : turn.kind === "lead" ? "miss" : "hit";
    if (turn.kind === "hit") return this.#held(course, prepared, turn.answer);
    if (turn.kind === "follow") return this.#followed(course, prepared, turn.pieces);
    const lead = turn.kind === "lead" ? turn.lead : undefined;
    try {
      return await this.#led(course, prepared, options, lead);
    } catch (error) {
      lead?.fail(error);
      throw error;
    }
  }

  /** A question's vector, by the first model for embeddings that can answer; a call of its own. */
  async #embed(ctx: Ctx, { product }: Prepared, options: CallOptions, text: string): Promise<Float32Array> {
    const usable = (each: Deployment): boolean => each.serves === "embeddings" && each.provider.lacks === undefined;
    const deployment = this.#parts.lookup.deployments.find(usable);
    if (deployment === undefined) throw new Error("no model for embeddings is configured");
    const body = { model: deployment.name, input: text, encoding_format: "float" };
    const given = await this.call(ctx, "embeddings", body, {
      ...options,
      ...(product === null ? {} : { product }),
      passed: {},
    });
    if (given.kind !== "whole") throw new Error("a vector came as a stream");
    return vectorOf(given.body);
  }

  async #led(course: Course, prepared: Prepared, options: CallOptions, lead: Lead | undefined): Promise<ModelAnswer> {
    // From here on money is spent.
    course.parts.begun.hold();
    const enforced = enforcesForm(prepared.call, options);
    const trial = {
      // What may not be accepted must not have been shown.
      call: enforced ? wholeCall(prepared.call) : prepared.call,
      inputTokens: prepared.request.inputTokens,
      candidates: prepared.routed.candidates,
      passed: prepared.parameters.passed,
      signal: lead?.signal ?? course.parts.ctx.signal,
      ...(enforced ? { refusal: (landed: WholeAnswer) => this.#misfit(course, prepared, landed) } : {}),
    };
    const parts = this.#attempts;
    const landed =
      prepared.strategy === "cascade"
        ? await landCascade(parts, course, trial, prepared.request.level, {
            forms: this.#forms,
            costOf: (answer) => this.#costOfWhole(prepared, answer),
          })
        : await landAnswer(parts, course, trial);
    course.charges.answeredBy(landed.attempt);
    try {
      // From here on something could be seen, and nothing may be before the intent is durable and what it may cost is kept,
      // nor after what the call rests on has ended.
      await course.parts.begun.intent;
      await course.parts.room.kept();
      if (landed.kind === "stream") course.parts.begun.hold();
    } catch (error) {
      if (landed.kind === "stream") landed.intake.broke(error);
      throw error;
    }
    return landed.kind === "stream"
      ? this.#streamed(course, prepared, landed, landed.intake, lead)
      : this.#whole(course, prepared, options, landed, lead);
  }

  /** Why an answer is not accepted whose form is enforced; what it cost is spent. */
  #misfit(course: Course, prepared: Prepared, answer: WholeAnswer): Fault | undefined {
    const { call } = prepared;
    const { deployment, reply } = answer;
    const judgement = judgeReply(this.#forms, call.form, reply);
    if (judgement?.verdict !== "invalid") return undefined;
    course.formed(judgement);
    course.charges.spent(answer.attempt, this.#costOfWhole(prepared, answer));
    return misfitFault(deployment, judgement);
  }

  /** An answer that is here as a whole. */
  async #whole(
    course: Course,
    prepared: Prepared,
    options: CallOptions,
    answer: WholeAnswer,
    lead: Lead | undefined,
  ): Promise<ModelAnswer> {
    const { call, terms } = prepared;
    const { attempt, deployment, dialect, reply, bytes } = answer;
    const cost = this.#costOfWhole(prepared, answer, await replyTokensInTurns(reply));
    const isOwn = dialect === call.dialect && !call.stream;
    const raw = isOwn ? rawOf(answer) : undefined;
    const guarded = await guardReply(reply, terms.guards, raw, undefined, holderOf(prepared.product));
    for (const finding of guarded.findings) course.parts.begun.report(onRecord(finding));
    if (guarded.denied !== undefined) {
      return course.fail(guarded.denied, { ...cost, model: reply.model, finish: "error" });
    }
    const priced = { ...guarded.reply, usage: cost.usage };
    const judgement = judgeReply(this.#forms, call.form, priced);
    if (judgement !== undefined) course.formed(judgement);
    if (judgement?.verdict === "invalid" && enforcesForm(call, options)) {
      return course.fail(misfitFault(deployment, judgement), { ...cost, model: reply.model, finish: "error" });
    }
    try {
      course.parts.begun.hold();
    } catch (error) {
      return course.fail(error, { ...cost, model: reply.model, finish: "error" });
    }
    if (call.stream) return this.#replayed(course, prepared, priced, attempt, lead);
    const asItCame = isOwn && guarded.reply === reply;
    const sent = guarded.body === undefined ? bytes : await bytesOf(guarded.body);
    const body = asItCame ? sent : await this.#written(course, call, priced);
    lead?.settle({
      reply: priced,
      deployment: deployment.name,
      facts: factsOf(course, cost),
      body: body.toString("utf8"),
      misfits: course.schema === "invalid",
    });
    course.bodies?.add(body);
    const facts = await course.end({
      ...cost,
      model: reply.model,
      finish: finishOf(reply),
      reply: await digestInTurns(body),
    });
    // Keeping what was said may take a while.
    withholdIfEnded(course, facts);
    return { kind: "whole", facts, body };
  }

  /** An answer that came whole for a caller that wants a stream. */
  async #replayed(
    course: Course,
    prepared: Prepared,
    reply: Reply,
    attempt: Attempted,
    lead: Lead | undefined,
  ): Promise<ModelAnswer> {
    const source = piecesSource(reply);
    return this.#stream(course, prepared, {
      source,
      attempt,
      asItCame: false,
      guards: false,
      isJudged: true,
      lead,
      model: reply.model,
    });
  }

  /** An answer that comes as a stream. */
  #streamed(
    course: Course,
    prepared: Prepared,
    { attempt, deployment, dialect }: Extract<Landed, { kind: "stream" }>,
    source: Source,
    lead: Lead | undefined,
  ): Promise<ModelAnswer> {
    const asItCame = dialect === prepared.call.dialect;
    return this.#stream(course, prepared, {
      source,
      attempt,
      asItCame,
      guards: true,
      lead,
      model: deployment.model,
    });
  }

  async #stream(
    course: Course,
    prepared: Prepared,
    how: {
      readonly source: Source;
      /** Who is paid; undefined when nobody is, because the answer was there or is another call's. */
      readonly attempt: Attempted | undefined;
      readonly asItCame: boolean;
      readonly guards: boolean;
      /** Its form has been looked at. */
      readonly isJudged?: boolean;
      readonly lead: Lead | undefined;
      readonly model: string;
    },
  ): Promise<ModelAnswer> {
    const { call, terms } = prepared;
    const { source, attempt, asItCame, guards, lead, model } = how;
    const deployment = attempt?.seat.deployment;
    const front = this.#front(call);
    const counted = { isCut: false };
    const bytes = new StreamedAnswer({
      course,
      source,
      front,
      asItCame,
      frames: guards ? frameGuard(terms.guards) : undefined,
      guardFor: (choice) => (guards ? streamGuard(terms.guards, `/choices/${choice}/text`) : undefined),
      report: (findings) => {
        for (const finding of findings) course.parts.begun.report(onRecord(finding));
      },
      push: (piece) => lead?.push(piece),
      costOf: (said, outputTokens) =>
        attempt === undefined
          ? { usage: noUsage, microdollars: 0 }
          : this.#costOf(attempt, prepared, said, outputTokens, counted),
      settled: (cost) => {
        if (deployment === undefined) return;
        lead?.settleStream({
          deployment: deployment.name,
          usage: cost.usage,
          facts: factsOf(course, cost),
          misfits: course.schema === "invalid",
        });
      },
      failed: (error) => {
        counted.isCut = true;
        lead?.fail(error);
      },
      isFollowed: () => lead !== undefined && !lead.signal.aborted,
      ...(call.form.kind === "text" || how.isJudged === true ? {} : { form: new StreamedForm(this.#forms, call.form) }),
    });
    return { kind: "stream", facts: await course.head(model), bytes };
  }

  /** An answer that was kept. It costs nothing again. */
  async #held(course: Course, prepared: Prepared, held: HeldAnswer): Promise<ModelAnswer> {
    const { call } = prepared;
    course.reasons.push(`the answer of ${held.deployment} was kept`);
    await course.parts.begun.intent;
    course.parts.begun.hold();
    if (call.stream) {
      const source = piecesSource(held.pieces());
      return this.#stream(course, prepared, {
        source,
        attempt: undefined,
        asItCame: false,
        guards: false,
        lead: undefined,
        model: held.model,
      });
    }
    const reply = held.reply();
    const body = held.body ?? (await this.#written(course, call, reply));
    const judgement = judgeReply(this.#forms, call.form, reply);
    if (judgement !== undefined) course.formed(judgement);
    course.bodies?.add(body);
    const facts = await course.end({
      usage: noUsage,
      microdollars: 0,
      model: held.model,
      finish: finishOf(reply),
      reply: await digestInTurns(body),
    });
    withholdIfEnded(course, facts);
    return { kind: "whole", facts, body };
  }

  /** Another caller's stream of the same product, passed on as it comes. */
  async #followed(course: Course, prepared: Prepared, pieces: AsyncIterable<StreamEvent>): Promise<ModelAnswer> {
    course.reasons.push("the same call was under way");
    const source = piecesSource(pieces);
    try {
      await course.parts.begun.intent;
    } catch (error) {
      source.broke(error);
      throw error;
    }
    return this.#stream(course, prepared, {
      source,
      attempt: undefined,
      asItCame: false,
      guards: false,
      lead: undefined,
      model: prepared.call.model,
    });
  }

  async #written({ parts: { ctx } }: Course, call: ModelCall, reply: Reply): Promise<Buffer> {
    return bytesOf(this.#front(call).writeReply(call, reply, shownOf(ctx)));
  }

  #front({ dialect }: ModelCall): FrontDialect {
    const front = this.#parts.fronts[dialect];
    if (front === undefined) throw new Error(`nobody speaks ${dialect} to this server`);
    return front;
  }

  #costOfWhole(prepared: Prepared, answer: WholeAnswer, outputTokens = tokensOfReply(answer.reply)): Cost {
    return this.#costOf(answer.attempt, prepared, answer, outputTokens);
  }

  #costOf(
    { seat: { deployment }, likelyTokens }: Attempted,
    { parameters }: Prepared,
    { reply: { rawUsage, model }, serviceTier }: Said,
    outputTokens: number,
    { isCut }: { readonly isCut: boolean } = { isCut: false },
  ): Cost {
    const asked = parameters.askedOf(dialectOf(deployment));
    const seen = {
      // Counted only where no provider has.
      get inputTokens(): number {
        return likelyTokens();
      },
      outputTokens,
      asked,
      model,
      ...(serviceTier && { tier: serviceTier }),
    };
    return (isCut ? costOfCut : costOf)(this.#parts.prices, deployment, rawUsage, seen);
  }
}

/** The digests of what was asked. @throws `dialect.invalid` for what has no canonical form. */
async function knownBy(body: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<BodyDigests> {
  try {
    return await digestsOf(body, signal);
  } catch (error) {
    if (signal.aborted) throw gatewayFault("call.aborted", "the caller has gone", {}, error);
    if (!(error instanceof NotCanonicalError)) throw error;
    throw modelFault("dialect.invalid", `the body has no canonical form: ${error.message}`, {
      remedy: "send well-formed text, and large integers as strings",
    });
  }
}

/** Tells what breaks the form and nothing of the reply: no guard may have looked at it. */
function misfitFault({ name }: Deployment, { refusal }: FormJudgement): Fault {
  return gatewayFault("reply.invalid", `the reply of ${name} ${refusal?.reason ?? "has not the form asked for"}`, {
    remedy: "ask for a form that the model can keep, name a stronger model, or send `X-Charter-Schema: report`",
  });
}

/** An answer that is on record and paid for is not given to a caller whose rights have ended since. @throws Why, and where it stands. */
function withholdIfEnded({ parts: { ctx } }: Course, { intentIndex, outcomeIndex }: AnswerFacts): void {
  const end = endOf(ctx.signal);
  if (end === undefined) return;
  const where = { intentIndex, ...(outcomeIndex === null ? {} : { outcomeIndex }) };
  throw new Fault(end.code, `${end.message}; the answer is on record and withheld`, { ...end.facts, ...where });
}

/** What a caller of the provider's own dialect gets; vectors are numbers, in which there is nothing to look for. */
function rawOf({ dialect, reply, body }: WholeAnswer): RawReply | undefined {
  return reply.vectors === undefined && typeof body === "object" && body !== null ? { dialect, body } : undefined;
}

async function bytesOf(body: object): Promise<Buffer> {
  const written = await writeInTurns(body);
  return typeof written === "string" ? Buffer.from(written) : written;
}

/** What a kept answer is kept with. */
function factsOf(course: Course, { microdollars }: { readonly microdollars: number | null }) {
  return { tier: course.tier(), microdollars };
}

function finishOf({ choices, vectors }: Reply): string {
  return choices[0]?.finish ?? (vectors === undefined ? "unknown" : "stop");
}

/** A guard's finding as the ledger records it: which rule, how grave; not where, and nothing of the text. */
function onRecord({ guard, rule, severity, detail }: GuardFinding): Finding {
  return { threat: `guard.${guard}`, severity, pattern: rule, action: "flag", blocks: false, detail };
}
