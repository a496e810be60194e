// Which deployments to try for a call, in which order, and why. Pure: the same call, catalogue, health and terms give the
// same answer. Promises:
//
// 1. A deployment that the caller's terms or key, the data's class, or the call's needs rule out is never a candidate.
// 2. Every candidate and every excluded deployment has its reasons, in words (`reasonsOf`, `reason`).
// 3. A named model is never replaced by another one but by those that the caller's fallbacks name, in their order, and by none
//    where the rules forbid the model itself.
// 4. Deployments of the wanted tier come first, by score; then those of stronger tiers, nearest first; then weaker ones.
import type { Health } from "../deployments/index.ts";
import { dataClasses } from "../constitution/index.ts";
import type { DataClass, ScoreTerms } from "../constitution/index.ts";
import { fitsPattern } from "../kernel/pattern.ts";
import type { Deployment, Wanted } from "../models/index.ts";
import type { CallTerms } from "./call-terms.ts";
import { tierFor } from "../routing/index.ts";
import type { Strategy } from "../routing/index.ts";

/** What a call needs, as far as the choice of a model goes. */
export interface RouteRequest {
  readonly wanted: Wanted;
  /** Who answers where a named model cannot, one after the other. */
  readonly fallbacks?: readonly (readonly Deployment[])[];
  readonly serves: Deployment["serves"];
  /** How hard the call is, 1 to 5, as the analyser says; only looked at when the router may choose. */
  readonly level: number;
  readonly strategy: Strategy;
  readonly dataClass: DataClass;
  /** About so many tokens go in, and at most so many come out. */
  readonly inputTokens: number;
  readonly maxOutputTokens: number;
  readonly needsImages: boolean;
  readonly needsTools: boolean;
}

/** A deployment that may answer. */
export interface Candidate {
  readonly deployment: Deployment;
  /** Another model than the named one. */
  readonly isFallback?: true;
  /** 0 to 1; higher is better. */
  readonly score: number;
  readonly health: Health;
}

/** What the router says. */
export interface Route {
  /** The tier that the call was meant for; of a named model its own. */
  readonly tier: number;
  /** Why that tier. */
  readonly reasons: readonly string[];
  /** In the order in which they are tried. */
  readonly candidates: readonly Candidate[];
  readonly excluded: readonly { readonly deployment: Deployment; readonly reason: string; readonly byTerms: boolean }[];
}

/** What the constitution says about the choice. */
export interface RouteTerms {
  readonly terms: Pick<CallTerms, "maxTier" | "models" | "keyModels" | "maxDataClass">;
  readonly score: ScoreTerms;
  readonly complianceFloorPercent: number;
}

/** Ranks the deployments for a call. */
export function route(
  request: RouteRequest,
  deployments: readonly Deployment[],
  healthOf: (deployment: Deployment) => Health,
  terms: RouteTerms,
): Route {
  const { wanted } = request;
  const { tier, reasons } = targetTier(request, terms.terms.maxTier);
  const candidates: (Candidate & { readonly distance: number })[] = [];
  const excluded: { deployment: Deployment; reason: string; byTerms: boolean }[] = [];
  const seen = new Set<string>();
  for (const [place, pool] of poolsOf(request, deployments).entries()) {
    // A model that is forbidden is refused, and nothing stands in for it.
    if (place > 0 && candidates.length === 0 && excluded.every(({ byTerms }) => byTerms)) break;
    for (const deployment of pool) {
      if (deployment.serves !== request.serves || seen.has(deployment.name)) continue;
      seen.add(deployment.name);
      const health = healthOf(deployment);
      const ruled = ruledOut(request, deployment, terms);
      const reason = ruled ?? unfitness(request, deployment, health);
      if (reason !== undefined) excluded.push({ deployment, reason, byTerms: ruled !== undefined });
      else {
        const score = scoreOf(deployment, health, terms.score);
        const distance = wanted.kind === "named" ? place : tierDistance(deployment.tier, tier);
        candidates.push({ deployment, score, distance, health, ...(place > 0 && { isFallback: true }) });
      }
    }
  }
  candidates.sort(
    (a, b) => a.distance - b.distance || b.score - a.score || (a.deployment.name < b.deployment.name ? -1 : 1),
  );
  const [first] = candidates;
  return { tier: wanted.kind === "named" ? (first?.deployment.tier ?? tier) : tier, reasons, candidates, excluded };
}

/** Who is looked at: the named model and then each of its fallbacks, or everyone. */
function poolsOf({ wanted, fallbacks = [] }: RouteRequest, all: readonly Deployment[]) {
  return wanted.kind === "named" ? [wanted.deployments, ...fallbacks] : [all];
}

function targetTier({ wanted, strategy, level }: RouteRequest, maxTier: number): { tier: number; reasons: string[] } {
  const bounded = (tier: number, reasons: string[]): { tier: number; reasons: string[] } =>
    tier <= maxTier ? { tier, reasons } : { tier: maxTier, reasons: [...reasons, `the terms end at tier ${maxTier}`] };
  switch (wanted.kind) {
    case "named":
      return { tier: wanted.deployments[0]?.tier ?? 1, reasons: ["the caller named the model"] };
    case "tier":
      return bounded(wanted.tier, [wanted.note ?? `the caller named tier ${wanted.tier}`]);
    case "tag":
      return bounded(tierFor(strategy, level), [
        `the caller named the tag ${wanted.tag}`,
        strategyReason(strategy, level),
      ]);
    default: {
      const note = wanted.note === undefined ? [] : [wanted.note];
      return bounded(tierFor(strategy, level), [...note, strategyReason(strategy, level)]);
    }
  }
}

function strategyReason(strategy: Strategy, level: number): string {
  return `level ${level} under ${strategy} is tier ${tierFor(strategy, level)}`;
}

/** The wanted tier, then stronger ones, then weaker ones, each way nearest first. */
function tierDistance(tier: number, wanted: number): number {
  return tier >= wanted ? tier - wanted : 10 + wanted - tier;
}

function placeOf({ tier }: Deployment, wanted: number): string {
  if (tier === wanted) return `tier ${tier} is wanted`;
  return tier > wanted
    ? `tier ${tier} stands in for tier ${wanted}`
    : `tier ${tier} is the next best below tier ${wanted}`;
}

/** What the rules say against a deployment, whatever its condition. */
function ruledOut({ wanted, dataClass }: RouteRequest, deployment: Deployment, limits: RouteTerms): string | undefined {
  const { terms, complianceFloorPercent } = limits;
  if (wanted.kind === "tag" && !deployment.tags.includes(wanted.tag)) return `it lacks the tag ${wanted.tag}`;
  if (deployment.tier > terms.maxTier) return `the terms end at tier ${terms.maxTier}`;
  if (!lists(terms.models, deployment)) return "the terms do not list it";
  if (!isOfKey(terms, deployment)) return "the key is not good for it";
  if (classOf(dataClass) > classOf(terms.maxDataClass)) return `the terms allow no ${dataClass} data`;
  if (classOf(dataClass) > classOf(deployment.provider.maxDataClass)) {
    return `${dataClass} data may not go to ${deployment.provider.name}`;
  }
  if (deployment.compliancePercent < complianceFloorPercent) {
    return `its compliance of ${deployment.compliancePercent} % is below the floor of ${complianceFloorPercent} %`;
  }
  return undefined;
}

/** Whether terms allow a deployment at all, whatever the data. */
export function mayCall(terms: Pick<CallTerms, "maxTier" | "models" | "keyModels">, deployment: Deployment): boolean {
  return deployment.tier <= terms.maxTier && lists(terms.models, deployment) && isOfKey(terms, deployment);
}

function isOfKey({ keyModels }: Pick<CallTerms, "keyModels">, deployment: Deployment): boolean {
  return keyModels === undefined || lists(keyModels, deployment);
}

function lists(models: readonly string[], deployment: Deployment): boolean {
  return models.some((pattern) => matches(pattern, deployment));
}

/** Whether a pattern of the terms names a deployment; `*` stands for any text. */
function matches(pattern: string, { name, model, provider }: Deployment): boolean {
  if (pattern === "*") return true;
  return [name, model, `${provider.name}/${model}`].some((each) => fitsPattern(pattern, each));
}

function classOf(dataClass: DataClass): number {
  return dataClasses.indexOf(dataClass);
}

/** What the deployment lacks for this call, or why it cannot be reached. */
function unfitness(request: RouteRequest, deployment: Deployment, { state }: Health): string | undefined {
  if (state === "unconfigured") return deployment.provider.lacks ?? "it is not configured";
  if (state === "open") return "its breaker is open";
  if (request.needsImages && !deployment.images) return "it takes no images";
  if (request.needsTools && !deployment.tools) return "it calls no tools";
  const { contextTokens } = deployment;
  if (contextTokens !== null && request.inputTokens + 1 > contextTokens) {
    return `about ${request.inputTokens} tokens do not fit its ${contextTokens}`;
  }
  return undefined;
}

/** How much of the score a deployment loses when it is as busy as it may be; chosen, as much as latency weighs. */
const loadPercent = 10;

/**
 * The predecessor's score: compliance, availability times success, price and latency, each weighed by the constitution;
 * less a part for the calls under way. An unknown price is worth nothing. Measured latency counts before the published one.
 */
export function scoreOf(
  { compliancePercent, price, latencyMs }: Pick<Deployment, "compliancePercent" | "price" | "latencyMs">,
  health: Health,
  terms: ScoreTerms,
): number {
  const availability = health.state === "configured" ? 1 : health.state === "degraded" ? 0.5 : 0;
  const latency = health.latencyMs ?? latencyMs;
  const cost = price === null ? 1 : share(price.outputMicrodollarsPerMillion, terms.priceCeilingMicrodollarsPerMillion);
  return (
    (terms.compliancePercent * (compliancePercent / 100) +
      terms.reliabilityPercent * availability * health.success +
      terms.pricePercent * (1 - cost) +
      terms.latencyPercent * (1 - share(latency, terms.latencyCeilingMs)) -
      loadPercent * health.load) /
    100
  );
}

/** Why a candidate stands where it stands. Said apart from the ranking, since no one reads it for most candidates. */
export function reasonsOf(
  { deployment, score, health, isFallback }: Candidate,
  { tier }: Pick<Route, "tier">,
): readonly string[] {
  const { compliancePercent, price } = deployment;
  const reasons = [
    `compliance ${compliancePercent} %`,
    health.state,
    `success ${(100 * health.success).toFixed(0)} %`,
    price === null ? "price unknown" : `price ${price.outputMicrodollarsPerMillion} per million`,
    `latency ${Math.round(health.latencyMs ?? deployment.latencyMs)} ms`,
    `load ${(100 * health.load).toFixed(0)} %`,
  ];
  const place = isFallback ? "it is a fallback of the named model" : placeOf(deployment, tier);
  return [place, `score ${score.toFixed(4)}: ${reasons.join(", ")}`];
}

function share(value: number, ceiling: number): number {
  return Math.min(1, value / ceiling);
}
