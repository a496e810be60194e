// How many tokens a call is, without making it. Promises:
//
// 1. The call is read, looked through by the guards and held to the product's terms as if it were made, and what these refuse is
//    refused; but it is a read: no leaf, no budget, no cache, and neither breakers nor keys change by how it goes.
// 2. The provider that the call would go to is asked where its API counts. Where it has no such API, or does not answer, the count
//    is Charter's own estimate and says so. Only what the provider finds wrong with the caller's own body is passed on.
import type { Gate } from "../governance/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { parseLossless } from "../kernel/json-exact.ts";
import { writeInTurns } from "../kernel/json-turns.ts";
import { assertSent, counterOf } from "../models/index.ts";
import type { Deployment } from "../models/index.ts";
import type { Deadlines } from "../outbound/index.ts";
import { StatusFault } from "../deployments/index.ts";
import type { DeploymentPool } from "../deployments/index.ts";
import type { Prepared } from "./prepared.ts";
import { noCandidate } from "./stages/route.ts";

/** A count. */
export interface TokenCount {
  readonly inputTokens: number;
  /** It is Charter's own estimate. */
  readonly isEstimate: boolean;
  /** The model, as its provider names it. */
  readonly model: string;
}

/** What counting needs. */
export interface CountParts {
  readonly gate: Gate;
  readonly fleet: DeploymentPool;
  readonly deadlines: Deadlines;
}

/** Longest that a provider is waited for, milliseconds; an estimate in time is worth more than a count. */
const maxWaitMs = 10_000;
/** Largest answer that is read, bytes. */
const maxAnswerBytes = 64 * 1024;
/** Statuses by which a provider says that the body is wrong or too large. */
const bodyStatuses: ReadonlySet<number> = new Set([400, 413, 422]);

/** Counts the tokens of a call that was prepared. @throws What refuses the call itself. */
export async function countTokens(parts: CountParts, ctx: Ctx, prepared: Prepared): Promise<TokenCount> {
  const { product, routed, request, denied } = prepared;
  // Words go to a provider, so a caller that may not call a model may not have them counted either.
  parts.gate.permit(ctx, { kind: "completion", product }, "CREATE");
  if (denied !== undefined) throw denied;
  const [first] = routed.candidates;
  if (first === undefined) throw noCandidate(prepared);
  const { deployment } = first;
  const counted = await askedOf(parts, ctx, prepared, deployment);
  const inputTokens = counted ?? Math.max(1, request.inputTokens);
  return { inputTokens, isEstimate: counted === undefined, model: deployment.model };
}

/** The provider's own count; undefined where it gives none. */
async function askedOf(
  { fleet, deadlines }: CountParts,
  { signal }: Ctx,
  { call, product, parameters }: Prepared,
  deployment: Deployment,
): Promise<number | undefined> {
  const counter = counterOf(deployment);
  if (counter === undefined) return undefined;
  const { model, provider, maxOutputTokens } = deployment;
  const isOwn = counter.name === call.dialect;
  try {
    const target = { model, provider: provider.priceProvider, defaultMaxOutputTokens: maxOutputTokens };
    // A limit of the answer is not counted, and the one that the front door has filled in would be too small for thought.
    const { maxOutputTokens: _, ...asked } = call;
    const wire = counter.write({ ...asked, stream: false }, target);
    assertSent(wire, deployment, parameters.askedOf(counter.name));
    const answer = await fleet.inquire(deployment, {
      product,
      wire,
      body: await writeInTurns(wire.body, signal),
      dialect: counter.dialect,
      passed: isOwn ? parameters.passed : {},
      deadlines: { ...deadlines, totalMs: Math.min(deadlines.totalMs, maxWaitMs) },
      signal: AbortSignal.any([signal, AbortSignal.timeout(maxWaitMs)]),
      maxBytes: maxAnswerBytes,
    });
    return counter.read(parseLossless(answer.toString("utf8")));
  } catch (error) {
    signal.throwIfAborted();
    if (isOwn && error instanceof StatusFault && bodyStatuses.has(error.status)) throw error;
    return undefined;
  }
}
