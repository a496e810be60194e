// Stage 7: room in the budgets. Before an attempt its request is written, the most that it can cost is found, and room for that
// is taken. A caller that names no limit of the answer is given one, so that there is a most.
import { Fault } from "../../kernel/fault.ts";
import {
  boundOf,
  likelyTokensOf,
  mostTokensOfBytes,
  mostTokensOfText,
  answersOf,
  answerTokensOf,
} from "../../models/index.ts";
import type {
  RuleTrusts,
  TokenBound,
  Deployment,
  DialectName,
  ModelCall,
  UpstreamDialect,
  WireRequest,
  Prices,
  Target,
} from "../../models/index.ts";
import { writeInTurns } from "../../kernel/json-turns.ts";
import type { CallSession } from "../call-session.ts";
import { ladderOf, samples, wholeCall } from "../cascade/index.ts";
import type { EscalationPlan } from "../cascade/index.ts";
import { estimateOf } from "../costing.ts";
import type { DeploymentPool } from "../../deployments/index.ts";
import type { Attempted } from "../overrun.ts";
import type { Amount, Wanted } from "../call-reservations.ts";
import type { Candidate } from "../router.ts";

/** The least that a call which names no limit is given for its answer where the budgets have little left. */
const leastAnswerTokens = 1024;

/** What is tried. */
export interface AttemptPlan {
  readonly call: ModelCall;
  readonly candidates: readonly Candidate[];
  /** A reply that has not the form asked for is not accepted: another one is asked for. */
  readonly enforcesForm: boolean;
  /** Who is asked first of a cascade, and who then. */
  readonly ladder?: EscalationPlan;
}

/** What attempts are written and bounded with. */
export interface ReserveParts {
  readonly dialects: Readonly<Partial<Record<DialectName, UpstreamDialect>>>;
  readonly prices: Prices;
  readonly ruleTrusts: RuleTrusts;
  readonly fleet: Pick<DeploymentPool, "dialectFor">;
}

/** A request that may go out: there is room for the most that it can cost. */
export interface ReservedAttempt extends Attempted {
  readonly wire: WireRequest;
  /** The body as it goes out. */
  readonly body: string | Buffer;
  readonly dialect: UpstreamDialect;
}

/** What is tried for a call, with room for a whole cascade. @throws `budget.exhausted`, `budget.insufficient`, `budget.price_unknown`. */
export async function reserve(session: CallSession, parts: ReserveParts): Promise<AttemptPlan> {
  // From here on money is spent.
  session.parts.begun.hold();
  const { call, enforcesForm, prepared } = session;
  const { request, routed, strategy } = prepared;
  const { candidates } = routed;
  // What may not be accepted must not have been shown.
  const trial = { call: enforcesForm ? wholeCall(call) : call, candidates, enforcesForm };
  if (strategy !== "cascade") return trial;
  const ladder = ladderOf(candidates, request.level);
  // The cheap model may be asked several times, and then a stronger one.
  const [next] = ladder.strong;
  const first = ladder.cheap ?? next;
  if (first !== undefined) await reserveAhead(parts, session, trial.call, first.deployment, samples);
  if (next !== undefined) await reserveAhead(parts, session, trial.call, next.deployment, 1);
  return { ...trial, ladder };
}

/**
 * Writes the request for a deployment and takes room for it.
 * @throws `dialect.unsupported`, `budget.exhausted`, `budget.insufficient`, `budget.price_unknown`.
 */
export async function reserveAttempt(
  parts: ReserveParts,
  session: CallSession,
  call: ModelCall,
  deployment: Deployment,
): Promise<ReservedAttempt> {
  const draft = await draftOf(parts, session, call, deployment);
  const { write, written, attemptedWith, knownWith, wished, smallest, wanted, name, dialect } = draft;
  const seat = await session.parts.reservations.take(deployment, wanted).catch((error: unknown) => {
    throw namingCause(error, session.prepared.parameters.unpricedFor(name));
  });
  if (smallest === wished || holds(seat, wanted)) {
    return { ...written, ...attemptedWith(wished), seat, name, dialect };
  }
  const limit = longest(smallest, wished, (each) => holds(seat, knownWith(each)));
  return { ...(await write(limit)), ...attemptedWith(limit), seat, name, dialect };
}

/**
 * Takes room for several attempts at a deployment before the first of them is made. What runs alone has all that there is.
 * @throws `budget.exhausted`, `budget.insufficient`, `budget.price_unknown`.
 */
async function reserveAhead(
  parts: ReserveParts,
  session: CallSession,
  call: ModelCall,
  deployment: Deployment,
  times: number,
): Promise<void> {
  const draft = await draftOf(parts, session, call, deployment).catch((error: unknown) => {
    // A deployment that cannot be asked shows it when its turn comes.
    if (error instanceof Fault && error.code === "dialect.unsupported") return undefined;
    throw error;
  });
  if (draft === undefined) return;
  const { wanted } = draft;
  const { flex } = wanted;
  if (flex !== undefined && flex.takes !== "share") return;
  await session.parts.reservations.ahead(deployment, {
    ...timesOver(wanted, times),
    ...(flex === undefined ? {} : { flex: { ...flex, least: timesOver(flex.least, times) } }),
  });
}

/** The request for a deployment, and the most that it can cost by the limit of its answer. */
async function draftOf(
  { dialects, prices, ruleTrusts, fleet }: ReserveParts,
  { signal, prepared: { product, parameters, request, options, terms } }: CallSession,
  call: ModelCall,
  deployment: Deployment,
) {
  const name = fleet.dialectFor(deployment, product, call);
  const dialect = dialects[name];
  if (dialect === undefined) throw new Error(`no dialect ${name}`);
  const service = parameters.askedOf(name);
  const unsupported = options.unsupported ?? terms.unsupportedParameters ?? "drop";
  const write = async (outputLimit: number | undefined) => {
    const wire = dialect.writeCall(call, { ...targetOf(deployment, outputLimit), unsupported });
    return { wire, body: await writeInTurns(wire.body, signal) };
  };
  const isOpen = namesNoLimit(call);
  const wished = isOpen ? wishedLimit(deployment, request.inputTokens) : deployment.maxOutputTokens;
  const smallest = isOpen ? Math.min(wished, leastAnswerTokens) : wished;
  const written = await write(isOpen ? wished : undefined);
  const isTold = name === call.dialect;
  const tokensWith = boundOf({
    call: isTold ? call : sayable(call),
    textTokens: await textTokensOf(call, written, signal),
    deployment,
    answers: answersOf(call),
    runsTools: isTold && parameters.effects.has("tools"),
    trustOf: (hasMedia) => ruleTrusts.of(product, deployment.name, hasMedia),
  });
  const amountOf = (tokens: Pick<TokenBound, "inputTokens" | "outputTokens">): Amount => ({
    tokens: tokens.inputTokens + tokens.outputTokens,
    microdollars: parameters.unpricedFor(name).length > 0 ? null : estimateOf(prices, deployment, tokens, service),
  });
  /** The most that the call can cost with an answer of such a length, and what is known of it. */
  const boundWith = (limit: number) => {
    const bound = tokensWith(answerTokensOf(call, limit));
    const { inputTokens: read, outputTokens: written, knownTokens, knownOutputTokens } = bound;
    const most = amountOf(bound);
    const isAll = knownTokens === undefined && knownOutputTokens === undefined;
    const known = { inputTokens: knownTokens ?? read, outputTokens: knownOutputTokens ?? written };
    return { bound, most, known: isAll ? most : amountOf(known) };
  };
  const knownWith = (limit: number): Amount => boundWith(limit).known;
  const whole = boundWith(wished);
  const { bound } = whole;
  const takes = bound.without !== undefined ? "all" : bound.knownTokens !== undefined ? "whole" : "share";
  const isFixed = takes === "share" && smallest === wished;
  const wanted: Wanted = {
    ...whole.most,
    ...(isFixed ? {} : { flex: { takes, least: knownWith(smallest) } }),
  };
  const attemptedWith = (limit: number): Omit<Attempted, "seat" | "name"> => {
    const { bound: most, known } = limit === wished ? whole : boundWith(limit);
    return {
      bound: most,
      known,
      likelyTokens: () => Math.min(most.inputTokens, likelyTokensOf(call, deployment.bounds)),
    };
  };
  return { write, written, attemptedWith, knownWith, wished, smallest, wanted, name, dialect };
}

/** A call without what another API is not told, which costs nothing there. */
function sayable(call: ModelCall): ModelCall {
  const { untranslated: _, ...rest } = call;
  return rest;
}

/** The most tokens of a request as it goes out. What is sent as numbers of tokens is just so many. */
async function textTokensOf(
  { inputs, inputTokens, untranslated }: ModelCall,
  { wire, body }: Pick<ReservedAttempt, "wire" | "body">,
  signal: AbortSignal,
): Promise<number> {
  const most = (text: string | Buffer): number | Promise<number> =>
    typeof text === "string" ? mostTokensOfText(text) : mostTokensOfBytes(text, signal);
  const isCounted = inputs?.length === 0 && untranslated === undefined;
  if (!isCounted || inputTokens === undefined) return most(body);
  const { input: _, ...rest } = wire.body;
  return inputTokens + (await most(await writeInTurns(rest, signal)));
}

/** A refusal for want of a price says what has none, where that is not the model. */
function namingCause(error: unknown, unpriced: readonly string[]): unknown {
  const [first] = unpriced;
  if (!(error instanceof Fault) || error.code !== "budget.price_unknown" || first === undefined) return error;
  return new Fault(error.code, `the cost of ${unpriced.join(", ")} is unknown beforehand; ${error.message}`, {
    ...error.facts,
    remedy: "leave it out, or call under no budget in money",
  });
}

function timesOver({ tokens, microdollars }: Amount, times: number): Amount {
  return { tokens: times * tokens, microdollars: microdollars === null ? null : times * microdollars };
}

/** The longest answer that fits, at least `fits`. The price need not be proportional to the length, so it is looked for. */
function longest(fits: number, fitsNot: number, holdsIt: (limit: number) => boolean): number {
  let [low, high] = [fits, fitsNot];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (holdsIt(middle)) low = middle;
    else high = middle;
  }
  return low;
}

function holds(seat: Amount, { tokens, microdollars }: Amount): boolean {
  return tokens <= seat.tokens && (microdollars ?? 0) <= (seat.microdollars ?? 0);
}

/** Whether a limit of the answer may and must be set for the caller. */
function namesNoLimit({ dialect, raw, maxOutputTokens }: ModelCall): boolean {
  const predicts = raw["prediction"] !== undefined && raw["prediction"] !== null;
  return dialect !== "embeddings" && maxOutputTokens === undefined && !predicts;
}

/** The limit that a call is given where there is room: the deployment's own, as far as the question leaves space for it. */
function wishedLimit({ maxOutputTokens, contextTokens }: Deployment, inputTokens: number): number {
  if (contextTokens === null) return maxOutputTokens;
  // The estimate may be too low, and a limit that does not fit the window is refused by many servers.
  const space = Math.floor((contextTokens - inputTokens) / 2);
  return Math.min(maxOutputTokens, Math.max(16, space));
}

function targetOf(
  { model, maxOutputTokens, outputLimitField, provider }: Deployment,
  outputLimit: number | undefined,
): Target {
  return {
    model,
    provider: provider.priceProvider,
    defaultMaxOutputTokens: maxOutputTokens,
    ...(outputLimit === undefined ? {} : { outputLimit }),
    ...(outputLimitField === undefined ? {} : { outputLimitField }),
  };
}
