// Tries the candidates of a call until one answers. This is the only place that decides what follows from a failure:
//
// 1. Nothing is tried again once a byte of an answer has been passed on; what this gives back has shown nothing yet.
// 2. A failure that another deployment may not share moves on to it; where there is none, the same one is tried again after
//    a pause, within the budget of retries. So it is with an answer that is not accepted.
// 3. What the provider refuses as wrong is the caller's to correct; no other deployment is tried.
// 4. What a provider has accepted it bills: where its answer does not come or cannot be read, the call is not made again, here
//    or elsewhere, unless the operator allows it. A provider that reports an error has not accepted.
import { setImmediate as nextRound } from "node:timers/promises";
import { parseLossless } from "../kernel/json-exact.ts";
import {
  beginsAsEvents,
  modelFault,
  openedAnswer,
  ReportedFault,
  tierOf,
  tokensOfReply,
  assertSent,
} from "../models/index.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { Readable } from "node:stream";
import { replyOf } from "../answer-cache/index.ts";
import { Fault } from "../kernel/fault.ts";
import { JsonRefusal, plainBounds } from "../kernel/json-bounds.ts";
import type { JsonBounds } from "../kernel/json-bounds.ts";
import { readInTurns, writeInTurns } from "../kernel/json-turns.ts";
import { maxReplyContainers, maxReplyDepth, maxReplyNodes } from "../kernel/limits.ts";
import type {
  Cost,
  Deployment,
  DialectName,
  ModelCall,
  Reply,
  ReplyStamp,
  StreamEvent,
  UpstreamDialect,
} from "../models/index.ts";
import { stampOf } from "./call-session.ts";
import type { CallSession } from "./call-session.ts";
import { gatewayFault } from "./errors.ts";
import type { Attempt, DeploymentPool, UpstreamResponse } from "../deployments/index.ts";
import {
  chargeOf,
  doesNotKnow,
  mayPass,
  reportedFault,
  StatusFault,
  StreamCutShort,
  wasAccepted,
} from "../deployments/index.ts";
import { saysOutput, UpstreamStream } from "./upstream-stream.ts";
import type { PricedReply } from "./costing.ts";
import type { Attempted } from "./overrun.ts";
import { judgeReply, misfitFault } from "./reply-form.ts";
import { admit } from "./stages/admit.ts";
import { reserveAttempt } from "./stages/reserve.ts";
import type { ReserveParts, AttemptPlan, ReservedAttempt } from "./stages/reserve.ts";
import type { Candidate } from "./router.ts";
import { backoffMs } from "../outbound/index.ts";
import type { Deadlines } from "../outbound/index.ts";
import type { FormChecker } from "../structured-output/index.ts";

/** An answer of which nothing has been shown yet. */
export type Landed = { readonly attempt: Attempted } & LandedAnswer;

type LandedAnswer =
  | {
      readonly kind: "whole";
      readonly deployment: Deployment;
      readonly dialect: DialectName;
      readonly reply: Reply;
      /** The tier of service that the reply names along with its usage. */
      readonly serviceTier?: string;
      /** What the provider sent, and the same read; undefined where it came as a stream. */
      readonly bytes: Buffer;
      readonly body: unknown;
    }
  | {
      readonly kind: "stream";
      readonly deployment: Deployment;
      readonly dialect: DialectName;
      readonly intake: UpstreamStream;
    };

/** What attempts are made with. */
export interface AttemptParts extends ReserveParts {
  readonly fleet: DeploymentPool;
  readonly deadlines: Deadlines;
  readonly maxAttempts: number;
  /** Whether a call that a provider has accepted may be made again where its answer did not come. */
  readonly repeatsAccepted: boolean;
  readonly maxReplyBytes: number;
  readonly random: () => number;
  readonly forms: FormChecker;
}

/** An answer that is here as a whole. */
export type WholeAnswer = Extract<Landed, { readonly kind: "whole" }>;

/** Gives the first good answer. @throws The last failure, as a fault that a caller may read. */
export async function landAnswer(parts: AttemptParts, session: CallSession, trial: AttemptPlan): Promise<Landed> {
  const { product } = session.prepared;
  let last: unknown;
  for (const [i, candidate] of trial.candidates.entries()) {
    const isLast = i === trial.candidates.length - 1;
    parts.fleet.earn(candidate.deployment.provider, product);
    for (let retry = 0; ; retry++) {
      if (session.progress.attempts >= parts.maxAttempts) throw last ?? noneTried();
      try {
        return await attemptIn(parts, session, trial, candidate);
      } catch (error) {
        session.signal.throwIfAborted();
        last = error;
        if (error instanceof Fault && error.code === "dialect.unsupported") break;
        // What there is no room for after a failure may be dearer than the next one; at first nothing is chosen by price.
        if (error instanceof Fault && session.progress.attempts > 0 && error.code.startsWith("budget.")) break;
        const passage = mayPass(error, parts.repeatsAccepted);
        if (passage === "nowhere") throw error;
        if (!isLast || passage === "elsewhere") break;
        if (session.progress.attempts >= parts.maxAttempts) break;
        if (!parts.fleet.mayRetry(candidate.deployment.provider, product)) break;
      }
      const waitMs = backoffMs(retry, parts.random);
      session.waited(waitMs);
      await sleep(waitMs, undefined, { signal: session.signal });
    }
  }
  throw last ?? noneTried();
}

function noneTried(): Error {
  return gatewayFault("model.unavailable", "no deployment was tried");
}

/** One attempt; where the deployment says that it must be made in another API of its own, it is, once. */
async function attemptIn(
  parts: AttemptParts,
  session: CallSession,
  trial: AttemptPlan,
  candidate: Candidate,
): Promise<Landed> {
  const { call } = trial;
  const { deployment } = candidate;
  const { product } = session.prepared;
  const asked = parts.fleet.dialectFor(deployment, product, call);
  try {
    return await attemptOnce(parts, session, trial, candidate);
  } catch (error) {
    if (!parts.fleet.turns(deployment, product, { call, asked, error })) throw error;
    return await attemptOnce(parts, session, trial, candidate);
  }
}

async function attemptOnce(
  parts: AttemptParts,
  session: CallSession,
  trial: AttemptPlan,
  candidate: Candidate,
): Promise<Landed> {
  const { call } = trial;
  const { signal } = session;
  const { deployment } = candidate;
  const { product, parameters } = session.prepared;
  const attempt = await reserveAttempt(parts, session, call, deployment);
  const { wire, body, name, dialect } = attempt;
  const isRetry = session.attempting(attempt);
  const startMs = performance.now();
  let landing: UpstreamResponse | undefined;
  let status: number | undefined;
  let failure: string | undefined;
  let hasLeft = false;
  const seen: Seen = { bytes: 0, pieces: [] };
  try {
    if (session.letIn()) await admit(session);
    assertSent(wire, deployment, parameters.askedOf(name));
    landing = await sent(parts.fleet, deployment, {
      product,
      wire,
      body,
      dialect,
      leaving: () => (hasLeft = true),
      passed: name === call.dialect ? parameters.passed : {},
      deadlines: parts.deadlines,
      signal,
    });
    ({ status } = landing.answer);
    const heading = { deployment, name, dialect, stamp: stampOf(session), heard: () => session.heard() };
    const answer = await readHead(parts, heading, call, landing, seen).catch(refused(deployment, seen));
    const landed = { attempt, ...answer };
    if (landed.kind === "whole" && trial.enforcesForm) assertFits(parts.forms, session, landed);
    session.answered(candidate, name, wire.dropped);
    return landed;
  } catch (error) {
    landing?.broke(error);
    // What was refused has been paid for, and an attempt whose caller has gone may be.
    const isPaid = error instanceof Fault && error.code === "reply.invalid";
    const isOpen = !isPaid && !signal.aborted;
    // What goes wrong inside Charter after a provider has answered, the provider bills all the same.
    const isOurs = landing !== undefined && !(error instanceof Fault);
    const charge = isOurs ? "estimate" : chargeOf(error);
    if (!hasLeft || (isOpen && charge === "nothing")) session.unbilled(attempt);
    else if (
      isOpen &&
      (charge === "estimate" ||
        seen.pieces.length > 0 ||
        (error instanceof StreamCutShort && saysOutput(accountIn(seen.body))))
    ) {
      session.spent(attempt, costOfSeen(session, attempt, seen));
    }
    if (error instanceof StatusFault) ({ status } = error);
    failure = error instanceof Fault ? error.code : signal.aborted ? "call.aborted" : "internal.error";
    session.because(`${deployment.name} failed: ${failure}`);
    throw error;
  } finally {
    const durationMs = performance.now() - startMs;
    const provider = deployment.provider.name;
    session.attempted({ deployment: deployment.name, provider, status, error: failure, isRetry, durationMs }, startMs);
  }
}

/** Sends a request, without fields that the server does not know and that serve Charter's account alone. */
async function sent(
  fleet: DeploymentPool,
  deployment: Deployment,
  attempt: Attempt & Pick<ReservedAttempt, "wire" | "dialect">,
): Promise<UpstreamResponse> {
  const { dispensable = {} } = attempt.dialect;
  const forgone = fleet.forgoneBy(deployment, attempt.product);
  let { wire, body } = attempt;
  const leaveOut = async (fields: readonly string[]): Promise<void> => {
    const left = Object.entries(wire.body).filter(([field]) => !fields.includes(field));
    wire = { ...wire, body: Object.fromEntries(left) };
    body = await writeInTurns(wire.body, attempt.signal);
  };
  const known = Object.keys(dispensable).filter((field) => forgone.has(field) && field in wire.body);
  if (known.length > 0) await leaveOut(known);
  const unknown: string[] = [];
  for (;;) {
    try {
      const answer = await fleet.attempt(deployment, { ...attempt, wire, body });
      // Only an answer shows that it was the field.
      for (const field of unknown) forgone.add(field);
      return answer;
    } catch (error) {
      const found = Object.entries(dispensable).find(
        ([field, members]) => isPlain(wire.body, field, members) && doesNotKnow(error, field, members[0] ?? ""),
      );
      if (found === undefined) throw error;
      unknown.push(found[0]);
      await leaveOut([found[0]]);
    }
  }
}

/** Whether a field of a stream's request holds nothing that a caller could have made wrong. */
function isPlain(body: Readonly<Record<string, unknown>>, field: string, members: readonly string[]): boolean {
  const value = body[field];
  if (body["stream"] !== true || typeof value !== "object" || value === null) return false;
  return Object.entries(value).every(([member, flag]) => members.includes(member) && typeof flag === "boolean");
}

/**
 * Turns an error that came inside an answer of a good status into what it would be as a refusal. One next to an account of
 * what the model has written is none: the call was accepted.
 */
function refused({ provider }: Deployment, seen: Seen): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof ReportedFault)) throw error;
    const fault = reportedFault(provider, error.words);
    throw saysOutput(accountIn(seen.body)) ? new StreamCutShort("upstream.failed", fault.message, fault) : fault;
  };
}

/** @throws `reply.invalid` for an answer that has not the form asked for; what it cost is spent. */
function assertFits(forms: FormChecker, session: CallSession, answer: WholeAnswer): void {
  const judgement = judgeReply(forms, session.call.form, answer.reply);
  if (judgement?.verdict !== "invalid") return;
  session.formed(judgement);
  session.spent(answer.attempt, session.costOf(answer.attempt, answer, tokensOfReply(answer.reply)));
  throw misfitFault(answer.deployment, judgement);
}

/** Who answers, in which dialect, and who is told that it is at work before it says something. */
interface Heading {
  readonly deployment: Deployment;
  readonly name: DialectName;
  readonly dialect: UpstreamDialect;
  readonly stamp: ReplyStamp;
  readonly heard: () => void;
}

/**
 * A whole answer is read to its end; of a stream the first pieces, so that it is known to be one. Which of both it is, its
 * bytes say: labels are wrong or lacking at many servers, and some stream, or do not, whatever was asked for.
 */
async function readHead(
  { maxReplyBytes }: AttemptParts,
  { deployment, name, dialect, stamp, heard }: Heading,
  call: ModelCall,
  landing: UpstreamResponse,
  seen: Seen,
): Promise<LandedAnswer> {
  const { answer } = landing;
  const { provider } = deployment;
  const { rest, isEvents } = call.stream ? await openedAnswer(answer) : { rest: answer, isEvents: false };
  if (isEvents) {
    const intake = new UpstreamStream(landing, rest.body, dialect.streamReader(stamp), provider);
    await intake.begin(heard);
    return { kind: "stream", deployment, dialect: name, intake };
  }
  const bytes = await rest.collect(maxReplyBytes);
  seen.bytes = bytes.length;
  if (beginsAsEvents(bytes) === true && name !== "embeddings") {
    const intake = new UpstreamStream(landing, Readable.from([bytes]), dialect.streamReader(stamp), provider);
    return {
      kind: "whole",
      deployment,
      dialect: name,
      ...(await foldedReply(intake, seen.pieces)),
      bytes,
      body: undefined,
    };
  }
  const body = await parsedReply(bytes);
  seen.body = body;
  // A long reply is made out in one go: with a turn of the loop to itself.
  const isLong = bytes.length > shortReplyBytes;
  if (isLong) await nextRound();
  const reply = dialect.readReply(body);
  if (isLong) await nextRound();
  landing.complete();
  return { kind: "whole", deployment, dialect: name, reply, ...tierOf(body), bytes, body };
}

/** What has come of an answer: its bytes, its body, and the pieces of one that came as a stream where a whole one was asked for. */
interface Seen {
  bytes: number;
  body?: unknown;
  readonly pieces: StreamEvent[];
}

/**
 * The reply that a stream adds up to which came where a whole reply was asked for.
 * @throws StreamCutShort, for the provider was at work, once it had begun.
 */
async function foldedReply(intake: UpstreamStream, pieces: StreamEvent[]): Promise<PricedReply & { reply: Reply }> {
  await intake.begin();
  try {
    for (let items = await intake.next(); items !== undefined; items = await intake.next()) {
      for (const item of items) pieces.push(...item.pieces);
    }
  } catch (error) {
    if (!(error instanceof Fault) || wasAccepted(error)) throw error;
    throw new StreamCutShort("upstream.failed", error.message, error);
  }
  intake.complete();
  return folded(pieces);
}

function folded(pieces: readonly StreamEvent[]): PricedReply & { reply: Reply } {
  const usage = pieces.findLast((piece) => piece.kind === "usage");
  const { serviceTier } = usage ?? {};
  return { reply: replyOf(pieces, null), ...(serviceTier !== undefined && { serviceTier }) };
}

/** What an answer costs that is not used: by the provider's account where it is there. */
function costOfSeen(session: CallSession, attempt: Attempted, { bytes, body, pieces }: Seen): Cost {
  if (pieces.length > 0) {
    const answer = folded(pieces);
    return session.costOf(attempt, answer, tokensOfReply(answer.reply), true);
  }
  const account = accountIn(body);
  const rawUsage = Object.keys(account).length > 0 ? account : null;
  const unread = { reply: { rawUsage, model: attempt.seat.deployment.model } };
  return session.costOf(attempt, unread, Math.ceil(bytes / bytesPerToken));
}

/** The provider's account in a body that could be parsed; empty where there is none. */
function accountIn(body: unknown): Readonly<Record<string, unknown>> {
  const { usage, usageMetadata } = asRecord(body);
  return asRecord(usage ?? usageMetadata);
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** A long answer is read in turns with everything else; the connection is given back meanwhile, since all of it is here. */
/** What the body of a whole answer says. @throws `upstream.garbled` */
export async function parsedReply(bytes: Buffer): Promise<unknown> {
  try {
    if (bytes.length <= shortReplyBytes) return parseLossless(bytes.toString("utf8"));
    return await readInTurns(bytes, replyBounds);
  } catch (error) {
    const isTooMuch = error instanceof JsonRefusal && error.flaw !== "malformed";
    const reason = isTooMuch ? `the provider's answer ${error.message}` : "the provider's answer is not JSON";
    throw modelFault("upstream.garbled", reason, {}, error);
  }
}

/** Bytes for one token of an answer that cannot be read. */
const bytesPerToken = 4;

/** Longest answer that is read at once, bytes. */
const shortReplyBytes = 16 * 1024;

/** What an answer may hold: numbers of vectors are many and cheap, and so are the probabilities of tokens. */
const replyBounds: JsonBounds = {
  ...plainBounds,
  keepsDigits: true,
  depth: maxReplyDepth,
  nodes: maxReplyNodes,
  containers: maxReplyContainers,
};
