// What can be asked of a model by its name. Claude's abilities differ by version and the API refuses a call that asks for
// one too many; names that are not Claude's belong to other servers that speak this dialect in its older form.

/** Tells versions apart: 4.06 is Claude 4.6. Undefined for a name that is not Claude's, infinite for one without a version. */
export function claudeVersion(model: string): number | undefined {
  if (!model.includes("claude")) return undefined;
  const found = versionForm.exec(model);
  if (found === null) return Number.POSITIVE_INFINITY;
  return Number(found[1]) + Number(found[2] ?? 0) / 100;
}

/** `claude-opus-4-6`, `claude-sonnet-4.5`, `claude-3-7-sonnet-20250219`; a date is not a part of the version. */
const versionForm = /claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)/;

/** Structured outputs exist from Claude 4.5 on (Anthropic's page "Structured outputs"). */
export function promisesSchemas(model: string): boolean {
  return (claudeVersion(model) ?? 0) >= 4.05;
}

/** How a model is asked to reason: not at all, with a budget of tokens, or by its own measure and an effort. */
export type Reasoner = "none" | "budget" | "either" | "adaptive";

/** Reasoning came with Claude 3.7, adaptive thinking with 4.6, and 4.7 took the budget away ("Adaptive thinking"). */
export function reasonerOf(model: string): Reasoner {
  const version = claudeVersion(model);
  if (version === undefined) return "budget";
  if (version < 3.07) return "none";
  if (version < 4.06) return "budget";
  return version < 4.07 ? "either" : "adaptive";
}
