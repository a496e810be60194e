// An attempt that is reported to have used more than it can: what is said of it, and what an unread one is charged.
import type { Finding } from "../governance/index.ts";
import type { Cost, DialectName, TokenBound } from "../models/index.ts";
import type { Amount, Seat } from "./call-reservations.ts";

/** One attempt, with the room that it holds and the most that it can use. */
export interface Attempted {
  readonly seat: Seat;
  /** The API in which it is made. */
  readonly name: DialectName;
  readonly bound: TokenBound;
  /** What is known of it by its bytes and rules; less than it holds where nothing, or only the window, bounds it. */
  readonly known: Amount;
  /** What it has most likely read, where no provider says so. */
  readonly likelyTokens: () => number;
}

/** Tokens that files, sounds and pictures without a rule count for when it is unknown what they were: a book of a hundred pages. */
const unruledMediaTokens = 50_000;

/** In which ways a cost is beyond what the attempt can use; none for one that keeps to it. */
export function reasonsBeyond({ seat, bound }: Attempted, { usage, microdollars }: Cost): readonly string[] {
  const { name } = seat.deployment;
  const reasons: string[] = [];
  if (usage.estimated) return reasons;
  // What runs alone may use all that it holds, however it is made up.
  const [input, output] =
    bound.without === undefined ? [bound.inputTokens, bound.outputTokens] : [seat.tokens, seat.tokens];
  if (usage.inputTokens > input) reasons.push(`${name} reported ${usage.inputTokens} tokens read, at most ${input}`);
  if (usage.outputTokens > output) {
    reasons.push(`${name} reported ${usage.outputTokens} tokens written, at most ${output}`);
  }
  const held = seat.microdollars;
  if (reasons.length === 0 && held !== null && (microdollars ?? 0) > held) {
    reasons.push(`${name} cost ${microdollars} micro-dollars, at most ${held}`);
  }
  return reasons;
}

/** An estimate is not a report: where it is more than the attempt can use, it is the estimate that is wrong. */
export function withinBound({ seat, bound }: Attempted, cost: Cost): Cost {
  const { usage, microdollars } = cost;
  if (!usage.estimated || bound.without !== undefined) return cost;
  const inputTokens = Math.min(usage.inputTokens, bound.inputTokens);
  const outputTokens = Math.min(usage.outputTokens, bound.outputTokens);
  if (inputTokens === usage.inputTokens && outputTokens === usage.outputTokens) return cost;
  const most = seat.microdollars ?? Number.POSITIVE_INFINITY;
  return {
    usage: { ...usage, inputTokens, outputTokens },
    microdollars: microdollars === null ? null : Math.min(microdollars, most),
  };
}

/** How many times as much was reported as the attempt can use, of what is read or of what is written. */
export function excessOf({ bound }: Attempted, { usage }: Cost): number {
  const part = (used: number, most: number): number =>
    most === 0 ? (used > 0 ? Number.POSITIVE_INFINITY : 0) : used / most;
  return Math.max(part(usage.inputTokens, bound.inputTokens), part(usage.outputTokens, bound.outputTokens));
}

/**
 * What an attempt counts when it is unknown how far it was: the most that it can cost. Where nothing bounds that, or the
 * window alone, what is held only keeps others out; then it is what is known of the call, and so much for media without a rule.
 */
export function unreadCost({ seat, bound, known }: Attempted): Cost {
  const isBounded = bound.without === undefined && bound.knownTokens === undefined;
  const media = !isBounded && bound.hasMedia ? unruledMediaTokens : 0;
  const tokens = isBounded ? seat.tokens : Math.min(seat.tokens, known.tokens + media);
  const outputTokens = Math.min(bound.outputTokens, tokens);
  const share =
    known.microdollars === null ? null : Math.ceil((known.microdollars * tokens) / Math.max(1, known.tokens));
  const microdollars = isBounded || share === null ? seat.microdollars : Math.min(share, seat.microdollars ?? share);
  return {
    usage: {
      inputTokens: tokens - outputTokens,
      outputTokens,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      reasoningTokens: 0,
      estimated: true,
    },
    microdollars,
  };
}

/** The finding that goes on record. */
export function overrunOf(deployment: string): Finding {
  return {
    threat: "gateway.bound_exceeded",
    severity: "MEDIUM",
    pattern: "reported_usage",
    action: "flag",
    blocks: false,
    detail: `${deployment} reported more than a call of this kind can use`,
  };
}
