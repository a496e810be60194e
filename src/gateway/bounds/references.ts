// What in a call stands for more than its bytes: content that the provider fetches or keeps, tools that it runs itself, and
// parameters of which nobody knows what they do. Pure.
//
// 1. A parameter that is in no list here has an unknown effect, whatever its name says.
// 2. Content by reference is bounded by the window of the model; a tool of the provider is not, since each of its turns is
//    billed anew.
import type { ModelCall } from "../conversation.ts";

/** How far the bytes of a call bound it: `bytes` altogether, `window` no more than the model's window does, `none` not at all. */
export interface Reach {
  readonly of: "bytes" | "window" | "none";
  readonly why?: string;
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter((word) => word !== ""));

/** Parameters that change how a model answers, and neither what it reads nor how often it is asked. */
const quiet = words(`
  frequency_penalty presence_penalty repetition_penalty length_penalty no_repeat_ngram_size logit_bias top_logprobs logprobs
  prompt_logprobs verbosity min_p top_a typical_p top_k top_p temperature dynatemp_range mirostat mirostat_eta mirostat_tau
  seed random_seed stop stop_token_ids include_stop_str_in_output ignore_eos min_tokens skip_special_tokens
  spaces_between_special_tokens add_generation_prompt continue_final_message add_special_tokens chat_template_kwargs
  enable_thinking thinking thinking_budget thinking_config reasoning reasoning_format reasoning_effort reasoning_split
  include_reasoning guided_json guided_regex guided_choice guided_grammar guided_decoding_backend structured_outputs grammar
  json_schema format keep_alive truncate max_tokens max_completion_tokens max_new_tokens num_predict max_output_tokens
  priority request_id cache_salt user metadata store safety_identifier prompt_cache_key prompt_cache_retention service_tier
  inference_geo speed parallel_tool_calls tool_choice include text truncation stream_options output_config safe_prompt
  prompt_mode usage provider best_of n audio safety_settings cache_control
`);

/** What a call for embeddings may say without being more than its bytes. */
const quietForEmbeddings = words(`
  model input encoding_format dimensions user input_type task truncate truncation normalized late_chunking embedding_type
  output_dtype output_dimension priority
`);

/** Fields of a message; what else it holds may be anything. */
const ofMessages = words(`
  role content name tool_calls tool_call_id function_call refusal reasoning reasoning_content reasoning_details thinking
  annotations cache_control audio prefix partial
`);

/** Names of content that lies with the provider. */
const kept = words(
  "container previous_response_id conversation prompt cached_content cachedContent file_ids documents",
);

/** Tools whose results the caller sends, although the provider defines them. */
const callersOwnTools = /^(?:custom|function|(?:bash|text_editor|computer|memory)_\d{8}|local_shell|apply_patch)$/;

/** Edits of the context that only take something out of it. */
const clearing = /^clear_/;

/** How far the bytes of a call bound it. */
export function reachOf(call: ModelCall): Reach {
  if (call.dialect === "embeddings") return embeddingsReach(call);
  let window: string | undefined;
  for (const pointer of call.untranslated ?? []) {
    const [first = "", second, ...rest] = pointer.slice(1).split("/").map(plainStep);
    if (first === "tools") {
      if (rest.length > 0 || second === undefined) continue;
      const type = toolType(call.raw, Number(second));
      if (!callersOwnTools.test(type)) return { of: "none", why: `the provider runs a tool of type ${type} itself` };
    } else if (second !== undefined && isContent(first)) {
      if (!isSaidInFull(rest)) window ??= `${pointer} lies with the provider`;
    } else if (kept.has(first)) window ??= `/${first} lies with the provider`;
    else if (!quiet.has(first) && !isContent(first)) {
      return { of: "none", why: `what /${first.slice(0, 64)} costs is not known` };
    }
  }
  const own = ownReach(call);
  if (own !== undefined) return own;
  window ??= unreadOf(call);
  return window === undefined ? { of: "bytes" } : { of: "window", why: window };
}

/** Each text has a window of its own, so what is not known of such a call is bounded by nothing. */
function embeddingsReach({ raw }: ModelCall): Reach {
  const name = Object.keys(raw).find((key) => !quietForEmbeddings.has(key));
  return name === undefined ? { of: "bytes" } : { of: "none", why: `what /${name.slice(0, 64)} costs is not known` };
}

/** What the dialects understand and pass on, and yet costs more than it says. */
function ownReach({ raw }: ModelCall): Reach | undefined {
  const { context_management: edits, modalities, prediction } = raw;
  // Rejected words of a prediction are billed beyond any limit, and none may be named beside it.
  if (prediction !== undefined && prediction !== null) {
    return { of: "none", why: "what /prediction costs is not known" };
  }
  if (edits !== undefined && edits !== null && !clearsOnly(edits)) {
    return { of: "none", why: "what /context_management costs is not known" };
  }
  if (Array.isArray(modalities) && modalities.some((each) => each !== "text" && each !== "audio")) {
    return { of: "none", why: "what /modalities costs is not known" };
  }
  return undefined;
}

function clearsOnly(management: unknown): boolean {
  const edits = (management as { readonly edits?: unknown } | null)?.edits ?? [];
  return (
    Array.isArray(edits) && edits.every((edit) => clearing.test(String((edit as { type?: unknown } | null)?.type)))
  );
}

/** What nobody has looked for in the parts of a call that go upstream as they came. */
function unreadOf({ dialect, raw }: ModelCall): string | undefined {
  const messages = dialect === "openai-chat" ? raw["messages"] : undefined;
  for (const message of Array.isArray(messages) ? (messages as unknown[]) : []) {
    for (const name in message as Record<string, unknown>) {
      if (!ofMessages.has(name)) return `what /${name.slice(0, 64)} of a message costs is not known`;
    }
  }
  return undefined;
}

/** What has no neutral form, but stands in the request with all its words: a speaker's name, another kind of tool call. */
function isSaidInFull(steps: readonly string[]): boolean {
  const last = steps.at(-1);
  return last === "name" || last === "toolset_name" || last === "context" || steps.includes("tool_calls");
}

/** Where the words of a call stand. */
function isContent(first: string): boolean {
  return first === "messages" || first === "system" || first === "input" || first === "instructions";
}

function toolType({ tools }: ModelCall["raw"], index: number): string {
  const tool: unknown = Array.isArray(tools) ? tools[index] : undefined;
  const type = typeof tool === "object" && tool !== null ? (tool as { readonly type?: unknown }).type : undefined;
  return typeof type === "string" ? type.slice(0, 64) : "unknown";
}

function plainStep(step: string): string {
  return step.replaceAll("~1", "/").replaceAll("~0", "~");
}
