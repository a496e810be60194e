// Stage 10: ends a call, however it ends: its budgets are settled and its outcome is recorded, exactly once. The end of a stream
// is here too; what it says before is its head.
import type { Digest } from "../../kernel/hash.ts";
import { Fault } from "../../kernel/fault.ts";
import { digestInTurns } from "../../kernel/json-turns.ts";
import { endOf } from "../../kernel/credential.ts";
import { noUsage } from "../../models/index.ts";
import type { Cost } from "../../models/index.ts";
import { UpstreamFault } from "../../outbound/index.ts";
import type { CallSession } from "../call-session.ts";
import { callRecord, plain } from "../call-record.ts";
import type { CallRecord } from "../call-record.ts";
import { asPaid, totalOf } from "../charges.ts";
import type { Charged } from "../charges.ts";
import { gatewayFault } from "../errors.ts";
import { StatusFault } from "../../deployments/index.ts";
import { excessOf, overrunOf, reasonsBeyond } from "../overrun.ts";
import { bounded } from "../parameters/index.ts";
import type { AnswerFacts, HeadFacts } from "../answer-facts.ts";
import type { CallFacts } from "../observer.ts";
import type { FormVerdict } from "../reply-form.ts";
import type { Amount } from "../call-reservations.ts";

/** How a call ended. */
export interface Ending extends Cost {
  readonly model: string;
  readonly finish: string;
  readonly reply?: Digest;
}

/** What is delivered: an answer, whole or as it comes, or one that was paid for and may not be given. */
export type Delivered =
  | { readonly kind: "whole"; readonly body: Buffer; readonly ending: Ending }
  | { readonly kind: "stream"; readonly bytes: AsyncIterable<Buffer>; readonly model: string }
  | { readonly kind: "withheld"; readonly error: unknown; readonly ending: Ending };

/** An answer: whole, or as it comes. */
export type ModelAnswer =
  | { readonly kind: "whole"; readonly facts: AnswerFacts; readonly body: Buffer }
  | { readonly kind: "stream"; readonly facts: HeadFacts; readonly bytes: AsyncIterable<Buffer> };

/** Ends a call with what was delivered; a stream ends when it has been passed on. @throws Why an answer is withheld. */
export async function settle(session: CallSession, delivered: Delivered): Promise<ModelAnswer> {
  if (delivered.kind === "withheld") return settleFailure(session, delivered.error, delivered.ending);
  if (delivered.kind === "stream") {
    return { kind: "stream", facts: await headOf(session, delivered.model), bytes: delivered.bytes };
  }
  const { body, ending } = delivered;
  const facts = await settleAnswer(session, { ...ending, reply: await digestInTurns(body) });
  // Keeping what was said may take a while.
  withholdIfEnded(session, facts);
  return { kind: "whole", facts, body };
}

/** What the head of a stream says before the end is known. */
export async function headOf(session: CallSession, model: string | null): Promise<HeadFacts> {
  const schema = session.call.form.kind === "text" ? undefined : "unchecked";
  const intentIndex = await session.parts.begun.intent;
  return factsOf(session, {
    intentIndex,
    outcomeIndex: null,
    model,
    microdollars: null,
    schema,
    overheadMicros: session.overheadMicros(),
  });
}

type FactsInput<Model> = Pick<AnswerFacts, "intentIndex" | "outcomeIndex" | "microdollars" | "overheadMicros"> & {
  readonly model: Model;
  readonly schema: FormVerdict | undefined;
};

function factsOf<Model extends string | null>(session: CallSession, { schema, ...facts }: FactsInput<Model>) {
  const { candidate, cache, dropped } = session.progress;
  return {
    decision: "allow" as const,
    ...facts,
    tier: session.tier,
    deployment: candidate?.deployment.name ?? null,
    cache,
    ...(schema === undefined ? {} : { schema }),
    ...(dropped.length === 0 ? {} : { dropped }),
  };
}

/** Ends a call that was answered; resolves when its outcome is durable. */
export async function settleAnswer(session: CallSession, ending: Ending): Promise<AnswerFacts> {
  const { begun, bodies, asked } = session.parts;
  const overheadMicros = session.overheadMicros();
  const charges = session.close(ending);
  if (bodies?.isTooLong === true) session.because("the reply is too long to be kept");
  const total = totalOf(ending, charges);
  const beyond = beyondOf(session, charges);
  // What is charged of too much stands in the record; otherwise it is what was used, and both are written at once.
  const settled = chargedOf(session, charges);
  const charged = beyond.length > 0 ? await settled : undefined;
  const facts = recordOf(session, { ending, total, beyond, charged });
  const [done] = await Promise.all([
    begun.finish({ value: undefined, facts, ...(ending.reply && { digest: ending.reply }) }),
    settled,
  ]);
  observe(session, { ending, total, beyond });
  const { intentIndex, outcomeIndex } = done.receipt;
  const model = plain(ending.model);
  if (bodies !== undefined && ending.reply !== undefined) {
    const { reply } = ending;
    await bodies.keep(
      { intentIndex, outcomeIndex, model },
      { prompt: asked.prompt, reply, streamed: session.call.stream },
    );
  }
  const { schema } = session.progress;
  return factsOf(session, {
    intentIndex,
    outcomeIndex,
    model,
    microdollars: total.microdollars,
    schema,
    overheadMicros,
  });
}

/** Ends a call that failed or was refused and rejects with the fault; what it had used by then is settled. */
export async function settleFailure(session: CallSession, error: unknown, used?: Ending): Promise<never> {
  if (session.isOver) throw error;
  const ending = used ?? { model: session.call.model, finish: "error", usage: noUsage, microdollars: 0 };
  const charges = session.close(used);
  const total = totalOf(ending, charges);
  const beyond = beyondOf(session, charges);
  observe(session, { ending, total, beyond, error });
  const settled = await chargedOf(session, charges);
  const charged = beyond.length > 0 ? settled : undefined;
  return session.parts.begun.fail(brokenOf(error), recordOf(session, { ending, total, beyond, charged }));
}

/** Why a call broke off: its caller's rights have ended, the caller has gone, or what went wrong. */
export function reasonOf({ ctx: { signal } }: CallSession, error: unknown): unknown {
  if (!signal.aborted) return error;
  return endOf(signal) ?? gatewayFault("call.aborted", "the caller has gone", {}, error);
}

/** An answer that is on record and paid for is not given to a caller whose rights have ended since. @throws Why, and where it stands. */
function withholdIfEnded({ ctx }: CallSession, { intentIndex, outcomeIndex }: AnswerFacts): void {
  const end = endOf(ctx.signal);
  if (end === undefined) return;
  const where = { intentIndex, ...(outcomeIndex === null ? {} : { outcomeIndex }) };
  throw new Fault(end.code, `${end.message}; the answer is on record and withheld`, { ...end.facts, ...where });
}

/** What the budgets charge; undefined when they cannot be asked, which keeps no call from its outcome. */
async function chargedOf({ parts, ctx }: CallSession, charges: readonly Charged[]): Promise<Amount | undefined> {
  try {
    return await parts.reservations.settle(asPaid(charges));
  } catch (unsettled) {
    // The reservation is charged in full when it expires, so nothing is given away.
    ctx.log.error({ err: unsettled }, "a budget could not be settled");
    return undefined;
  }
}

/** In which ways more was reported than an attempt can use; puts it on record, and the rules that bounded it are not believed. */
function beyondOf({ parts, ctx, prepared }: CallSession, charges: readonly Charged[]): readonly string[] {
  const all: string[] = [];
  for (const { attempt, cost } of charges) {
    const reasons = reasonsBeyond(attempt, cost);
    if (reasons.length === 0) continue;
    const { deployment } = attempt.seat;
    all.unshift(...reasons);
    ctx.log.warn({ deployment: deployment.name }, `a provider reported too much: ${reasons.join("; ")}`);
    const { without, hasMedia } = attempt.bound;
    const excess = excessOf(attempt, cost);
    if (without === undefined && excess > 1) {
      parts.ruleTrusts.exceeded(prepared.product, deployment.name, hasMedia, excess);
    }
    parts.begun.report(overrunOf(deployment.name));
  }
  return all;
}

/** How a call ended, and what it cost altogether. */
interface Outcome {
  readonly ending: Ending;
  readonly total: Cost;
  readonly beyond: readonly string[];
  readonly charged?: Amount | undefined;
  readonly error?: unknown;
}

function recordOf(session: CallSession, { ending, total, beyond, charged }: Outcome): CallRecord {
  const { candidate, reasons, attempts, cache, schema, dropped } = session.progress;
  const { governed, unknown } = session.prepared.parameters;
  const { model, finish, reply, serviceTier } = ending;
  return callRecord({
    deployment: candidate?.deployment.name,
    model,
    tier: session.tier,
    reasons: [...beyond, ...reasons],
    attempts,
    streamed: session.call.stream,
    cache,
    finish,
    usage: total.usage,
    microdollars: total.microdollars,
    ...(serviceTier === undefined ? {} : { serviceTier }),
    ...(total.source && { source: total.source }),
    charged,
    schema,
    governed,
    unknown,
    dropped: bounded(dropped),
    prompt: session.parts.asked.prompt,
    reply,
  });
}

/** Tells those who watch. */
function observe(session: CallSession, { ending, total, beyond, error }: Outcome): void {
  const { ctx, call, prepared, progress } = session;
  const { startMs } = session.parts;
  const { parameters } = prepared;
  const { candidate, cache, attempts, waitedMs, phases, chunks } = progress;
  const durationMs = performance.now() - startMs;
  const isAnswered = error === undefined;
  const facts: CallFacts = {
    requestId: ctx.requestId,
    operation: ctx.operation,
    product: prepared.product,
    requestModel: call.model,
    responseModel: isAnswered ? plain(ending.model) : undefined,
    deployment: candidate?.deployment.name,
    provider: candidate?.deployment.provider.name,
    tier: session.tier,
    strategy: prepared.strategy,
    cache,
    streamed: call.stream,
    finish: isAnswered ? ending.finish : undefined,
    error: isAnswered ? undefined : error instanceof Fault ? error.code : "internal.error",
    usage: total.usage,
    microdollars: total.microdollars,
    isBeyondBound: beyond.length > 0,
    attempts,
    durationMs,
    overheadMs: Math.max(0, durationMs - waitedMs),
    firstChunkMs: chunks && chunks.firstMs - startMs,
    parameters: {
      effects: parameters.effects,
      unknown: parameters.unknown.length > 0,
      refused: parameters.refused !== undefined,
    },
    perChunkMs: chunks && chunks.count > 1 ? (chunks.lastMs - chunks.firstMs) / (chunks.count - 1) : undefined,
    phases,
  };
  session.watched((observer) => observer.ended(facts));
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
