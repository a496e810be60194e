// What tests of the routing begin with: a deployment that anything may go to, a call that anything may answer, and terms that
// allow everything.
import { defaultConstitutionDir, loadConstitution } from "../../../src/constitution/index.ts";
import { unlistedDeployment } from "../../../src/models/catalogue/catalogue.ts";
import type { Deployment, Provider } from "../../../src/models/catalogue/index.ts";
import type { Health } from "../../../src/deployments/index.ts";
import type { RouteRequest, RouteTerms } from "../../../src/gateway/router.ts";

/** How the default constitution scores. */
export const { score: defaultScore } = loadConstitution(defaultConstitutionDir()).data.gateway;

/** A provider that is there. */
export const provider: Provider = {
  name: "up",
  kind: "openai-compatible",
  baseUrl: "http://127.0.0.1:9/v1",
  keys: [],
  headers: {},
  priceProvider: "up",
  pricePercent: 100,
  maxDataClass: "restricted",
  open: true,
  modelPrefixes: [],
  connections: 1,
  lacks: undefined,
};

/** A deployment of the third tier. */
export const deployment = (name: string, more: Partial<Deployment> = {}): Deployment => ({
  ...unlistedDeployment(provider, `org/${name}`, "chat"),
  name,
  tier: 3,
  compliancePercent: 90,
  latencyMs: 90,
  ...more,
});

/** Nothing is wrong with it. */
export const well: Health = { state: "configured", success: 1, load: 0, latencyMs: null };

/** Terms that allow everything but what is said. */
export const termsOf = (more: Partial<RouteTerms["terms"]> = {}, floor = 82): RouteTerms => ({
  terms: { maxTier: 5, models: ["*"], maxDataClass: "restricted", ...more },
  score: defaultScore,
  complianceFloorPercent: floor,
});

/** A call that leaves everything to the router but what is said. */
export const request = (more: Partial<RouteRequest> = {}): RouteRequest => ({
  wanted: { kind: "any" },
  serves: "chat",
  level: 3,
  strategy: "balanced",
  dataClass: "internal",
  inputTokens: 100,
  maxOutputTokens: 100,
  needsImages: false,
  needsTools: false,
  ...more,
});
