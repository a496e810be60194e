// Which parameters change more than the words of an answer, as data: what each changes, with which values it asks for
// nothing but the ordinary, and who knows it. A gateway may stand before another gateway, and a server that speaks an API
// may take another's parameters, so a name counts at every provider that is sent the caller's own body.
//
// Sources, as of November 2026: the types of OpenAI's and Anthropic's SDKs; the API references of OpenRouter (provider
// routing, plugins, presets, variants, service tiers), Groq, Gemini, xAI, Perplexity, DashScope, Azure OpenAI; the request
// models of vLLM, SGLang, TGI and llama.cpp; LiteLLM's "Clientside LLM credentials" and router settings.
import type { ParameterEffect } from "../../constitution/index.ts";

/** Where a name counts. */
export type Reach =
  /** In the body itself, and in objects that servers merge into it. */
  | "body"
  /** There, and inside every other parameter. */
  | "anywhere";

/** What decides a price other than the tokens. */
export type Measure = "tier" | "speed" | "geo" | "media";

/** One kind of parameter. */
export interface GovernedRow {
  readonly names: string;
  readonly effects: readonly ParameterEffect[];
  readonly counts: Reach;
  /** Values that ask for the ordinary. */
  readonly ordinary?: readonly (string | number | boolean)[];
  /** What its value says about the price. */
  readonly measure?: Measure;
  /** It costs something that no one can say beforehand. */
  readonly unpriced?: true;
  /** What the parts of an object mean; a part that is not here has the effects of the whole. */
  readonly parts?: readonly GovernedPart[];
  /** Who knows it. */
  readonly known: string;
}

/** A part of a parameter with its own meaning. */
export interface GovernedPart {
  readonly names: string;
  readonly effects: readonly ParameterEffect[];
  readonly ordinary?: readonly (string | number | boolean)[];
}

/** Every parameter that is policy. */
export const governedRows: readonly GovernedRow[] = [
  // Which model answers.
  {
    names: "models fallbacks fallback fallback_model fallback_models default_fallbacks context_window_fallbacks",
    effects: ["model"],
    counts: "anywhere",
    known: "OpenRouter, Anthropic, LiteLLM",
  },
  {
    names: "content_policy_fallbacks model_list model_group model_group_alias user_config router_settings_override",
    effects: ["model", "place"],
    counts: "anywhere",
    known: "LiteLLM",
  },
  { names: "preset", effects: ["model"], counts: "anywhere", known: "OpenRouter" },
  { names: "route router routing", effects: ["model", "place"], counts: "body", known: "OpenRouter" },
  {
    names:
      "engine engine_id deployment deployment_id deployment_name azure_deployment model_id model_name model_version",
    effects: ["model"],
    counts: "anywhere",
    known: "Azure OpenAI, LiteLLM",
  },
  {
    names:
      "lora loras lora_id lora_name lora_path lora_request lora_adapter adapter adapter_id adapter_source draft_model",
    effects: ["model"],
    counts: "anywhere",
    known: "TGI, SGLang, llama.cpp",
  },
  {
    names: "assistant_id agent_id bot_id character_slug",
    effects: ["model"],
    counts: "anywhere",
    known: "agents of Venice, Mistral",
  },
  { names: "compound_custom", effects: ["model", "tools"], counts: "anywhere", known: "Groq" },
  // Where it answers, and with whose credential.
  {
    names: "provider providers provider_order provider_preferences",
    effects: ["place"],
    counts: "body",
    known: "OpenRouter",
    parts: [
      { names: "data_collection", effects: ["retention"], ordinary: ["deny"] },
      { names: "zdr enforce_distillable_text", effects: ["retention"], ordinary: [true] },
      { names: "require_parameters", effects: ["place"], ordinary: [true, false] },
      { names: "allow_fallbacks", effects: ["place"], ordinary: [true, false] },
      { names: "max_price", effects: [] },
    ],
  },
  {
    names: "order only ignore sort quantizations allow_fallbacks",
    effects: ["place"],
    counts: "body",
    ordinary: [true, false],
    known: "OpenRouter, Vercel",
  },
  {
    names:
      "api_base base_url api_url api_key api_keys api_version api_type azure_endpoint custom_host custom_llm_provider",
    effects: ["place"],
    counts: "anywhere",
    known: "LiteLLM, Portkey, Azure OpenAI",
  },
  {
    names: "virtual_key byok credentials litellm_credential_name extra_headers extra_query default_headers",
    effects: ["place"],
    counts: "anywhere",
    known: "LiteLLM, Portkey, Vercel",
  },
  {
    names: "azure_ad_token azure_client_id azure_client_secret azure_tenant_id azure_username azure_password",
    effects: ["place"],
    counts: "anywhere",
    known: "LiteLLM",
  },
  {
    names:
      "aws_region_name aws_region aws_access_key_id aws_secret_access_key aws_session_token aws_profile_name aws_role_name",
    effects: ["place"],
    counts: "anywhere",
    known: "LiteLLM",
  },
  {
    names: "aws_bedrock_runtime_endpoint aws_sts_endpoint aws_web_identity_token sagemaker_base_url",
    effects: ["place"],
    counts: "anywhere",
    known: "LiteLLM",
  },
  {
    names:
      "vertex_project vertex_location vertex_ai_project vertex_ai_location vertex_credentials vertex_ai_credentials",
    effects: ["place"],
    counts: "anywhere",
    known: "LiteLLM",
  },
  {
    names:
      "region region_name location organization organization_id org_id workspace_id user_profile_id data_residency",
    effects: ["place"],
    counts: "body",
    known: "Anthropic, OpenAI, LiteLLM",
  },
  { names: "inference_geo", effects: ["place", "price"], counts: "anywhere", measure: "geo", known: "Anthropic" },
  // What it costs.
  {
    names: "service_tier",
    effects: ["price"],
    counts: "anywhere",
    ordinary: ["auto", "default", "standard", "standard_only", "on_demand"],
    measure: "tier",
    known: "OpenAI, Anthropic, Gemini, Groq, OpenRouter",
  },
  {
    names: "speed",
    effects: ["price"],
    counts: "body",
    ordinary: ["standard", "normal"],
    measure: "speed",
    known: "Anthropic",
  },
  { names: "fast_mode", effects: ["price"], counts: "body", ordinary: [false], unpriced: true, known: "brokers" },
  { names: "performance_config", effects: ["price"], counts: "anywhere", unpriced: true, known: "Bedrock" },
  {
    names: "billing_policy fallback_credit_token",
    effects: ["price"],
    counts: "anywhere",
    unpriced: true,
    known: "Anthropic",
  },
  {
    names: "modalities audio image_config",
    effects: ["price"],
    counts: "body",
    ordinary: ["text"],
    measure: "media",
    known: "OpenAI, OpenRouter",
  },
  // What the provider does other than answering.
  {
    names:
      "web_search_options search_options search_parameters search_settings web_search enable_search enable_web_search",
    effects: ["tools", "price"],
    counts: "anywhere",
    ordinary: [false],
    unpriced: true,
    known: "OpenAI, xAI, Groq, DashScope, Venice",
  },
  {
    names:
      "search_domain_filter search_recency_filter search_mode include_domains exclude_domains enable_web_scraping linkup",
    effects: ["tools"],
    counts: "anywhere",
    known: "Perplexity, Groq, Venice",
  },
  {
    names: "plugins builtin_tools server_tools hosted_tools enabled_tools",
    effects: ["tools", "price"],
    counts: "anywhere",
    unpriced: true,
    known: "OpenRouter",
  },
  {
    names: "code_interpreter enable_code_interpreter code_execution google_search google_search_retrieval google_maps",
    effects: ["tools", "price"],
    counts: "anywhere",
    ordinary: [false],
    unpriced: true,
    known: "Gemini, DashScope",
  },
  { names: "logits_processors custom_logit_processor", effects: ["tools"], counts: "anywhere", known: "vLLM, SGLang" },
  { names: "container", effects: ["tools", "retention"], counts: "body", known: "Anthropic" },
  // Which URLs it reads.
  {
    names: "url_context web_fetch",
    effects: ["tools", "fetch"],
    counts: "anywhere",
    ordinary: [false],
    known: "Gemini",
  },
  // To whom it hands the words.
  {
    names: "mcp mcp_servers mcp_server connectors connector_id",
    effects: ["tools", "reach"],
    counts: "anywhere",
    known: "Anthropic, OpenAI",
  },
  { names: "data_sources", effects: ["tools", "reach"], counts: "anywhere", known: "Azure OpenAI" },
  {
    names:
      "webhook webhooks webhook_url callback callbacks callback_url success_callback failure_callback notification_url",
    effects: ["reach"],
    counts: "anywhere",
    known: "LiteLLM, brokers",
  },
  {
    names: "kv_transfer_params bootstrap_host bootstrap_port bootstrap_room remote_host remote_port ec_transfer_params",
    effects: ["reach"],
    counts: "anywhere",
    known: "vLLM, SGLang",
  },
  { names: "server_url host hostname", effects: ["reach"], counts: "anywhere", known: "MCP" },
  // What it keeps.
  { names: "store", effects: ["retention"], counts: "body", ordinary: [false], known: "OpenAI" },
  { names: "background deferred", effects: ["retention"], counts: "body", ordinary: [false], known: "OpenAI, xAI" },
  {
    names: "previous_response_id conversation conversation_id thread thread_id session_params parent_message_id",
    effects: ["retention"],
    counts: "body",
    known: "OpenAI, Anthropic, SGLang",
  },
  {
    names: "prompt_cache_retention",
    effects: ["retention"],
    counts: "body",
    ordinary: ["in_memory", "in-memory"],
    known: "OpenAI",
  },
  {
    names: "cached_content cache_id file_id file_ids vector_store_id vector_store_ids attachments memory memory_id",
    effects: ["retention"],
    counts: "anywhere",
    known: "Gemini, OpenAI",
  },
  { names: "data_collection", effects: ["retention"], counts: "anywhere", ordinary: ["deny"], known: "OpenRouter" },
  {
    names: "zdr zero_data_retention",
    effects: ["retention"],
    counts: "anywhere",
    ordinary: [true],
    known: "OpenRouter, Vercel",
  },
  {
    names: "allow_training data_sharing",
    effects: ["retention"],
    counts: "anywhere",
    ordinary: [false],
    known: "brokers",
  },
];
