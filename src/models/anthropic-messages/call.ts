// Reads the body of POST /v1/messages. Parameters that Charter does not know stay in `raw` and reach upstreams that speak
// this dialect; those that it knows must have the type that the API gives them.
import { below } from "../../kernel/json-pointer.ts";
import type { ModelCall, ReplyForm, ToolChoice, ToolOffer, Turn } from "../conversation.ts";
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
  neededObjectIn,
  neededNameIn,
  neededTextIn,
  objectIn,
  put,
  textIn,
} from "../wire/fields.ts";
import { readBlocks, readCacheControl } from "./blocks.ts";
import { invalid } from "../wire/faults.ts";

/** What the neutral form holds, and what asks nothing of the answer: who asks, how it is stored, billed or sped up. */
const understood = new Set([
  ..."model messages system max_tokens stop_sequences temperature top_p top_k stream tools tool_choice".split(" "),
  ..."thinking output_config output_format".split(" "),
  ..."metadata service_tier inference_geo speed cache_control diagnostics context_management".split(" "),
]);

/** Fields of an offered tool that say nothing about what it takes or when it may be called. */
const understoodOfTools = new Set(
  "type name description input_schema strict cache_control eager_input_streaming input_examples".split(" "),
);

/** Reads a call. @throws `dialect.invalid` with the JSON pointer of the first wrong value. */
export function readMessagesCall(body: JsonObject): ModelCall {
  const untranslated: string[] = [];
  const call: Draft<ModelCall> = {
    dialect: "anthropic-messages",
    raw: body,
    model: neededTextIn(body, "model", ""),
    turns: readTurns(body, untranslated),
    tools: readTools(body, untranslated),
    form: readForm(body, untranslated),
    // 0 asks for nothing but a warm cache.
    maxOutputTokens: integerIn(body, "max_tokens", "", 0) ?? missing("", "max_tokens"),
    stop: (listIn(body, "stop_sequences", "") ?? []).map((word, i) => asText(word, `/stop_sequences/${i}`)),
    choices: 1,
    stream: flagIn(body, "stream", "") ?? false,
    wantsUsage: true,
  };
  put(call, "temperature", knownNumberIn(body, "temperature", 0, 2, untranslated));
  put(call, "topP", knownNumberIn(body, "top_p", 0, 1, untranslated));
  put(call, "topK", integerIn(body, "top_k", "", 0));
  objectIn(body, "metadata", "");
  readToolChoice(body, call, untranslated);
  put(call, "reasoning", readReasoning(body, untranslated));
  for (const key of Object.keys(body)) {
    if (!understood.has(key) && body[key] !== null) untranslated.push(below("", key));
  }
  if (untranslated.length > 0) call.untranslated = untranslated;
  return call;
}

function readTurns(body: JsonObject, untranslated: string[]): Turn[] {
  const turns: Turn[] = [];
  const system = body["system"];
  if (system !== undefined && system !== null) {
    turns.push({ role: "system", parts: readBlocks(system, "/system", untranslated) });
  }
  const messages = listIn(body, "messages", "") ?? missing("", "messages");
  if (messages.length === 0) throw invalid("/messages", "/messages must hold at least one message");
  for (const [index, item] of messages.entries()) {
    const at = `/messages/${index}`;
    const message = asObject(item, at);
    neededNameIn(message, "role", at);
    const role = knownWordIn(message, "role", at, ["user", "assistant", "system"], untranslated) ?? "user";
    turns.push({ role, parts: readBlocks(message["content"], `${at}/content`, untranslated) });
  }
  return turns;
}

function readTools(body: JsonObject, untranslated: string[]): ToolOffer[] {
  const offers: ToolOffer[] = [];
  for (const [index, item] of (listIn(body, "tools", "") ?? []).entries()) {
    const at = `/tools/${index}`;
    const tool = asObject(item, at);
    readCacheControl(tool, at);
    // Every other type is a tool that the provider defines, and mostly runs, itself.
    if ((textIn(tool, "type", at) ?? "custom") !== "custom") {
      untranslated.push(at);
      continue;
    }
    const offer: Draft<ToolOffer> = {
      name: neededTextIn(tool, "name", at),
      parameters: neededObjectIn(tool, "input_schema", at),
    };
    put(offer, "description", textIn(tool, "description", at));
    put(offer, "strict", flagIn(tool, "strict", at));
    offers.push(offer);
    for (const key of Object.keys(tool)) {
      const asked = tool[key] !== null && tool[key] !== false;
      if (asked && !understoodOfTools.has(key)) untranslated.push(below(at, key));
    }
  }
  return offers;
}

function readToolChoice(body: JsonObject, call: Draft<ModelCall>, untranslated: string[]): void {
  const at = "/tool_choice";
  const from = objectIn(body, "tool_choice", "");
  if (from === undefined) return;
  neededTextIn(from, "type", at);
  const type = knownWordIn(from, "type", at, ["auto", "any", "tool", "none"], untranslated);
  if (type !== undefined) {
    const choices: Readonly<Record<typeof type, () => ToolChoice>> = {
      auto: () => "auto",
      any: () => "required",
      none: () => "none",
      tool: () => ({ name: neededTextIn(from, "name", at) }),
    };
    call.toolChoice = choices[type]();
  }
  const single = flagIn(from, "disable_parallel_tool_use", at);
  if (single !== undefined) call.parallelToolCalls = !single;
}

/** The form stands in `output_config.format`; `output_format` is its older place. */
function readForm(body: JsonObject, untranslated: string[]): ReplyForm {
  const config = objectIn(body, "output_config", "");
  const newer = config === undefined ? undefined : objectIn(config, "format", "/output_config");
  const format = newer ?? objectIn(body, "output_format", "");
  if (format === undefined) return { kind: "text" };
  const at = newer === undefined ? "/output_format" : "/output_config/format";
  neededTextIn(format, "type", at);
  if (knownWordIn(format, "type", at, ["json_schema"], untranslated) === undefined) return { kind: "text" };
  return { kind: "schema", name: "reply", schema: neededObjectIn(format, "schema", at), strict: true };
}

function readReasoning(body: JsonObject, untranslated: string[]): ModelCall["reasoning"] | undefined {
  const config = objectIn(body, "output_config", "");
  const asked =
    config === undefined
      ? undefined
      : knownWordIn(config, "effort", "/output_config", ["low", "medium", "high", "xhigh", "max"], untranslated);
  const effort = asked === "max" ? "xhigh" : asked;
  const thinking = objectIn(body, "thinking", "");
  const at = "/thinking";
  const type = thinking === undefined ? undefined : (textIn(thinking, "type", at) ?? missing(at, "type"));
  switch (type) {
    case "enabled": {
      const budgetTokens = integerIn(thinking ?? {}, "budget_tokens", at, 0) ?? missing(at, "budget_tokens");
      return effort === undefined ? { budgetTokens } : { effort, budgetTokens };
    }
    case "disabled":
      return { effort: "none" };
    case "adaptive":
      // The API's own default.
      return { effort: effort ?? "high" };
    case "between_tools":
    case undefined:
      return effort === undefined ? undefined : { effort };
    default:
      untranslated.push(`${at}/type`);
      return effort === undefined ? undefined : { effort };
  }
}
