// The built-in models: one for each tier and one for embeddings, for a server that has no key of any provider yet. They
// say in every answer that they are simulated.
import type { GatewayTerms } from "../../constitution/index.ts";
import { defaultConcurrency } from "./catalogue.ts";
import type { Deployment, Provider } from "./catalogue.ts";
import { defaultBounds, defaultMaxOutputTokens } from "./model-families.ts";

/** The provider of the built-in models. */
export const simulatedProvider: Provider = {
  name: "simulated",
  kind: "simulated",
  baseUrl: "",
  keys: [],
  headers: {},
  priceProvider: "simulated",
  pricePercent: 100,
  // They run inside this process.
  maxDataClass: "restricted",
  open: false,
  modelPrefixes: [],
  connections: defaultConcurrency,
  lacks: undefined,
};

/** Nothing is computed, so nothing is charged. */
const free = { inputMicrodollarsPerMillion: 0, outputMicrodollarsPerMillion: 0 };

/** The built-in models. */
export function simulatedDeployments(tiers: GatewayTerms["tiers"]): readonly Deployment[] {
  const common = {
    provider: simulatedProvider,
    latencyMs: 1,
    // As good as any in its tier: with one deployment in each, nothing is compared.
    compliancePercent: 95,
    price: free,
    contextTokens: 128_000,
    maxOutputTokens: defaultMaxOutputTokens,
    outputLimitField: undefined,
    bounds: defaultBounds,
    images: true,
    tools: true,
    tags: ["simulated"],
    concurrency: defaultConcurrency,
    note: "Built in and simulated: no model computes these answers.",
  };
  return [
    ...tiers.map(({ tier, name }) => ({
      ...common,
      name: `simulated-${name}`,
      title: `Simulated ${name}`,
      tier,
      model: `simulated-${name}`,
      serves: "chat" as const,
    })),
    {
      ...common,
      name: "simulated-embedding",
      title: "Simulated embedding",
      tier: 1,
      model: "simulated-embedding",
      serves: "embeddings",
    },
  ];
}
