// What OpenTelemetry's conventions for generative AI call providers.

/** Providers that the conventions call otherwise than catalogues do. */
const providerNames: ReadonlyMap<string, string> = new Map([
  ["gemini", "gcp.gemini"],
  ["mistral", "mistral_ai"],
  ["moonshot", "moonshot_ai"],
  ["xai", "x_ai"],
]);

/** The conventions' name of a provider, or its own where they have none. */
export function providerName(name: string): string {
  return providerNames.get(name) ?? name;
}
