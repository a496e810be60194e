// Which models can be called, where they run, and what is known of them. A catalogue is data: it is read once at the
// start, every part of it is checked, and a provider without a key is there and says that it is not configured.
import type { DataClass } from "../../constitution/index.ts";
import type { DialectName } from "../conversation.ts";
import { familyOf } from "./model-families.ts";
import type { BoundRules } from "./model-families.ts";

/** How a provider is spoken to. */
export type ProviderKind = "openai-compatible" | "anthropic" | "gemini" | "simulated";

/** Which of OpenAI's APIs a server is asked in; `auto` is told apart by provider and model, and by what the server says. */
export type ChatApi = "chat" | "responses" | "auto";

/** A place where models run. */
export interface Provider {
  readonly name: string;
  readonly kind: ProviderKind;
  /** Which API its models are asked in, where its kind has two; `auto` when absent. */
  readonly api?: ChatApi;
  /** Without a slash at the end; empty for one that is not configured or simulated. */
  readonly baseUrl: string;
  /** Secrets; never shown. */
  readonly keys: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  /** Its name in the price lists. */
  readonly priceProvider: string;
  /** What its endpoint costs in percent of the list's prices: 110 where one region has a surcharge. */
  readonly pricePercent: number;
  /** How secret data may be that goes there. */
  readonly maxDataClass: DataClass;
  /** Any of its models may be named as `provider/model`, not only those in the catalogue. */
  readonly open: boolean;
  /** Names that begin so belong to this provider when no deployment has them. */
  readonly modelPrefixes: readonly string[];
  /** Most connections at a time. */
  readonly connections: number;
  /** Why it cannot be used, or undefined when it can. */
  readonly lacks: string | undefined;
}

/** What a token costs, integer micro-dollars for a million. */
export interface TokenPrice {
  readonly inputMicrodollarsPerMillion: number;
  readonly outputMicrodollarsPerMillion: number;
}

/** One model at one provider. */
export interface Deployment {
  readonly name: string;
  readonly title: string;
  readonly tier: number;
  readonly provider: Provider;
  /** The model's name at the provider. */
  readonly model: string;
  readonly serves: "chat" | "embeddings";
  /** Which API it is asked in, where its provider's kind has two; as the provider says when absent. */
  readonly api?: ChatApi;
  /** Published latency, milliseconds; what is measured counts as soon as there is enough of it. */
  readonly latencyMs: number;
  /** The published compliance score; an input of the routing and nothing else. */
  readonly compliancePercent: number;
  /** The published price; null when there is none, which is never the same as free. */
  readonly price: TokenPrice | null;
  readonly contextTokens: number | null;
  /** Output tokens that are asked for, and reserved, when a caller names no number and the budgets have room. */
  readonly maxOutputTokens: number;
  /** The field that limits the output where the dialect has two; by the model's name when it is not said. */
  readonly outputLimitField: "max_tokens" | "max_completion_tokens" | undefined;
  readonly bounds: BoundRules;
  readonly images: boolean;
  readonly tools: boolean;
  readonly tags: readonly string[];
  /** Most calls at a time. */
  readonly concurrency: number;
  readonly note: string | undefined;
}

/** The wire format that each kind of provider speaks. */
const dialects = {
  "openai-compatible": "openai-chat",
  anthropic: "anthropic-messages",
  gemini: "gemini",
  simulated: "openai-chat",
} as const satisfies Record<ProviderKind, DialectName>;

/** The wire format in which a deployment is spoken to; `chat-api.ts` says where it is the other one of its kind. */
export function dialectOf({ provider, serves }: Pick<Deployment, "provider" | "serves">): DialectName {
  return serves === "embeddings" ? "embeddings" : dialects[provider.kind];
}

/** What a deployment that the catalogue does not list is taken for: any model of an open provider. */
export function unlistedDeployment(provider: Provider, model: string, serves: "chat" | "embeddings"): Deployment {
  const family = familyOf(model);
  return {
    name: `${provider.name}/${model}`,
    title: model,
    // Nothing is known of its strength, so the terms of the strongest tier apply to it.
    tier: 5,
    provider,
    model,
    serves,
    latencyMs: 900,
    compliancePercent: 82,
    price: null,
    contextTokens: family.contextTokens,
    maxOutputTokens: family.maxOutputTokens,
    outputLimitField: undefined,
    bounds: family.bounds,
    images: true,
    tools: true,
    tags: [],
    concurrency: defaultConcurrency,
    note: undefined,
  };
}

/** Calls at a time to one deployment when nothing is said: more than one process can keep busy. */
export const defaultConcurrency = 512;
/** Connections at a time to one provider when nothing is said. */
export const defaultConnections = 256;
