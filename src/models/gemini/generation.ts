// Writes the `generationConfig` of the Gemini API: how long, how freely and in which form a model answers.
import type { ModelCall } from "../conversation.ts";
import { unsupported } from "../wire/faults.ts";
import type { JsonObject } from "../wire/fields.ts";
import type { Losses } from "../wire/losses.ts";
import { geminiVersion, isThirdGeneration } from "./model.ts";
import { writeSchema } from "./schema.ts";

/** Tokens for each level (Google's page "OpenAI compatibility", section "Thinking"); 0 turns thinking off. */
const budgets = { none: 0, minimal: 1024, low: 1024, medium: 8192, high: 24_576, xhigh: 24_576 } as const;

/** Writes the configuration. @param outputLimit For a call that names none. @throws `dialect.unsupported` for what the model cannot do. */
export function writeGeneration(call: ModelCall, model: string, losses: Losses, outputLimit?: number): JsonObject {
  const config: Record<string, unknown> = {};
  const limit = call.maxOutputTokens ?? outputLimit;
  if (limit !== undefined) config["maxOutputTokens"] = limit;
  if (call.temperature !== undefined) config["temperature"] = call.temperature;
  if (call.topP !== undefined) config["topP"] = call.topP;
  if (call.topK !== undefined) config["topK"] = call.topK;
  if (call.seed !== undefined) config["seed"] = call.seed;
  if (call.stop.length > 0) config["stopSequences"] = call.stop;
  if (call.frequencyPenalty !== undefined) config["frequencyPenalty"] = call.frequencyPenalty;
  if (call.presencePenalty !== undefined) config["presencePenalty"] = call.presencePenalty;
  if (call.choices > 1 && !call.stream) config["candidateCount"] = call.choices;
  if (call.logprobs === true) config["responseLogprobs"] = true;
  const modalities = modalitiesOf(call);
  if (modalities !== undefined) config["responseModalities"] = modalities;
  writeForm(call, model, config);
  const thinking = writeThinking(call, model, losses);
  if (thinking !== undefined) config["thinkingConfig"] = thinking;
  return config;
}

/** What the answer may be made of, where the caller says so in a list of kinds that this API knows: words and pictures. */
export function modalitiesOf({ dialect, raw }: ModelCall): readonly string[] | undefined {
  const asked = dialect === "openai-chat" ? raw["modalities"] : undefined;
  if (!Array.isArray(asked) || asked.length === 0) return undefined;
  const known = asked.every((each) => each === "text" || each === "image");
  return known ? asked.map((each: string) => each.toUpperCase()) : undefined;
}

function writeForm(call: ModelCall, model: string, config: Record<string, unknown>): void {
  const { form } = call;
  if (form.kind === "text") return;
  if (call.tools.length > 0 && !isThirdGeneration(model)) {
    throw unsupported("this model cannot be offered tools and be held to a form of reply at once");
  }
  config["responseMimeType"] = "application/json";
  if (form.kind === "schema") config["responseJsonSchema"] = writeSchema(form.schema, form.strict);
}

function writeThinking(call: ModelCall, model: string, losses: Losses): JsonObject | undefined {
  const level = call.reasoning?.effort;
  const budget = call.reasoning?.budgetTokens;
  if (level === undefined && budget === undefined) return undefined;
  if (geminiVersion(model) < 2.05) {
    if (level !== "none") losses.leave("reasoning", "the model does not reason");
    return undefined;
  }
  const includeThoughts = level !== "none";
  if (budget !== undefined) return { includeThoughts, thinkingBudget: budget };
  if (level === undefined) return undefined;
  if (!isThirdGeneration(model)) return { includeThoughts, thinkingBudget: budgets[level] };
  return { includeThoughts, thinkingLevel: thinkingLevel(level, model) };
}

/** Thinking cannot be turned off from Gemini 3 on. The Pro models know no minimum, and the first of them no middle. */
function thinkingLevel(level: keyof typeof budgets, model: string): string {
  const isFlash = model.includes("flash");
  if (level === "none" || level === "minimal") return isFlash ? "MINIMAL" : "LOW";
  if (level === "low") return "LOW";
  return level === "medium" && (isFlash || geminiVersion(model) > 3) ? "MEDIUM" : "HIGH";
}
