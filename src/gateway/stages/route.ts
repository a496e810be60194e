// Stage 3: reads how hard the question is, where that decides, and ranks who could answer it. No provider is asked.
import type { Constitution } from "../../constitution/index.ts";
import type { Ctx } from "../../kernel/ctx.ts";
import { hasPart, inputTokensInTurns, lastWords, outputTokensOf } from "../../models/index.ts";
import type { Lookup, ModelCall } from "../../models/index.ts";
import type { Analyser } from "../../routing/index.ts";
import { gatewayFault } from "../errors.ts";
import type { DeploymentPool } from "../../deployments/index.ts";
import type { Guarded, Prepared } from "../prepared.ts";
import { route as rank } from "../router.ts";
import type { RouteRequest } from "../router.ts";

/** What routing needs. */
export interface RouteParts {
  readonly constitution: Constitution;
  readonly lookup: Lookup;
  readonly fleet: Pick<DeploymentPool, "healthOf">;
  readonly analyser: Analyser;
}

/** Ranks who could answer a call. */
export async function route(ctx: Ctx, guarded: Guarded, parts: RouteParts): Promise<Prepared> {
  const { constitution, lookup, fleet, analyser } = parts;
  const { call, product, isForeign, wanted, fallbacks, serves, terms, dataClass, options } = guarded;
  const strategy = (wanted.kind === "any" ? wanted.strategy : undefined) ?? options.strategy ?? "balanced";
  const isOpen = wanted.kind === "any" || wanted.kind === "tag";
  const { level, reasons: analysis } = isOpen ? analysed(analyser, call) : { level: 1, reasons: [] };
  const request: RouteRequest = {
    wanted,
    fallbacks,
    serves,
    level,
    strategy,
    dataClass,
    inputTokens: await inputTokensInTurns(call, ctx.signal),
    maxOutputTokens: outputTokensOf(call, 0),
    needsImages: hasPart(call, "image"),
    needsTools: call.tools.length > 0,
  };
  const { score, complianceFloorPercent } = constitution.data.gateway;
  // A foreign product is refused by the gate; until then nothing is said of how its calls go.
  const viewer = isForeign ? ctx.principal.product : product;
  const healthOf = (each: Parameters<DeploymentPool["healthOf"]>[0]) => fleet.healthOf(each, viewer);
  const routed = rank(request, lookup.deployments, healthOf, { terms, score, complianceFloorPercent });
  return { ...guarded, strategy, request, routed, analysis };
}

/** Why there is no candidate: the terms forbid it, or nothing can answer. */
export function noCandidate({ routed: { excluded }, call }: Prepared): Error {
  const reasons = [...new Set(excluded.map(({ deployment, reason }) => `${deployment.name}: ${reason}`))].slice(0, 5);
  const detail = reasons.length === 0 ? `nothing serves ${call.model}` : reasons.join("; ");
  if (excluded.length > 0 && excluded.every(({ byTerms }) => byTerms)) {
    return gatewayFault("model.not_allowed", detail, {
      policies: ["gateway.terms"],
      remedy:
        "choose one of GET /v1/models, use a key that is good for the model, or ask an owner to change the product's terms in the constitution",
    });
  }
  return gatewayFault("model.unavailable", detail, {
    remedy: "configure a provider, or try again when its breaker has closed",
    retryAfterSeconds: 30,
  });
}

function analysed(
  analyser: Analyser,
  call: ModelCall,
): { readonly level: number; readonly reasons: readonly string[] } {
  const { level, score, reasons } = analyser.analyse(lastWords(call), {
    hasTools: call.tools.length > 0,
    hasSchema: call.form.kind === "schema",
    turns: call.turns.length,
  });
  const weighed = reasons.map(
    ({ feature, contribution }) => `${feature} ${contribution >= 0 ? "+" : ""}${contribution.toFixed(3)}`,
  );
  return { level, reasons: [`score ${score.toFixed(3)} is level ${level}`, ...weighed] };
}
