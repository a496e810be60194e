// What is done with a call before anybody is asked and before anything is recorded: it is read, looked through, and ranked.
import type { Constitution, ModelTerms } from "../constitution/index.ts";
import { governanceFault } from "../governance/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import type { Analyser } from "../routing/index.ts";
import { hasPart, lastWords, outputTokensOf, inputTokensInTurns } from "../models/index.ts";
import type { Lookup, Wanted, DialectName, FrontDialect, ModelCall } from "../models/index.ts";
import { holderOf } from "../kernel/fair-share.ts";
import { endOf } from "../kernel/standing.ts";
import { gatewayFault } from "./errors.ts";
import { assess } from "./parameters/index.ts";
import type { Fleet } from "./fleet.ts";
import { guardCall, refusedNames } from "../guards/index.ts";
import type { GuardedCall } from "../guards/index.ts";
import type { CallOptions, Prepared } from "./prepared.ts";
import { route } from "./router.ts";
import type { RouteRequest } from "./router.ts";

/** What preparing needs. */
export interface PreparationParts {
  readonly constitution: Constitution;
  readonly lookup: Lookup;
  readonly fleet: Fleet;
  readonly analyser: Analyser;
  readonly fronts: Readonly<Partial<Record<DialectName, FrontDialect>>>;
}

/** Prepares calls. */
export class Preparation {
  readonly #parts: PreparationParts;

  constructor(parts: PreparationParts) {
    this.#parts = parts;
  }

  /** What a product's calls are held to; `null` stands for callers of no product. */
  termsOf(product: string | null): ModelTerms {
    const { products, gateway } = this.#parts.constitution.data;
    const own = product === null || !Object.hasOwn(products, product) ? undefined : products[product]?.models;
    if (own === undefined) return gateway.terms;
    return { ...gateway.terms, ...own, parameters: { ...gateway.terms.parameters, ...own.parameters } };
  }

  /** Reads a call and ranks who could answer it, without asking anybody. @throws `dialect.invalid`, `model.not_found`, `guard.denied`. */
  async prepare(
    ctx: Ctx,
    dialect: DialectName,
    body: Readonly<Record<string, unknown>>,
    options: CallOptions,
  ): Promise<Prepared> {
    const own = ctx.principal.product;
    if (own !== null && options.product !== undefined && options.product !== own) throw noSuchProduct();
    return this.read(ctx, dialect, body, options);
  }

  /** The same without looking whose product is named: that is the gate's to refuse, on record. */
  async read(
    ctx: Ctx,
    dialect: DialectName,
    body: Readonly<Record<string, unknown>>,
    options: CallOptions,
  ): Promise<Prepared> {
    const { constitution, lookup, fleet, fronts } = this.#parts;
    const front = fronts[dialect];
    if (front === undefined) throw new Error(`nobody speaks ${dialect} to this server`);
    const asked = front.readCall(body);
    const product = options.product ?? ctx.principal.product;
    // Whoever belongs to a product is answered alike about every other one, whether or not there is such a product.
    const isForeign = ctx.principal.product !== null && product !== ctx.principal.product;
    if (product !== null && !isForeign && !Object.hasOwn(constitution.data.products, product)) {
      throw noSuchProduct();
    }
    const serves = dialect === "embeddings" ? "embeddings" : "chat";
    const wanted = lookup.find(asked.model, serves);
    if (wanted === undefined && isForeign) throw noSuchProduct();
    if (wanted === undefined) {
      throw gatewayFault("model.not_found", "no deployment has this name", {
        at: "/model",
        remedy: "choose one of GET /v1/models, or `auto` to let the router choose",
      });
    }
    const terms = this.termsOf(product);
    const dataClass = options.dataClass ?? constitution.data.gateway.defaultDataClass;
    const { passed } = options;
    const unlisted = unlistedName(wanted, lookup);
    const refused = isForeign ? undefined : refusedNames({ "/model": unlisted, ...passed }, terms.guards);
    if (refused !== undefined) throw refused;
    const parameters = assess({ call: asked, passed, terms, dataClass, unlisted });
    const { call, findings, denied } = await guarded(ctx, asked, terms);
    const strategy = (wanted.kind === "any" ? wanted.strategy : undefined) ?? options.strategy ?? "balanced";
    const open = wanted.kind === "any" || wanted.kind === "tag";
    const analysis = open ? this.#analyse(call) : undefined;
    const request: RouteRequest = {
      wanted,
      serves,
      level: analysis?.level ?? 1,
      strategy,
      dataClass,
      inputTokens: await inputTokensInTurns(call, ctx.signal),
      maxOutputTokens: outputTokensOf(call, 0),
      needsImages: hasPart(call, "image"),
      needsTools: call.tools.length > 0,
    };
    const { score, complianceFloorPercent } = constitution.data.gateway;
    // A foreign product is refused by the gate; until then nothing is said of how it fares.
    const viewer = isForeign ? ctx.principal.product : product;
    const routed = route(request, lookup.deployments, (each) => fleet.healthOf(each, viewer), {
      terms,
      score,
      complianceFloorPercent,
    });
    return {
      call,
      product,
      terms,
      strategy,
      request,
      routed,
      analysis: analysis?.reasons ?? [],
      findings,
      parameters,
      denied: parameters.refused ?? denied,
    };
  }

  #analyse(call: ModelCall): { readonly level: number; readonly reasons: readonly string[] } {
    const { level, score, reasons } = this.#parts.analyser.analyse(lastWords(call), {
      hasTools: call.tools.length > 0,
      hasSchema: call.form.kind === "schema",
      turns: call.turns.length,
    });
    return {
      level,
      reasons: [
        `score ${score.toFixed(3)} is level ${level}`,
        ...reasons.map(
          ({ feature, contribution }) => `${feature} ${contribution >= 0 ? "+" : ""}${contribution.toFixed(3)}`,
        ),
      ],
    };
  }
}

/** A call as the guards let it pass. @throws `call.aborted` when the caller has gone before they were through. */
async function guarded({ signal, principal }: Ctx, call: ModelCall, { guards }: ModelTerms): Promise<GuardedCall> {
  try {
    return await guardCall(call, guards, signal, holderOf(principal.product));
  } catch (error) {
    if (!signal.aborted) throw error;
    throw endOf(signal) ?? gatewayFault("call.aborted", "the caller has gone", {}, error);
  }
}

/** The name of a model at its provider where the caller made it up; undefined for what the catalogue lists. */
function unlistedName(wanted: Wanted, { deployments }: Lookup): string | undefined {
  if (wanted.kind !== "named") return undefined;
  return wanted.deployments.find((each) => !deployments.includes(each))?.model;
}

function noSuchProduct(): Error {
  return governanceFault("product.not_found", "there is no such product", { at: "X-Charter-Product" });
}
