// Writes a call to an upstream that speaks the Responses dialect: the caller's own body where it came in this dialect,
// otherwise one built from the neutral form. Nothing is stored there.
import type { ModelCall, Part, ReplyForm, Target, Turn, WireRequest } from "../conversation.ts";
import { unsupported } from "../wire/faults.ts";
import { isObject, put } from "../wire/fields.ts";
import { Losses, resultTurn } from "../wire/losses.ts";
import { effortOf, tellCircumstances } from "../openai-chat/request.ts";
import { unsealReasoning } from "./seal.ts";
import { writeMedia } from "../openai-chat/media.ts";

type Item = Record<string, unknown>;

/** The request for one call. @throws `dialect.unsupported` for what a response cannot say. */
export function writeResponsesCall(call: ModelCall, target: Target): WireRequest {
  const own = call.dialect === "openai-responses";
  const losses = new Losses(call, target);
  const body = own ? ownBody(call, target) : builtBody(call, target, losses);
  if (call.maxOutputTokens === undefined) put(body, "max_output_tokens", target.outputLimit);
  return { path: "/responses", headers: {}, body, ...(own ? {} : { dropped: losses.names }) };
}

/**
 * The caller's own body. Nothing is stored at the provider, so an item that only an id stands for is left out: a reference, and
 * reasoning without a seal of the provider's.
 */
function ownBody({ raw }: ModelCall, target: Target): Item {
  const { input } = raw;
  const body: Item = { ...raw, model: target.model, store: false };
  if (Array.isArray(input) && input.some(isOnlyId)) body["input"] = input.filter((item) => !isOnlyId(item));
  return body;
}

function isOnlyId(item: unknown): boolean {
  if (!isObject(item)) return false;
  const { type, encrypted_content: seal } = item;
  if (type === "item_reference") return true;
  return type === "reasoning" && (typeof seal !== "string" || unsealReasoning(seal) !== undefined);
}

function builtBody(call: ModelCall, target: Target, losses: Losses): Item {
  if (call.inputs !== undefined) throw unsupported("the Responses API cannot embed texts");
  losses.leaveUntranslated(call);
  leaveUnsayable(call, losses);
  const body: Item = { model: target.model, input: writeInput(call.turns, losses), store: false };
  if (call.tools.length > 0) {
    // Functions are strict here unless they say otherwise; elsewhere it is the other way round.
    body["tools"] = call.tools.map(({ parameters = null, strict = false, ...offer }) => {
      return { type: "function", ...offer, parameters, strict };
    });
    const choice = call.toolChoice;
    put(body, "tool_choice", typeof choice === "object" ? { type: "function", name: choice.name } : choice);
    put(body, "parallel_tool_calls", call.parallelToolCalls);
  }
  const text = { ...writeForm(call.form), ...(call.verbosity === undefined ? {} : { verbosity: call.verbosity }) };
  if (Object.keys(text).length > 0) body["text"] = text;
  put(body, "max_output_tokens", call.maxOutputTokens);
  put(body, "temperature", call.temperature);
  put(body, "top_p", call.topP);
  const effort = effortOf(call);
  if (effort !== undefined) body["reasoning"] = { effort };
  losses.leaveCircumstances(
    call,
    tellCircumstances(call, body, () => true),
  );
  if (call.stream) body["stream"] = true;
  return body;
}

function leaveUnsayable(call: ModelCall, losses: Losses): void {
  const asked: readonly (readonly [boolean, name: string, what: string])[] = [
    [call.topK !== undefined, "top_k", "limit sampling to the top k tokens"],
    [call.stop.length > 0, "stop", "stop at given words"],
    [call.seed !== undefined, "seed", "sample from a given seed"],
    [call.choices > 1, "n", "answer more than once"],
    [call.logprobs === true, "logprobs", "give the tokens' probabilities in the form asked for"],
    [call.frequencyPenalty !== undefined, "frequency_penalty", "punish repetition"],
    [call.presencePenalty !== undefined, "presence_penalty", "punish repetition"],
  ];
  for (const [isAsked, name, what] of asked) if (isAsked) losses.leave(name, `the Responses API cannot ${what}`);
}

function writeForm(form: ReplyForm): Item | undefined {
  if (form.kind === "text") return undefined;
  if (form.kind === "json") return { format: { type: "json_object" } };
  return { format: { type: "json_schema", name: form.name, schema: form.schema, strict: form.strict } };
}

function writeInput(turns: readonly Turn[], losses: Losses): Item[] {
  const items: Item[] = [];
  for (const turn of turns) {
    let pending: Item[] = [];
    const flush = (): void => {
      if (pending.length > 0) items.push({ role: turn.role, content: pending });
      pending = [];
    };
    for (const part of turn.parts) {
      if (part.kind === "foreign" && turn.role === "assistant") {
        losses.refuse(part);
        continue;
      }
      const item = turn.role === "system" ? undefined : itemOf(part, losses);
      if (item === undefined) {
        const content = losses.say(part, turn, {
          say: (each) => contentOf(each, turn.role),
          note: (text) => contentOf({ kind: "text", text }, turn.role),
        });
        if (content !== undefined) pending.push(content);
        continue;
      }
      flush();
      items.push(item);
    }
    flush();
  }
  return items;
}

/** The parts that are items of their own. */
function itemOf(part: Part, losses: Losses): Item | undefined {
  if (part.kind === "tool_call") {
    return { type: "function_call", call_id: part.id, name: part.name, arguments: part.arguments };
  }
  if (part.kind !== "tool_result") return undefined;
  const [only] = part.parts;
  const plain = only === undefined ? "" : part.parts.length === 1 && only.kind === "text" ? only.text : undefined;
  const output: Item[] | string =
    plain ??
    part.parts.flatMap((inner): Item[] => {
      const content = losses.say(inner, resultTurn, {
        say: (each) => contentOf(each, "user"),
        note: (text) => contentOf({ kind: "text", text }, "user"),
      });
      return content === undefined ? [] : [content];
    });
  return { type: "function_call_output", call_id: part.id, output: part.isError === true ? failed(output) : output };
}

/** There is no field that says that a tool failed, so the words say it. */
function failed(output: Item[] | string): Item[] | string {
  return typeof output === "string" ? `Error: ${output}` : [{ type: "input_text", text: "Error:" }, ...output];
}

/** A part of a message; reasoning of earlier turns, which only its own provider can use, is left out. */
function contentOf(part: Part, role: Turn["role"]): Item | undefined {
  if (part.kind === "reasoning") return undefined;
  if (role === "assistant") {
    if (part.kind === "text") return { type: "output_text", text: part.text };
    if (part.kind === "refusal") return { type: "refusal", refusal: part.text };
  } else if (part.kind === "text") return { type: "input_text", text: part.text };
  else if (part.kind === "image" && role === "user") {
    return { type: "input_image", image_url: writeMedia(part.source), detail: part.detail ?? "auto" };
  } else if (part.kind === "file" && role === "user") {
    const file: Item = { type: "input_file" };
    put(file, "filename", part.name);
    file[part.source.kind === "url" ? "file_url" : "file_data"] = writeMedia(part.source);
    return file;
  }
  throw unsupported(`a part of kind ${part.kind} cannot be said by the ${role} in the Responses API`);
}
