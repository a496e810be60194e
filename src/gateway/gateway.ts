// The gateway: one call of a model from the caller's words to the last byte of the answer. Promises:
//
// 1. Every call is an act: decided before it runs, on record before a byte of its answer leaves, and ended once, with what
//    it used, what it cost, why it went where it went, and the digests of what was asked and answered.
// 2. Room in the budgets is reserved before a provider is asked, and settled with what was used, however the call ends.
// 3. An answer of one product is never shown to another.
// 4. A call whose credential ends, or whose product is halted, ends with that reason: what it has used is charged and on
//    record, and what is left of its answer is not given.
// 5. What a caller may not have, and what cannot be given, is refused with the reason and without asking any provider.
import type { Receipted } from "../governance/index.ts";
import type { Counter } from "../identity/index.ts";
import type { Clock } from "../kernel/clock.ts";
import { seesAll } from "../kernel/ctx.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { TimeSlice, yieldToEventLoop } from "../kernel/time-slice.ts";
import { RuleTrusts, servesByName } from "../models/index.ts";
import type { Deployment, DialectName, TokenPrice } from "../models/index.ts";
import { formChecker } from "../structured-output/index.ts";
import type { AttemptParts } from "./attempts.ts";
import type { CallSession } from "./call-session.ts";
import { checkSize } from "./call-size.ts";
import { aliased, callTermsOf } from "./call-terms.ts";
import type { DeploymentPool, KeyCheck } from "../deployments/index.ts";
import type { CallOptions, Prepared } from "./prepared.ts";
import { headInTime } from "./early-head.ts";
import { checkProviders } from "./key-checks.ts";
import { mayCall } from "./router.ts";
import type { Health } from "../deployments/index.ts";
import { embedded } from "./semantic-lookup.ts";
import { admit } from "./stages/admit.ts";
import { attempt } from "./stages/attempt.ts";
import { cache } from "./stages/cache.ts";
import type { CacheParts } from "./stages/cache.ts";
import { assertAllowed, decide } from "./stages/decide.ts";
import type { DecideParts } from "./stages/decide.ts";
import { deliver } from "./stages/deliver.ts";
import type { DeliverParts } from "./stages/deliver.ts";
import { guard } from "./stages/guard.ts";
import { limit } from "./stages/limit.ts";
import { digest, frontOf, noSuchProduct, read, whole } from "./stages/read.ts";
import type { IncomingCall, ReadParts } from "./stages/read.ts";
import { reserve } from "./stages/reserve.ts";
import { route } from "./stages/route.ts";
import type { RouteParts } from "./stages/route.ts";
import { reasonOf, settle, settleFailure } from "./stages/settle.ts";
import type { ModelAnswer } from "./stages/settle.ts";
import { countTokens } from "./token-count.ts";
import type { TokenCount } from "./token-count.ts";

interface StageParts extends ReadParts, RouteParts, DecideParts, CacheParts, AttemptParts, DeliverParts {
  readonly fleet: DeploymentPool;
  readonly ruleTrusts: RuleTrusts;
  readonly counter: Counter;
}

/** What the gateway is made of. */
export interface GatewayParts extends Omit<StageParts, "random" | "ruleTrusts" | "forms" | "embed"> {
  readonly clock: Clock;
  readonly random?: () => number;
}

/** A deployment, how it stands, and what its tokens cost; null when no price is known. */
export interface ModelStatus {
  readonly deployment: Deployment;
  readonly health: Health;
  readonly rates: TokenPrice | null;
  /** False for a model of which the catalogue says nothing: it is known by what its provider says. */
  readonly isListed: boolean;
}

/** How much work it is to look up one model's price for the first time, in the characters of `TimeSlice`. */
const statusWork = 512;

/** The gateway. */
export class Gateway {
  readonly #parts: StageParts;

  constructor(parts: GatewayParts) {
    this.#parts = {
      ...parts,
      random: parts.random ?? Math.random,
      ruleTrusts: new RuleTrusts(),
      forms: formChecker(),
      // The question is embedded by its own call, which goes through all stages.
      embed: (session, text) => embedded(this, parts.lookup, session, text),
    };
  }

  /** The deployments at work. */
  get fleet(): DeploymentPool {
    return this.#parts.fleet;
  }

  /** The deployments that the caller's terms and key allow, with how they stand and what they cost. */
  models(ctx: Ctx): readonly ModelStatus[] {
    const { constitution, lookup } = this.#parts;
    const aliases = aliased(callTermsOf(constitution, ctx.principal.product, ctx.principal), lookup);
    const own = lookup.deployments.filter(({ name }) => !aliases.has(name));
    const named = [...aliases].flatMap(([name, meant]) => this.#statuses(ctx, meant).slice(0, 1).map(calledAs(name)));
    return [...this.#statuses(ctx, own), ...named];
  }

  /** The models of open providers that the catalogue does not list, as far as the providers say, the terms and the key allow. */
  async openModels(ctx: Ctx): Promise<readonly ModelStatus[]> {
    const { constitution, lookup, fleet } = this.#parts;
    const asked = lookup.providers.filter(({ open, lacks }) => open && lacks === undefined);
    const offers = await Promise.all(asked.map(async (each) => lookup.offered(each, await fleet.modelsOf(each))));
    const aliases = aliased(callTermsOf(constitution, ctx.principal.product, ctx.principal), lookup);
    const found: ModelStatus[] = [];
    const stretch = new TimeSlice();
    for (const offer of offers.flat().filter(({ name }) => !aliases.has(name))) {
      if (stretch.isOver(statusWork)) await yieldToEventLoop(stretch);
      found.push(...this.#statuses(ctx, [offer], false));
    }
    return found;
  }

  /** The deployment that has a name, or that an open provider would have under it; undefined where the terms allow none. */
  model(ctx: Ctx, name: string): ModelStatus | undefined {
    const { constitution, lookup } = this.#parts;
    const aliases = aliased(callTermsOf(constitution, ctx.principal.product, ctx.principal), lookup);
    const meant = aliases.get(name);
    if (meant !== undefined) return this.#statuses(ctx, meant).map(calledAs(name))[0];
    const listed = lookup.deployments.filter((deployment) => deployment.name === name);
    if (listed.length > 0) return this.#statuses(ctx, listed)[0];
    return this.#statuses(ctx, lookup.unlisted(name, servesByName(name)), false)[0];
  }

  /** Asks every provider, or one, whether it knows the server's keys; on record. @throws `provider.not_found`. */
  checkProviders(ctx: Ctx, name?: string): Promise<Receipted<readonly KeyCheck[]>> {
    return checkProviders(this.#parts, ctx, name);
  }

  /** Whose deployment a name in budgets and reports is; null for one that there is no more. */
  providerOf(deployment: string): string | null {
    return this.#parts.lookup.providerOf(deployment);
  }

  #statuses({ principal }: Ctx, deployments: readonly Deployment[], isListed = true): readonly ModelStatus[] {
    const { product } = principal;
    const { constitution, fleet, prices } = this.#parts;
    const terms = callTermsOf(constitution, product, principal);
    return deployments
      .filter((deployment) => mayCall(terms, deployment))
      .map((deployment) => ({
        deployment,
        health: seesAll(principal) ? fleet.overallHealthOf(deployment) : fleet.healthOf(deployment, product),
        rates: prices.rates(deployment.provider.priceProvider, deployment.model) ?? deployment.price,
        isListed,
      }));
  }

  /** Reads a call and ranks who could answer it, without asking any provider. @throws `dialect.invalid`, `model.not_found`. */
  async prepare(
    ctx: Ctx,
    dialect: DialectName,
    body: Readonly<Record<string, unknown>>,
    options: CallOptions,
  ): Promise<Prepared> {
    checkSize(body);
    const own = ctx.principal.product;
    if (own !== null && options.product !== undefined && options.product !== own) throw noSuchProduct();
    return this.#prepare(ctx, await whole({ dialect, body, options }, ctx.signal));
  }

  /** How many tokens a call is; no model answers it. @throws What would refuse the call. */
  async count(
    ctx: Ctx,
    dialect: DialectName,
    body: Readonly<Record<string, unknown>>,
    options: CallOptions,
  ): Promise<TokenCount> {
    return countTokens(this.#parts, ctx, await this.prepare(ctx, dialect, body, options));
  }

  /** Answers a call. @throws What refused it or kept it from being answered; the record of it is durable by then. */
  async call(
    ctx: Ctx,
    dialect: DialectName,
    body: Readonly<Record<string, unknown>>,
    options: CallOptions,
  ): Promise<ModelAnswer> {
    const parts = this.#parts;
    const startMs = performance.now();
    const incoming = { dialect, body, options };
    const digests = await digest(incoming, ctx.signal);
    const prepared = await this.#prepare(ctx, digests.mayHoldHalves ? await whole(incoming, ctx.signal) : incoming);
    const session = await decide(ctx, prepared, { raw: body, digests, startMs }, parts);
    try {
      assertAllowed(session);
      await limit(session, parts);
    } catch (error) {
      return this.#failed(session, error);
    }
    const answering = this.#answer(session);
    const isAwaited = session.call.stream && options.admitted === undefined;
    return isAwaited ? headInTime(session, answering, frontOf(parts.fronts, dialect)) : answering;
  }

  /** The answer to a call that was let in. */
  async #answer(session: CallSession): Promise<ModelAnswer> {
    const parts = this.#parts;
    try {
      const turn = await cache(session, parts);
      const isShared = turn.kind === "hit" || turn.kind === "follow";
      if (isShared && session.letIn()) await admit(session);
      const answer = isShared ? turn : await attempt(session, await reserve(session, parts), parts);
      const delivered = await deliver(session, answer, parts);
      return await settle(session, delivered);
    } catch (error) {
      return this.#failed(session, error);
    }
  }

  #failed(session: CallSession, error: unknown): Promise<never> {
    session.abandoned(error);
    return settleFailure(session, reasonOf(session, error));
  }

  async #prepare(ctx: Ctx, incoming: IncomingCall): Promise<Prepared> {
    const asked = read(ctx, incoming, this.#parts);
    const guarded = await guard(ctx, asked, this.#parts);
    return await route(ctx, guarded, this.#parts);
  }
}

/** A model under the name that a caller has for it. */
function calledAs(name: string): (status: ModelStatus) => ModelStatus {
  return (status) => ({ ...status, deployment: { ...status.deployment, name } });
}
