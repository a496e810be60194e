// Room in the budgets for one attempt: the request is written, the most that it can cost is found, and room for that is taken
// before the provider is asked. A caller that names no limit of the answer is given one, so that there is a most.
import { Fault } from "../kernel/fault.ts";
import {
  boundOf,
  likelyTokensOf,
  mostTokensOfBytes,
  mostTokensOfText,
  answersOf,
  answerTokensOf,
  dialectOf,
} from "../models/index.ts";
import type {
  Standings,
  TokenBound,
  Deployment,
  DialectName,
  ModelCall,
  UpstreamDialect,
  WireRequest,
  Prices,
} from "../models/index.ts";
import { writeInTurns } from "../kernel/json-turns.ts";
import { estimateOf } from "./costing.ts";
import type { Attempted } from "./overrun.ts";
import type { Assessment } from "./parameters/index.ts";
import type { Amount, Room, Wanted } from "./room.ts";

/** The least that a call which names no limit is given for its answer where the budgets have little left. */
const leastAnswerTokens = 1024;

/** What attempts are written and bounded with. */
export interface ReservingParts {
  readonly dialects: Readonly<Partial<Record<DialectName, UpstreamDialect>>>;
  readonly prices: Prices;
  readonly standings: Standings;
}

/** A request that may go out: there is room for the most that it can cost. */
export interface ReservedAttempt extends Attempted {
  readonly wire: WireRequest;
  /** The body as it goes out. */
  readonly body: string | Buffer;
  readonly name: DialectName;
  readonly dialect: UpstreamDialect;
}

/**
 * Writes the request for a deployment and takes room for it.
 * @throws `dialect.unsupported`, `budget.insufficient`, `budget.price_unknown`.
 */
export async function reserveAttempt(
  parts: ReservingParts,
  room: Room,
  asked: Asked,
  deployment: Deployment,
): Promise<ReservedAttempt> {
  const draft = await draftOf(parts, asked, deployment);
  const { write, written, attemptedWith, knownWith, wished, smallest, wanted, name, dialect } = draft;
  const seat = await room.take(deployment, wanted).catch((error: unknown) => {
    throw namingCause(error, asked.parameters.unpriced);
  });
  if (smallest === wished || holds(seat, wanted)) {
    return { ...written, ...attemptedWith(wished), seat, name, dialect };
  }
  const limit = longest(smallest, wished, (each) => holds(seat, knownWith(each)));
  return { ...(await write(limit)), ...attemptedWith(limit), seat, name, dialect };
}

/**
 * Takes room for several attempts at a deployment before the first of them is made. What runs alone has all that there is.
 * @throws `budget.insufficient`, `budget.price_unknown`.
 */
export async function reserveAhead(
  parts: ReservingParts,
  room: Room,
  asked: Asked,
  deployment: Deployment,
  times: number,
): Promise<void> {
  const wanted = await wantedOf(parts, asked, deployment);
  const flex = wanted?.flex;
  if (wanted === undefined || (flex !== undefined && flex.takes !== "share")) return;
  await room.ahead(deployment, {
    ...timesOver(wanted, times),
    ...(flex === undefined ? {} : { flex: { ...flex, least: timesOver(flex.least, times) } }),
  });
}

/** What a call asks for at a deployment; undefined where the deployment cannot be asked, which its turn will show. */
async function wantedOf(parts: ReservingParts, asked: Asked, deployment: Deployment): Promise<Wanted | undefined> {
  try {
    return (await draftOf(parts, asked, deployment)).wanted;
  } catch (error) {
    if (error instanceof Fault && error.code === "dialect.unsupported") return undefined;
    throw error;
  }
}

/** What is asked, and about how many tokens that is: by the estimate a limit of the answer is chosen that fits the window. */
export interface Asked {
  readonly call: ModelCall;
  readonly product: string | null;
  readonly inputTokens: number;
  /** What is asked for beside words, which decides the price. */
  readonly parameters: Pick<Assessment, "askedOf" | "effects" | "unpriced">;
  readonly signal?: AbortSignal;
}

/** The request for a deployment, and the most that it can cost by the limit of its answer. */
async function draftOf(
  { dialects, prices, standings }: ReservingParts,
  { call, product, inputTokens, parameters, signal }: Asked,
  deployment: Deployment,
) {
  const name = dialectOf(deployment);
  const dialect = dialects[name];
  if (dialect === undefined) throw new Error(`no dialect ${name}`);
  const service = parameters.askedOf(name);
  const write = async (outputLimit: number | undefined) => {
    const wire = dialect.writeCall(call, targetOf(deployment, outputLimit));
    return { wire, body: await writeInTurns(wire.body, signal) };
  };
  const isOpen = namesNoLimit(call);
  const wished = isOpen ? wishedLimit(deployment, inputTokens) : deployment.maxOutputTokens;
  const smallest = isOpen ? Math.min(wished, leastAnswerTokens) : wished;
  const written = await write(isOpen ? wished : undefined);
  const tokensWith = boundOf({
    call,
    textTokens:
      typeof written.body === "string" ? mostTokensOfText(written.body) : await mostTokensOfBytes(written.body, signal),
    deployment,
    answers: answersOf(call),
    runsTools: parameters.effects.has("tools"),
    standingOf: (hasMedia) => standings.of(product, deployment.name, hasMedia),
  });
  const boundWith = (limit: number): TokenBound => tokensWith(answerTokensOf(call, limit));
  const amountOf = (tokens: Pick<TokenBound, "inputTokens" | "outputTokens">): Amount => ({
    tokens: tokens.inputTokens + tokens.outputTokens,
    microdollars: parameters.unpriced.length > 0 ? null : estimateOf(prices, deployment, tokens, service),
  });
  /** What is known of the call with an answer of such a length. */
  const knownWith = (limit: number): Amount => {
    const { inputTokens: read, knownTokens = read, outputTokens } = boundWith(limit);
    return amountOf({ inputTokens: knownTokens, outputTokens });
  };
  const bound = boundWith(wished);
  const takes = bound.without !== undefined ? "all" : bound.knownTokens !== undefined ? "whole" : "share";
  const isFixed = takes === "share" && smallest === wished;
  const wanted: Wanted = {
    ...amountOf(bound),
    ...(isFixed ? {} : { flex: { takes, least: knownWith(smallest) } }),
  };
  const attemptedWith = (limit: number): Omit<Attempted, "seat"> => {
    const most = boundWith(limit);
    return {
      bound: most,
      known: knownWith(limit),
      likelyTokens: () => Math.min(most.inputTokens, likelyTokensOf(call, deployment.bounds)),
    };
  };
  return { write, written, attemptedWith, knownWith, wished, smallest, wanted, name, dialect };
}

/** A refusal for want of a price says what has none, where that is not the model. */
function namingCause(error: unknown, unpriced: readonly string[]): unknown {
  const [first] = unpriced;
  if (!(error instanceof Fault) || error.code !== "budget.price_unknown" || first === undefined) return error;
  return new Fault(error.code, `nobody can say beforehand what ${unpriced.join(", ")} will cost; ${error.message}`, {
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

function targetOf({ model, maxOutputTokens, outputLimitField }: Deployment, outputLimit: number | undefined) {
  return {
    model,
    defaultMaxOutputTokens: maxOutputTokens,
    ...(outputLimit === undefined ? {} : { outputLimit }),
    ...(outputLimitField === undefined ? {} : { outputLimitField }),
  };
}
