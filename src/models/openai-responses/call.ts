// Reads the body of POST /v1/responses. What it refers to was put in its place before (`src/responses`); where nothing is kept, and of
// what is not kept here, a reference is refused, and so is a response that is worked on later.
import type { CallerTool, ModelCall, ReplyForm, ToolChoice, ToolOffer } from "../conversation.ts";
import { unsupported } from "../wire/faults.ts";
import type { Draft, JsonObject } from "../wire/fields.ts";
import {
  asObject,
  asText,
  flagIn,
  integerIn,
  knownNumberIn,
  knownWordIn,
  listIn,
  missing,
  neededTextIn,
  objectIn,
  put,
  textIn,
  wordIn,
} from "../wire/fields.ts";
import {
  efforts,
  noteUnknown,
  readFreeOffer,
  readOffer,
  readSchemaForm,
  toolWords,
  verbosities,
} from "../openai-chat/call.ts";
import { readInput } from "./items.ts";
import { ownFormOf, ownOffer } from "./own-tools.ts";

/** What the neutral form holds, and what asks nothing of the answer. */
const understood = new Set([
  ..."model input instructions tools tool_choice parallel_tool_calls text max_output_tokens temperature".split(" "),
  ..."top_p reasoning stream stream_options store background include metadata user service_tier".split(" "),
  ..."safety_identifier prompt_cache_key prompt_cache_retention prompt_cache_options max_tool_calls".split(" "),
  // Codex says here who asks; it asks nothing of the answer.
  "client_metadata",
]);

const ordinary: Readonly<Record<string, unknown>> = { truncation: "disabled", top_logprobs: 0 };

/** The extra output that asks for reasoning in a form that can be sent back. */
export const sealedReasoning = "reasoning.encrypted_content";

/**
 * Reads a call.
 * @throws `dialect.invalid` with the JSON pointer of the first wrong value, `dialect.unsupported` for what needs a stored
 * conversation or a tool that Charter does not run.
 */
export function readResponsesCall(body: JsonObject): ModelCall {
  refuseStored(body);
  const untranslated: string[] = [];
  const call: Draft<ModelCall> = {
    dialect: "openai-responses",
    raw: body,
    model: neededTextIn(body, "model", ""),
    turns: readInput(body, untranslated),
    tools: [],
    form: { kind: "text" },
    stop: [],
    choices: 1,
    stream: flagIn(body, "stream", "") ?? false,
    wantsUsage: true,
  };
  call.form = readForm(body, call, untranslated);
  Object.assign(call, allowed(readTools(body, untranslated), readToolChoice(body, untranslated), untranslated));
  put(call, "parallelToolCalls", flagIn(body, "parallel_tool_calls", ""));
  put(call, "maxOutputTokens", integerIn(body, "max_output_tokens", "", 1));
  put(call, "temperature", knownNumberIn(body, "temperature", 0, 2, untranslated));
  put(call, "topP", knownNumberIn(body, "top_p", 0, 1, untranslated));
  readReasoning(body, call, untranslated);
  for (const [index, extra] of (listIn(body, "include", "") ?? []).entries()) {
    if (asText(extra, `/include/${index}`) !== sealedReasoning) untranslated.push(`/include/${index}`);
  }
  noteUnknown(body, understood, ordinary, untranslated);
  if (untranslated.length > 0) call.untranslated = untranslated;
  return call;
}

function refuseStored(body: JsonObject): void {
  flagIn(body, "store", "");
  for (const key of ["previous_response_id", "conversation", "prompt"]) {
    const value = body[key];
    if (value === undefined || value === null) continue;
    throw unsupported(`/${key} refers to something stored, and nothing like it is kept here`, `/${key}`);
  }
  if (flagIn(body, "background", "") === true) {
    throw unsupported("/background asks for an answer later, and no answers are kept here", "/background");
  }
}

function readTools(body: JsonObject, untranslated: string[]): ToolOffer[] {
  return (listIn(body, "tools", "") ?? []).flatMap((item, index) => {
    const at = `/tools/${index}`;
    return readTool(asObject(item, at), at, untranslated);
  });
}

/** What one tool offers: itself, or what stands in the namespace that it is. */
function readTool(tool: JsonObject, at: string, untranslated: string[]): readonly ToolOffer[] {
  const type = neededTextIn(tool, "type", at);
  if (type === "function") return [readOffer(tool, at)];
  if (type === "custom") return [readFreeOffer(tool, at, untranslated)];
  if (type !== "namespace") {
    const own = ownOffer(tool);
    if (own === undefined) untranslated.push(at);
    return own === undefined ? [] : [own];
  }
  const namespace = neededTextIn(tool, "name", at);
  return (listIn(tool, "tools", at) ?? []).flatMap((item, index) => {
    const place = `${at}/tools/${index}`;
    const inner = asObject(item, place);
    if (inner["type"] === "function") return [{ ...readOffer(inner, place), namespace }];
    if (inner["type"] === "custom") return [{ ...readFreeOffer(inner, place, untranslated), namespace }];
    untranslated.push(place);
    return [];
  });
}

/** Some of the tools, of which the model may or must call one. */
interface Allowance {
  readonly mode: "auto" | "required";
  readonly tools: readonly CallerTool[];
}

/** The tools that a choice leaves, and how one of them is chosen. Other APIs have no word for it: what is not allowed is not offered. */
function allowed(
  tools: readonly ToolOffer[],
  choice: ToolChoice | Allowance | undefined,
  untranslated: string[],
): Pick<ModelCall, "tools" | "toolChoice"> {
  if (choice === undefined) return { tools };
  if (typeof choice !== "object" || !("mode" in choice)) return { tools, toolChoice: choice };
  const left = tools.filter((offer) => choice.tools.some((each) => isSame(each, offer)));
  if (left.length > 0) return { tools: left, toolChoice: choice.mode };
  // All that is allowed is the provider's own.
  untranslated.push("/tool_choice");
  return { tools: left };
}

function isSame(one: CallerTool, other: CallerTool): boolean {
  return one.name === other.name && one.namespace === other.namespace && one.form === other.form;
}

/** A tool as a choice names it; undefined for one that a provider runs. */
function namedTool(choice: JsonObject, at: string): CallerTool | undefined {
  const type = neededTextIn(choice, "type", at);
  const form = ownFormOf(type);
  if (form !== undefined) return { name: form, form };
  if (type !== "function" && type !== "custom") return undefined;
  const namespace = textIn(choice, "namespace", at);
  return { name: neededTextIn(choice, "name", at), ...(namespace === undefined ? {} : { namespace }) };
}

function readAllowance(choice: JsonObject): Allowance {
  const at = "/tool_choice";
  const mode = wordIn(choice, "mode", at, ["auto", "required"] as const) ?? "auto";
  const tools = (listIn(choice, "tools", at) ?? missing(at, "tools")).flatMap((each, index) => {
    const place = `${at}/tools/${index}`;
    return namedTool(asObject(each, place), place) ?? [];
  });
  return { mode, tools };
}

function readToolChoice(body: JsonObject, untranslated: string[]): ToolChoice | Allowance | undefined {
  const choice = body["tool_choice"];
  if (typeof choice === "string") return knownWordIn(body, "tool_choice", "", toolWords, untranslated);
  const object = objectIn(body, "tool_choice", "");
  if (object === undefined) return undefined;
  if (neededTextIn(object, "type", "/tool_choice") === "allowed_tools") return readAllowance(object);
  const named = namedTool(object, "/tool_choice");
  if (named === undefined) untranslated.push("/tool_choice");
  return named;
}

function readForm(body: JsonObject, call: Draft<ModelCall>, untranslated: string[]): ReplyForm {
  const text = objectIn(body, "text", "");
  if (text === undefined) return { kind: "text" };
  put(call, "verbosity", knownWordIn(text, "verbosity", "/text", verbosities, untranslated));
  const at = "/text/format";
  const format = objectIn(text, "format", "/text");
  if (format === undefined) return { kind: "text" };
  neededTextIn(format, "type", at);
  const type = knownWordIn(format, "type", at, ["text", "json_object", "json_schema"] as const, untranslated) ?? "text";
  if (type !== "json_schema") return { kind: type === "text" ? "text" : "json" };
  return readSchemaForm(format, at);
}

function readReasoning(body: JsonObject, call: Draft<ModelCall>, untranslated: string[]): void {
  const reasoning = objectIn(body, "reasoning", "");
  if (reasoning === undefined) return;
  const word = textIn(reasoning, "effort", "/reasoning");
  const effort = efforts.find((known) => known === word);
  if (effort !== undefined) call.reasoning = { effort };
  else if (word !== undefined) untranslated.push("/reasoning/effort");
}
