// Parameters that are known and change nothing but the words of an answer, who asks, or how the answer is delivered. Their
// values are free: schemas, texts, tokens. What is neither here nor among the governed ones is unknown.
import type { DialectName } from "../conversation.ts";
import { namesIn } from "./names.ts";

const everywhere =
  "model stream temperature top_p top_k metadata user tools tool_choice stop seed parallel_tool_calls safety_identifier " +
  "prompt_cache_key prompt_cache_options stream_options reasoning thinking cache_control";

const own: Readonly<Record<DialectName, string>> = {
  "openai-chat":
    "messages functions function_call response_format max_tokens max_completion_tokens n best_of logprobs top_logprobs " +
    "logit_bias frequency_penalty presence_penalty reasoning_effort verbosity prediction moderation max_new_tokens num_predict " +
    "reasoning_format include_reasoning reasoning_split enable_thinking thinking_budget chat_template_kwargs min_p top_a typical_p " +
    "repetition_penalty length_penalty min_tokens ignore_eos stop_token_ids skip_special_tokens spaces_between_special_tokens " +
    "include_stop_str_in_output bad_words allowed_token_ids prompt_logprobs add_generation_prompt continue_final_message echo " +
    "guided_json guided_regex guided_choice guided_grammar guided_decoding_backend structured_outputs json_schema regex ebnf grammar " +
    "separate_reasoning stream_reasoning mirostat mirostat_tau mirostat_eta keep_alive format think transforms usage " +
    "safe_prompt prompt_mode random_seed citation_options disable_tool_validation documents max_tool_calls return_token_ids",
  "openai-responses":
    "input instructions max_output_tokens max_tool_calls include text truncation top_logprobs context_management prompt moderation " +
    "client_metadata",
  "anthropic-messages":
    "messages system max_tokens stop_sequences output_config output_format context_management compaction diagnostics betas " +
    "anthropic_version anthropic_beta",
  gemini: "",
  embeddings: "input dimensions encoding_format input_type truncate task",
};

/** Names of the ordinary parameters of a dialect: as the APIs spell them, and in their canonical form. */
export interface OrdinaryNames {
  readonly spelled: ReadonlySet<string>;
  readonly canonical: ReadonlySet<string>;
}

/** The ordinary parameters. */
export const ordinaryNames: Readonly<Record<DialectName, OrdinaryNames>> = {
  "openai-chat": namesOf("openai-chat"),
  "openai-responses": namesOf("openai-responses"),
  "anthropic-messages": namesOf("anthropic-messages"),
  gemini: namesOf("gemini"),
  embeddings: namesOf("embeddings"),
};

function namesOf(dialect: DialectName): OrdinaryNames {
  const words = `${everywhere} ${own[dialect]}`;
  return { spelled: new Set(words.split(" ")), canonical: new Set(namesIn(words)) };
}

/** What has no neutral form and is left out on the way to a provider of another dialect, without changing the answer. */
export const leftOut: Readonly<Record<DialectName, readonly string[]>> = {
  "openai-chat":
    "user metadata store service_tier safety_identifier prediction prompt_cache_key prompt_cache_retention".split(" "),
  "openai-responses":
    "user metadata store service_tier safety_identifier include prompt_cache_key prompt_cache_retention prompt_cache_options max_tool_calls client_metadata".split(
      " ",
    ),
  "anthropic-messages": "metadata service_tier inference_geo speed cache_control diagnostics context_management".split(
    " ",
  ),
  gemini: [],
  embeddings: [],
};
