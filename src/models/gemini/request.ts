// Writes a call as a request to `generateContent` or `streamGenerateContent` of the Gemini API.
import type { ModelCall, Target, ToolOffer, WireRequest } from "../conversation.ts";
import { unsupported } from "../wire/faults.ts";
import { Losses } from "../wire/losses.ts";
import type { JsonObject } from "../wire/fields.ts";
import { isObject } from "../wire/fields.ts";
import { modalitiesOf, writeGeneration } from "./generation.ts";
import { writeContents } from "./turns.ts";

/** Writes a call. @throws `dialect.unsupported` for what the Gemini API cannot say. */
export function writeGeminiCall(call: ModelCall, target: Target): WireRequest {
  if (call.dialect === "embeddings") throw unsupported("this provider makes no embeddings in this way");
  const losses = new Losses(call, target);
  leaveUnsayable(call, losses);
  const model = target.model.startsWith("models/") ? target.model.slice("models/".length) : target.model;
  const { system, contents } = writeContents(call.turns, model, losses);
  const body: Record<string, unknown> = { contents };
  if (system.length > 0) body["systemInstruction"] = { parts: system };
  if (call.tools.length > 0) {
    body["tools"] = [{ functionDeclarations: call.tools.map(declaration) }];
    const config = functionCalling(call);
    if (config !== undefined) body["toolConfig"] = { functionCallingConfig: config };
  }
  const generation = writeGeneration(call, model, losses, target.outputLimit);
  if (Object.keys(generation).length > 0) body["generationConfig"] = generation;
  const method = call.stream ? "streamGenerateContent?alt=sse" : "generateContent";
  return { path: `/models/${encodeURIComponent(model)}:${method}`, headers: {}, body, dropped: losses.names };
}

function leaveUnsayable(call: ModelCall, losses: Losses): void {
  // What the answer may be made of is said by `writeGeneration`.
  losses.leaveUntranslated(call, (at) => at === "/modalities" && modalitiesOf(call) !== undefined);
  if (call.stream && call.choices > 1) losses.leave("n", "this provider streams one answer per call");
  if (call.parallelToolCalls === false && call.tools.length > 0) {
    losses.leave("parallel_tool_calls", "this provider cannot be held to one tool call at a time");
  }
  if ((call.verbosity ?? "medium") !== "medium") losses.leave("verbosity", "this provider knows no verbosity");
  losses.leaveCircumstances(call, new Set());
}

/** A function without arguments has no schema: the API refuses an object without properties. */
function declaration(offer: ToolOffer): JsonObject {
  const declared: Record<string, unknown> = { name: offer.name };
  if (offer.description !== undefined) declared["description"] = offer.description;
  const schema = offer.parameters as JsonObject | undefined;
  const properties = schema?.["properties"];
  const isBare = schema?.["type"] === "object" && (!isObject(properties) || Object.keys(properties).length === 0);
  const isEmpty = schema === undefined || (isBare && !isObject(schema["additionalProperties"]) && !schema["$ref"]);
  if (!isEmpty) declared["parametersJsonSchema"] = schema;
  return declared;
}

function functionCalling(call: ModelCall): JsonObject | undefined {
  const { toolChoice } = call;
  if (toolChoice === undefined) return undefined;
  if (typeof toolChoice === "object") return { mode: "ANY", allowedFunctionNames: [toolChoice.name] };
  const modes = { auto: "AUTO", none: "NONE", required: "ANY" } as const;
  return { mode: modes[toolChoice] };
}
