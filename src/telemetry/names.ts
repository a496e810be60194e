// Every name that leaves Charter as telemetry, in one table. The names of the OpenTelemetry conventions for generative AI
// are still in development and are renamed from time to time: a rename is an edit of this file and of nothing else.
//
// Source: the convention's own repository, open-telemetry/semantic-conventions-genai, docs/gen-ai/client-inference.md and
// changelog.d, as of November 2026. It has replaced `gen_ai.system` by `gen_ai.provider.name`, the histogram
// `gen_ai.client.token.usage` by counters, and `gen_ai.client.operation.*` by `gen_ai.client.inference.*` and
// `gen_ai.client.embeddings.*`. What it does not name begins with `charter.`.

/** Attributes of spans and labels of metrics. */
export const attributes = {
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  requestModel: "gen_ai.request.model",
  requestStream: "gen_ai.request.stream",
  responseModel: "gen_ai.response.model",
  finishReasons: "gen_ai.response.finish_reasons",
  firstChunk: "gen_ai.response.time_to_first_chunk",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  cacheReadTokens: "gen_ai.usage.cache_read.input_tokens",
  cacheWriteTokens: "gen_ai.usage.cache_write.input_tokens",
  reasoningTokens: "gen_ai.usage.reasoning.output_tokens",
  modality: "gen_ai.token.modality",
  error: "error.type",
  serviceName: "service.name",
  serviceVersion: "service.version",
  requestId: "charter.request.id",
  charterOperation: "charter.operation",
  deployment: "charter.deployment",
  tier: "charter.tier",
  strategy: "charter.strategy",
  outcome: "charter.outcome",
  cache: "charter.cache",
  product: "charter.product",
  attempts: "charter.attempts",
  microdollars: "charter.cost.microdollars",
  estimated: "charter.usage.estimated",
  overhead: "charter.overhead",
  status: "charter.upstream.status",
  state: "charter.breaker.state",
  effect: "charter.parameter.effect",
  unit: "charter.budget.unit",
  window: "charter.budget.window",
} as const;

/** An attribute, by its name in this file. */
export type AttributeKey = keyof typeof attributes;

/** A metric as OpenTelemetry describes it. */
export interface MetricName {
  readonly name: string;
  /** A unit of UCUM; the empty string where things are counted. */
  readonly unit: "" | "s" | "By" | "1";
  readonly kind: "counter" | "gauge" | "histogram";
  readonly help: string;
}

/** The metrics. */
export const metrics = {
  parameters: {
    name: "charter.parameters",
    unit: "",
    kind: "counter",
    help: "Calls that asked for more than words, by what that changes; `unknown` for parameters that nothing is known of.",
  },
  calls: { name: "charter.calls", unit: "", kind: "counter", help: "Calls of models that have ended." },
  inferenceDuration: {
    name: "gen_ai.client.inference.duration",
    unit: "s",
    kind: "histogram",
    help: "Time from a request to the end of its answer or failure.",
  },
  embeddingsDuration: {
    name: "gen_ai.client.embeddings.duration",
    unit: "s",
    kind: "histogram",
    help: "Time from a request for embeddings to the end of its answer or failure.",
  },
  firstChunk: {
    name: "gen_ai.client.inference.time_to_first_chunk",
    unit: "s",
    kind: "histogram",
    help: "Time from a request to the first piece of its streamed answer.",
  },
  perChunk: {
    name: "gen_ai.client.inference.time_per_output_chunk",
    unit: "s",
    kind: "histogram",
    help: "Mean time between two pieces of a streamed answer, one observation for each answer.",
  },
  inputTokens: {
    name: "gen_ai.client.inference.usage.input_tokens",
    unit: "",
    kind: "counter",
    help: "Billable input tokens, those read from and written to a provider's cache included.",
  },
  outputTokens: {
    name: "gen_ai.client.inference.usage.output_tokens",
    unit: "",
    kind: "counter",
    help: "Billable output tokens, reasoning included.",
  },
  cacheReadTokens: {
    name: "gen_ai.client.inference.usage.cache_read.input_tokens",
    unit: "",
    kind: "counter",
    help: "The part of the input tokens that was read from a provider's cache.",
  },
  cacheWriteTokens: {
    name: "gen_ai.client.inference.usage.cache_write.input_tokens",
    unit: "",
    kind: "counter",
    help: "The part of the input tokens that was written to a provider's cache.",
  },
  reasoningTokens: {
    name: "gen_ai.client.inference.usage.reasoning.output_tokens",
    unit: "",
    kind: "counter",
    help: "The part of the output tokens that was spent on reasoning.",
  },
  overhead: {
    name: "charter.overhead",
    unit: "s",
    kind: "histogram",
    help: "Time that Charter added to a call: all that was not spent waiting for a provider.",
  },
  cost: {
    name: "charter.cost.microdollars",
    unit: "",
    kind: "counter",
    help: "Cost of calls whose price is known, in millionths of a US dollar.",
  },
  unpriced: {
    name: "charter.calls.unpriced",
    unit: "",
    kind: "counter",
    help: "Calls whose price is unknown; they are not in the cost.",
  },
  estimated: {
    name: "charter.calls.estimated",
    unit: "",
    kind: "counter",
    help: "Calls whose usage is an estimate because the provider reported none that could be believed.",
  },
  beyondBound: {
    name: "charter.calls.beyond_bound",
    unit: "",
    kind: "counter",
    help: "Calls of which a provider reported more than their bound; its rules for the deployment are wrong.",
  },
  cacheLookups: {
    name: "charter.cache.lookups",
    unit: "",
    kind: "counter",
    help: "Calls by what the cache of answers had for them.",
  },
  attempts: { name: "charter.attempts", unit: "", kind: "counter", help: "Attempts at a provider, by how they ended." },
  attemptDuration: {
    name: "charter.attempt.duration",
    unit: "s",
    kind: "histogram",
    help: "Time of one attempt at a provider, of a streamed answer until its first piece.",
  },
  retries: { name: "charter.retries", unit: "", kind: "counter", help: "Attempts after the first of their call." },
  errors: { name: "charter.errors", unit: "", kind: "counter", help: "Calls that were refused or failed, by code." },
  breakerState: {
    name: "charter.breaker.state",
    unit: "",
    kind: "gauge",
    help: "1 for the state that a deployment's breaker is in, 0 for the others; `other` counts breakers.",
  },
  inFlight: { name: "charter.deployment.in_flight", unit: "", kind: "gauge", help: "Calls under way at a deployment." },
  load: {
    name: "charter.deployment.load",
    unit: "1",
    kind: "gauge",
    help: "Calls under way at a deployment as a share of what it takes.",
  },
  cacheEntries: {
    name: "charter.cache.entries",
    unit: "",
    kind: "gauge",
    help: "Answers that this process holds for reuse.",
  },
  cacheMemory: {
    name: "charter.cache.memory",
    unit: "By",
    kind: "gauge",
    help: "Memory of the answers that this process holds for reuse.",
  },
  budgetLeft: {
    name: "charter.budget.left",
    unit: "",
    kind: "gauge",
    help: "What may still be used under the tightest budget of a product, in the budget's unit.",
  },
  budgetLimit: {
    name: "charter.budget.limit",
    unit: "",
    kind: "gauge",
    help: "The limit of the tightest budget of a product, in the budget's unit.",
  },
  loopDelay: {
    name: "nodejs.eventloop.delay.p99",
    unit: "s",
    kind: "gauge",
    help: "Delay of the event loop since the last reading, 99th percentile.",
  },
  loopUtilization: {
    name: "nodejs.eventloop.utilization",
    unit: "1",
    kind: "gauge",
    help: "Share of the time since the last reading in which the event loop was busy.",
  },
  residentMemory: {
    name: "process.memory.usage",
    unit: "By",
    kind: "gauge",
    help: "Resident memory of the process.",
  },
} as const satisfies Readonly<Record<string, MetricName>>;

/** A metric, by its name in this file. */
export type MetricKey = keyof typeof metrics;

/** The conventions' name of what an operation of the API asks of a model. */
export function operationName(operation: string): "chat" | "embeddings" {
  return operation === "embedding.create" ? "embeddings" : "chat";
}

const unitSuffixes = { "": "", s: "_seconds", By: "_bytes", "1": "_ratio" } as const;

/**
 * The name of a metric in Prometheus, as OpenTelemetry derives it: what is not a letter, digit or underscore becomes an
 * underscore, then follow the unit and, for a counter, `_total`.
 * Source: OpenTelemetry specification, compatibility/prometheus_and_openmetrics.md, "Metric Metadata".
 */
export function prometheusName({ name, unit, kind }: MetricName): string {
  const stem = labelName(name);
  const suffix = unit === "1" && kind !== "gauge" ? "" : unitSuffixes[unit];
  return `${stem}${stem.endsWith(suffix) ? "" : suffix}${kind === "counter" ? "_total" : ""}`;
}

/** The name of an attribute as a label of Prometheus. */
export function labelName(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_]/g, "_");
}
