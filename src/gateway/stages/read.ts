// Stage 1: reads a call into the neutral form and finds what it asks for and under which terms. Nothing is on record yet.
import { digestsOf } from "../../answer-cache/index.ts";
import type { BodyDigests } from "../../answer-cache/index.ts";
import type { Constitution } from "../../constitution/index.ts";
import { governanceFault } from "../../governance/index.ts";
import { NotCanonicalError } from "../../kernel/canonical-json.ts";
import { seesAll } from "../../kernel/ctx.ts";
import type { Ctx } from "../../kernel/ctx.ts";
import { nearestName } from "../../kernel/nearest.ts";
import { inTurns, TimeSlice } from "../../kernel/time-slice.ts";
import { HalfKeyError, withWholeCharacters } from "../../kernel/whole-characters.ts";
import { modelFault } from "../../models/index.ts";
import type { DialectName, FrontDialect, Lookup } from "../../models/index.ts";
import { checkSize, checkUnknown } from "../call-size.ts";
import { callTermsOf, fallbacksOf, modelOf } from "../call-terms.ts";
import { gatewayFault } from "../errors.ts";
import type { Asked, CallOptions } from "../prepared.ts";

/** A call as it comes in. */
export interface IncomingCall {
  readonly dialect: DialectName;
  readonly body: Readonly<Record<string, unknown>>;
  readonly options: CallOptions;
}

/** What callers speak to the server. */
export type Fronts = Readonly<Partial<Record<DialectName, FrontDialect>>>;

/** What reading needs. */
export interface ReadParts {
  readonly constitution: Constitution;
  readonly lookup: Lookup;
  readonly fronts: Fronts;
}

/** The digests of what is asked. @throws `dialect.invalid` for what is too much or has no canonical form. */
export async function digest({ body }: IncomingCall, signal: AbortSignal): Promise<BodyDigests> {
  checkSize(body);
  try {
    return await digestsOf(body, signal);
  } catch (error) {
    if (signal.aborted) throw gatewayFault("call.aborted", "the caller has gone", {}, error);
    if (!(error instanceof NotCanonicalError)) throw error;
    throw modelFault("dialect.invalid", `the body has no canonical form: ${error.message}`, {
      remedy: "send large integers as strings",
    });
  }
}

/** The call with U+FFFD for every half of a character, which no provider can be sent; its digests are of what came. @throws `dialect.invalid` for half a character in a key. */
export async function whole(incoming: IncomingCall, signal: AbortSignal): Promise<IncomingCall> {
  const stretch = new TimeSlice();
  try {
    return { ...incoming, body: await inTurns(withWholeCharacters(incoming.body, stretch), stretch, signal) };
  } catch (error) {
    if (error instanceof HalfKeyError)
      throw modelFault("dialect.invalid", `the body cannot be sent on: ${error.message}`);
    throw error;
  }
}

/** What a call asks, of whom and under which terms. @throws `dialect.invalid`, `model.not_found`, `product.not_found`. */
export function read({ principal }: Ctx, { dialect, body, options }: IncomingCall, parts: ReadParts): Asked {
  const { constitution, lookup, fronts } = parts;
  const serves = dialect === "embeddings" ? "embeddings" : "chat";
  const { model } = body;
  const product = options.product ?? principal.product;
  // A caller that does not work for all is answered alike about every product but its own, whether or not there is one.
  const isForeign = !seesAll(principal) && product !== principal.product;
  if (product !== null && !isForeign && !Object.hasOwn(constitution.data.products, product)) throw noSuchProduct();
  // That there is no such model is told before what is wrong with the rest: it is what the caller has to change first.
  const terms = callTermsOf(constitution, product, principal);
  const wanted = typeof model === "string" ? lookup.find(modelOf(terms, model), serves) : undefined;
  if (wanted === undefined && isForeign) throw noSuchProduct();
  if (wanted === undefined && typeof model === "string") {
    const nearest = nearestModel(model, lookup);
    const meant = nearest === undefined ? "" : `; did you mean ${JSON.stringify(nearest)}?`;
    throw gatewayFault("model.not_found", `no deployment has this name${meant}`, {
      at: "/model",
      remedy: "choose one of GET /v1/models, or `auto` to let the router choose",
    });
  }
  const call = frontOf(fronts, dialect).readCall(body);
  checkUnknown(call);
  if (wanted === undefined) throw new Error("a call without the name of a model was read");
  const dataClass = options.dataClass ?? constitution.data.gateway.defaultDataClass;
  // Vectors of one model say nothing to those of another, so nothing stands in for a model that embeds.
  const fallbacks = serves === "chat" && wanted.kind === "named" ? fallbacksOf(terms, lookup) : [];
  return { call, product, isForeign, wanted, fallbacks, serves, terms, dataClass, options };
}

/** The listed model that a name may be a slip of: the nearest, or else one of the same family, as its first word says it. */
function nearestModel(name: string, { deployments }: Lookup): string | undefined {
  const names = deployments.map((deployment) => deployment.name);
  const family = /^[a-z]+-/i.exec(name)?.[0];
  return nearestName(name, names) ?? names.find((each) => family !== undefined && each.startsWith(family));
}

/** The API that a caller speaks. */
export function frontOf(fronts: Fronts, dialect: DialectName): FrontDialect {
  const front = fronts[dialect];
  if (front === undefined) throw new Error(`this server does not serve ${dialect}`);
  return front;
}

/** The refusal of a product that there is not, or that the caller may not know of. */
export function noSuchProduct(): Error {
  return governanceFault("product.not_found", "there is no such product", { at: "X-Charter-Product" });
}
