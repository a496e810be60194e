// The words of the predecessor's router over the same gateway: a query in, a tier and a model out. Costs are in dollars
// there, as a number; the integer micro-dollars are added.
import type { DataClass } from "../constitution/index.ts";
import type { Deployment } from "../models/index.ts";
import type { CallOptions } from "./prepared.ts";
import type { Route } from "./router.ts";
import type { Strategy } from "../routing/index.ts";

/** A query as `POST /route` and `POST /execute` take it, its names spelled as they are inside. */
export interface RouterQuery {
  readonly query: string;
  readonly strategy?: Strategy;
  /** 1000 when absent. */
  readonly maxTokens?: number;
  /** 0.7 when absent. */
  readonly temperature?: number;
  readonly dataClass?: DataClass;
}

/** The predecessor's defaults. */
const defaults = { maxTokens: 1000, temperature: 0.7 };
/** Micro-dollars in a dollar. */
const dollar = 1_000_000;

/** A query as a chat. */
export function chatOf({ query, maxTokens, temperature }: RouterQuery): Record<string, unknown> {
  return {
    model: "auto",
    messages: [{ role: "user", content: query }],
    max_tokens: maxTokens ?? defaults.maxTokens,
    temperature: temperature ?? defaults.temperature,
  };
}

/** A query's options. */
export function optionsOf({ strategy, dataClass }: RouterQuery, options: CallOptions): CallOptions {
  return {
    ...options,
    ...(strategy === undefined ? {} : { strategy }),
    ...(dataClass === undefined ? {} : { dataClass }),
  };
}

/** What `POST /route` answers. */
export function routeAnswer(
  { maxTokens }: RouterQuery,
  { candidates }: Route,
  constitutionHash: string,
): object | undefined {
  const [first] = candidates;
  if (first === undefined) return undefined;
  const { deployment, health } = first;
  const { price } = deployment;
  // The predecessor's formula: price of a token times the most tokens.
  const microdollars =
    price === null
      ? null
      : Math.round(((maxTokens ?? defaults.maxTokens) * price.outputMicrodollarsPerMillion) / dollar);
  return {
    ...named(deployment),
    estimated_cost: microdollars === null ? null : microdollars / dollar,
    estimated_cost_microdollars: microdollars,
    estimated_latency_ms: Math.round(health.latencyMs ?? deployment.latencyMs),
    constitutional_compliance_score: deployment.compliancePercent / 100,
    constitutional_hash: constitutionHash,
  };
}

/** How the predecessor names a deployment. */
export function named({ tier, name, title }: Pick<Deployment, "tier" | "name" | "title">) {
  return { tier, model_id: name, model_name: title };
}

/** A cost in dollars, as the predecessor gives it. */
export function dollars(microdollars: number | null): number | null {
  return microdollars === null ? null : microdollars / dollar;
}
