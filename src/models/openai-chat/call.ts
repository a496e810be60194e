// Reads the body of POST /v1/chat/completions. Parameters and words that Charter does not know stay in `raw` and reach upstreams
// that speak this dialect; what it knows must have the type that the API gives it.
import { below } from "../../kernel/json-pointer.ts";
import type { ModelCall, ReplyForm, ToolChoice, ToolOffer } from "../conversation.ts";
import type { Draft, JsonObject } from "../wire/fields.ts";
import {
  asObject,
  asText,
  flagIn,
  integerIn,
  isObject,
  knownNumberIn,
  knownWordIn,
  listIn,
  missing,
  neededObjectIn,
  neededTextIn,
  objectIn,
  put,
  textIn,
  unlike,
  wordIn,
} from "../wire/fields.ts";
import { readMessages } from "./messages.ts";

/** What the neutral form holds, and what asks nothing of the answer: who asks, how it is stored, billed or sped up. */
const understood = new Set([
  ..."model messages tools tool_choice parallel_tool_calls functions function_call response_format".split(" "),
  ..."max_tokens max_completion_tokens temperature top_p top_k stop seed n logprobs stream stream_options".split(" "),
  ..."reasoning_effort user metadata store service_tier safety_identifier prediction".split(" "),
  ..."prompt_cache_key prompt_cache_retention frequency_penalty presence_penalty verbosity".split(" "),
]);

/** What many clients send although it asks for the ordinary. */
const ordinary: Readonly<Record<string, unknown>> = {
  top_logprobs: 0,
};

/** The levels of reasoning that may be asked for. */
export const efforts = ["none", "minimal", "low", "medium", "high", "xhigh"] as const;

/** Reads a call. @throws `dialect.invalid` with the JSON pointer of the first wrong value. */
export function readChatCall(body: JsonObject): ModelCall {
  const untranslated: string[] = [];
  const call: Draft<ModelCall> = {
    dialect: "openai-chat",
    raw: body,
    model: neededTextIn(body, "model", ""),
    turns: readMessages(body, untranslated),
    tools: readTools(body, untranslated),
    form: readForm(body, untranslated),
    stop: readStop(body),
    choices: integerIn(body, "n", "", 1) ?? 1,
    stream: flagIn(body, "stream", "") ?? false,
    wantsUsage: false,
  };
  const options = objectIn(body, "stream_options", "");
  if (options !== undefined) call.wantsUsage = flagIn(options, "include_usage", "/stream_options") ?? false;
  put(call, "toolChoice", readToolChoice(body, untranslated));
  put(call, "parallelToolCalls", flagIn(body, "parallel_tool_calls", ""));
  readSampling(body, call, untranslated);
  const others = readEffort(body, call, untranslated);
  noteUnknown(body, others === undefined ? understood : new Set([...understood, others]), ordinary, untranslated);
  if (untranslated.length > 0) call.untranslated = untranslated;
  return call;
}

function readSampling(body: JsonObject, call: Draft<ModelCall>, untranslated: string[]): void {
  // Servers that are not OpenAI's take -1 and 0 for "no limit".
  const limits = ["max_completion_tokens", "max_tokens"].map((key) => integerIn(body, key, "", -1));
  const limit = limits.find((each) => each !== undefined);
  if (limit !== undefined && limit > 0) call.maxOutputTokens = limit;
  put(call, "temperature", knownNumberIn(body, "temperature", 0, 2, untranslated));
  put(call, "topP", knownNumberIn(body, "top_p", 0, 1, untranslated));
  // Not OpenAI's, but of most servers that speak its dialect; -1 and 0 mean "no limit" there.
  const topK = integerIn(body, "top_k", "", -1);
  if (topK !== undefined && topK > 0) call.topK = topK;
  const seed = knownNumberIn(body, "seed", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, untranslated);
  if (seed !== undefined && !Number.isInteger(seed)) throw unlike("/seed", "an integer", seed);
  put(call, "seed", seed);
  put(call, "frequencyPenalty", knownNumberIn(body, "frequency_penalty", -2, 2, untranslated) || undefined);
  put(call, "presencePenalty", knownNumberIn(body, "presence_penalty", -2, 2, untranslated) || undefined);
  put(call, "verbosity", knownWordIn(body, "verbosity", "", verbosities, untranslated));
  put(call, "logprobs", flagIn(body, "logprobs", ""));
}

/** How long answers shall be. */
export const verbosities = ["low", "medium", "high"] as const;

/**
 * The level of reasoning. A word that is not among the common ones is still sent to upstreams of this dialect, which may know
 * it. Where the API's own field is absent, those of OpenRouter (`reasoning`) and of Anthropic (`thinking`) are read.
 * @returns The other field that was understood.
 */
function readEffort(body: JsonObject, call: Draft<ModelCall>, untranslated: string[]): string | undefined {
  const effort = knownWordIn(body, "reasoning_effort", "", efforts, untranslated);
  if (effort !== undefined) call.reasoning = { effort };
  if (effort !== undefined || body["reasoning_effort"] !== undefined) return undefined;
  const { reasoning, thinking } = body;
  if (isObject(reasoning)) {
    const asked = readOtherEffort(reasoning["effort"], reasoning["max_tokens"], reasoning["enabled"] !== false);
    if (asked !== undefined) call.reasoning = asked;
    return asked === undefined ? undefined : "reasoning";
  }
  if (!isObject(thinking)) return undefined;
  const { type, budget_tokens: budget } = thinking;
  const word = type === "adaptive" ? "high" : undefined;
  const asked = readOtherEffort(word, budget, type !== "disabled");
  if (asked !== undefined) call.reasoning = asked;
  return asked === undefined ? undefined : "thinking";
}

function readOtherEffort(word: unknown, budget: unknown, isWanted: boolean): ModelCall["reasoning"] | undefined {
  if (!isWanted) return { effort: "none" };
  const effort = efforts.find((each) => each === word);
  if (effort !== undefined) return { effort };
  return Number.isSafeInteger(budget) && (budget as number) > 0 ? { budgetTokens: budget as number } : undefined;
}

/** Adds the pointers of the parameters that ask for something and are neither understood nor at their ordinary value. */
export function noteUnknown(
  body: JsonObject,
  understood: ReadonlySet<string>,
  ordinary: JsonObject,
  untranslated: string[],
): void {
  for (const key of Object.keys(body)) {
    const value = body[key];
    if (understood.has(key) || value === undefined || value === null || value === ordinary[key]) continue;
    untranslated.push(below("", key));
  }
}

function readStop(body: JsonObject): readonly string[] {
  const stop = body["stop"];
  if (stop === undefined || stop === null) return [];
  if (typeof stop === "string") return [stop];
  if (!Array.isArray(stop)) throw unlike("/stop", "text or a list of texts", stop);
  return stop.map((word, index) => asText(word, `/stop/${index}`));
}

function readTools(body: JsonObject, untranslated: string[]): ToolOffer[] {
  const offers: ToolOffer[] = [];
  for (const [index, item] of (listIn(body, "tools", "") ?? []).entries()) {
    const at = `/tools/${index}`;
    const tool = asObject(item, at);
    const type = neededTextIn(tool, "type", at);
    if (type === "function") offers.push(readOffer(neededObjectIn(tool, "function", at), `${at}/function`));
    else if (type === "custom") {
      offers.push(readFreeOffer(neededObjectIn(tool, "custom", at), `${at}/custom`, untranslated));
    } else untranslated.push(at);
  }
  for (const [index, item] of (listIn(body, "functions", "") ?? []).entries()) {
    const at = `/functions/${index}`;
    offers.push(readOffer(asObject(item, at), at));
  }
  return offers;
}

/** Reads the description of one function; the Responses dialect has the same fields one level higher. */
export function readOffer(from: JsonObject, at: string): ToolOffer {
  const offer: Draft<ToolOffer> = { name: neededTextIn(from, "name", at) };
  put(offer, "description", textIn(from, "description", at));
  put(offer, "parameters", objectIn(from, "parameters", at));
  put(offer, "strict", flagIn(from, "strict", at));
  return offer;
}

/**
 * Reads the description of a tool that takes free text. A grammar is told in words, since no other API holds the model to it.
 */
export function readFreeOffer(from: JsonObject, at: string, untranslated: string[]): ToolOffer {
  const format = objectIn(from, "format", at);
  const inner = format === undefined ? undefined : isObject(format["grammar"]) ? format["grammar"] : format;
  const grammar = inner?.["definition"];
  const words = [textIn(from, "description", at)];
  if (typeof grammar === "string") {
    untranslated.push(`${at}/format`);
    const syntax = inner?.["syntax"];
    words.push(`The input follows this grammar${typeof syntax === "string" ? ` (${syntax})` : ""}:\n${grammar}`);
  }
  const description = words.filter((each) => each !== undefined && each !== "").join("\n\n");
  return {
    name: neededTextIn(from, "name", at),
    ...(description === "" ? {} : { description }),
    parameters: freeParameters,
    isFree: true,
  };
}

const freeParameters = {
  type: "object",
  properties: { input: { type: "string", description: "The whole input of the tool, as free text." } },
  required: ["input"],
  additionalProperties: false,
};

/** Words for which tool is used. */
export const toolWords = ["auto", "none", "required"] as const;

function readToolChoice(body: JsonObject, untranslated: string[]): ToolChoice | undefined {
  const choice = body["tool_choice"];
  if (choice === undefined || choice === null) return readFunctionCall(body);
  // Mistral's word for it.
  if (choice === "any") return "required";
  if (typeof choice === "string") return knownWordIn(body, "tool_choice", "", toolWords, untranslated);
  const object = asObject(choice, "/tool_choice");
  const type = neededTextIn(object, "type", "/tool_choice");
  if (type !== "function" && type !== "custom") {
    untranslated.push("/tool_choice");
    return undefined;
  }
  return { name: neededTextIn(neededObjectIn(object, type, "/tool_choice"), "name", `/tool_choice/${type}`) };
}

/** The older form of `tool_choice`, which has no word for "some function". */
function readFunctionCall(body: JsonObject): ToolChoice | undefined {
  const choice = body["function_call"];
  if (typeof choice === "string") return wordIn(body, "function_call", "", ["auto", "none"] as const);
  const object = objectIn(body, "function_call", "");
  return object === undefined ? undefined : { name: neededTextIn(object, "name", "/function_call") };
}

function readForm(body: JsonObject, untranslated: string[]): ReplyForm {
  const format = objectIn(body, "response_format", "");
  if (format === undefined) return { kind: "text" };
  const types = ["text", "json_object", "json_schema"] as const;
  if (format["type"] === undefined || format["type"] === null) missing("/response_format", "type");
  const type = knownWordIn(format, "type", "/response_format", types, untranslated) ?? "text";
  if (type !== "json_schema") return { kind: type === "text" ? "text" : "json" };
  const at = "/response_format/json_schema";
  return readSchemaForm(neededObjectIn(format, "json_schema", "/response_format"), at);
}

/** Reads a named schema. Its description becomes the schema's own, which every dialect can carry. */
export function readSchemaForm(from: JsonObject, at: string): ReplyForm {
  const description = textIn(from, "description", at);
  const schema = objectIn(from, "schema", at) ?? {};
  return {
    kind: "schema",
    name: neededTextIn(from, "name", at),
    schema: description === undefined ? schema : { description, ...schema },
    strict: flagIn(from, "strict", at) ?? false,
  };
}
