// The most that one attempt at a call can cost at a deployment: what is reserved for it. Not to be taken for the estimate
// (call-facts.ts), by which calls are routed and shown. Pure. Promises:
//
// 1. All that goes upstream is counted, as it goes upstream: the bytes of the request, but for media, which count by their rule.
// 2. Nothing is bounded by a guess: what has no rule counts as the model's whole window, and where that is not known, or does
//    not bound it, the call has no bound (`without`).
import type { Deployment } from "../catalogue/index.ts";
import type { ModelCall } from "../conversation.ts";
import { thoughtTokensOf } from "../thought.ts";
import { mediaBoundOf } from "./media-bound.ts";
import { reachOf } from "./references.ts";
import type { RuleTrust } from "./rule-trust.ts";

/** The most tokens of one attempt. */
export interface TokenBound {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Why there is no bound; then the numbers are what is known of it. */
  readonly without: string | undefined;
  /** Where only the window bounds what is read: what is known of it by its bytes and rules. */
  readonly knownTokens: number | undefined;
  /** The same of what is written, where a limit of the answer was not kept before. */
  readonly knownOutputTokens: number | undefined;
  /** Whether it holds media, whose rules may be wrong while that for text is right. */
  readonly hasMedia: boolean;
}

/** What is bounded. */
export interface Bounded {
  readonly call: ModelCall;
  /** The most tokens that the request's body can be, as it goes upstream; see `text-bound.ts`. */
  readonly textTokens: number;
  readonly deployment: Pick<Deployment, "contextTokens" | "bounds" | "serves">;
  /** Answers that are made, whether or not they are shown. */
  readonly answers: number;
  /** Whether the call asks for tools that the provider runs itself, by what its parameters say. */
  readonly runsTools?: boolean;
  /** How far the deployment's rules are believed. */
  readonly trustOf: (hasMedia: boolean) => RuleTrust;
}

/** Published windows are rounded: 128 000 may be 131 072, 1 000 000 may be 1 048 576. */
const windowRounding = 1.05;
/** Tokens of an answer beyond its limit: ends of turns that some servers count. */
const endTokens = 16;
/** Most tokens that are reckoned with: beyond them no budget has room, and sums and prices stay exact. */
const most = { inputTokens: 1_000_000_000, outputTokens: 200_000_000 };

/** The most tokens of one attempt, by the most tokens of each answer. */
export function boundOf({
  call,
  textTokens,
  deployment,
  answers,
  runsTools,
  trustOf,
}: Bounded): (answer: number) => TokenBound {
  const { bounds, contextTokens, serves } = deployment;
  // Each text to be embedded has its own window.
  const window =
    contextTokens === null || serves === "embeddings" ? undefined : Math.ceil(contextTokens * windowRounding);
  const media = mediaBoundOf(call, bounds);
  const reach = reachOf(call);
  const { factor, trust } = trustOf(media.count > 0);
  const overhead = bounds.overheadTokens * (call.tools.length > 0 || call.untranslated !== undefined ? 2 : 1);
  const sum = Math.max(0, textTokens - media.inlineChars) + media.tokens + overhead;
  const known = Math.min(Math.ceil(sum * factor), window ?? most.inputTokens);
  const tools = runsTools === true ? "the provider runs tools itself" : undefined;
  const unbounded = bounds.unbounded ?? (reach.of === "none" ? reach.why : tools) ?? broken[trust].forGood;
  const unruled = media.without ?? (reach.of === "window" ? reach.why : undefined) ?? broken[trust].rules;
  const isWhole = unbounded === undefined && unruled !== undefined && window !== undefined;
  const without = unbounded ?? (isWhole ? undefined : unruled);
  // A limit that was not kept does not count: what is read and what is written share the window.
  const leastOutput = isWhole && trust === "window" ? answers * window : 0;
  const thought = thoughtTokensOf(call.raw);
  // Anthropic counts thought within the answer's limit. Of the servers that speak OpenAI's API, some do not.
  const beside = call.dialect === "anthropic-messages" ? 0 : thought;
  const within = Math.max(call.reasoning?.budgetTokens ?? 0, thought);
  const outputTokens = (answer: number, least: number): number => {
    if (serves === "embeddings") return 0;
    // Thought that may be longer than the answer is not within the answer's limit.
    const each = answer + (within > answer ? within : beside) + endTokens;
    return Math.min(most.outputTokens, Math.max(least, Math.ceil(answers * each * factor)));
  };
  // Some servers read the question again for every answer.
  return (answer) => ({
    inputTokens: answers * (isWhole ? window : known),
    outputTokens: outputTokens(answer, leastOutput),
    without,
    knownTokens: isWhole ? answers * known : undefined,
    knownOutputTokens: isWhole ? outputTokens(answer, 0) : undefined,
    hasMedia: media.count > 0,
  });
}

/** What is said of rules that are not believed any more. */
const broken = {
  rules: { rules: undefined, forGood: undefined },
  window: { rules: "the provider has reported far more than its rules allow", forGood: undefined },
  none: { rules: undefined, forGood: "the provider has reported more than any rule allows" },
} as const;
