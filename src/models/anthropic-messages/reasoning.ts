// Reasoning in the Messages API: how much of it is asked for, and which of the reasoning in earlier turns may be sent back.
import type { ModelCall, Part } from "../conversation.ts";
import type { Losses } from "../wire/losses.ts";
import { reasonerOf } from "./model.ts";

/** Tokens for each level where a model wants a budget. The API gives none; these are Charter's own. */
const budgets = { minimal: 1024, low: 2048, medium: 8192, high: 16_384, xhigh: 32_768 } as const;

/** The least that the API takes as `budget_tokens`. */
const leastBudget = 1024;

/** What a call says about reasoning, as fields of the body; absent fields stay absent. */
export interface WrittenReasoning {
  readonly thinking?: Readonly<Record<string, unknown>>;
  readonly effort?: string;
}

/**
 * How the call's reasoning is asked of a model. Thinking cannot be asked for together with a forced tool: the effort alone
 * is then said, where the model knows it. A budget made from a level stays below `maxTokens`, as the API demands.
 * Reasoning that is asked of a model that has none is left out.
 */
export function writeReasoning(
  call: ModelCall,
  model: string,
  maxTokens: number,
  forced: boolean,
  losses: Losses,
): WrittenReasoning {
  const { reasoning } = call;
  const level = reasoning?.effort;
  const budget = reasoning?.budgetTokens;
  if (reasoning === undefined || (level === undefined && budget === undefined)) return {};
  const reasoner = reasonerOf(model);
  if (level === "none") return reasoner === "none" ? {} : { thinking: { type: "disabled" } };
  if (reasoner === "none") {
    losses.leave("reasoning", "the model does not reason");
    return {};
  }
  if (budget !== undefined && reasoner !== "adaptive") {
    return forced ? {} : { thinking: { type: "enabled", budget_tokens: budget } };
  }
  if (reasoner === "budget") {
    const fitting = Math.min(level === undefined ? leastBudget : budgets[level], maxTokens - 1);
    return forced || fitting < leastBudget ? {} : { thinking: { type: "enabled", budget_tokens: fitting } };
  }
  const effort = level === "minimal" ? "low" : level === "xhigh" && reasoner === "either" ? "high" : level;
  return {
    ...(forced ? {} : { thinking: { type: "adaptive" } }),
    ...(effort === undefined ? {} : { effort }),
  };
}

/**
 * Whether reasoning has a seal that Anthropic may have made. Anthropic's seals are base64; seals of other providers are
 * tagged by their dialect with a name and a colon, and models without seals show reasoning with none. The API refuses a
 * call that brings it anything else, and no model reads the reasoning of another.
 */
export function isOwnReasoning(part: Extract<Part, { kind: "reasoning" }>): boolean {
  const seal = part.redacted ?? part.signature ?? "";
  return seal !== "" && !seal.includes(":");
}
