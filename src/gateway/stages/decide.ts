// Stage 4: the gate decides and begins the act, and the call's session begins with it. The intent is on its way into the ledger
// while the call goes on.
import type { BodyDigests } from "../../answer-cache/index.ts";
import type { Budgets } from "../../budgets/index.ts";
import type { Gate } from "../../governance/index.ts";
import type { Ctx } from "../../kernel/ctx.ts";
import { CallBodies } from "../bodies.ts";
import type { BodyKeeper } from "../bodies.ts";
import { CallSession } from "../call-session.ts";
import type { SessionParts } from "../call-session.ts";
import type { Prepared } from "../prepared.ts";
import { CallReservations } from "../call-reservations.ts";
import { noCandidate } from "./route.ts";

/** What deciding needs. */
export interface DecideParts extends Pick<SessionParts, "prices" | "ruleTrusts" | "observer"> {
  readonly gate: Gate;
  readonly budgets: Budgets;
  /** Keeps what is said, for products that opt in. */
  readonly keeper: BodyKeeper;
}

/** Begins a call. @throws What the gate refuses, on record. */
export async function decide(
  ctx: Ctx,
  prepared: Prepared,
  asked: { readonly raw: Prepared["call"]["raw"]; readonly digests: BodyDigests; readonly startMs: number },
  parts: DecideParts,
): Promise<CallSession> {
  const routedMs = performance.now();
  const { raw, digests, startMs } = asked;
  const { call, product, terms, findings, options } = prepared;
  const begun = await parts.gate.begin(ctx, {
    operation: ctx.operation,
    resource: `model/${call.model}`,
    action: "CREATE",
    target: { kind: "completion", product },
    digest: digests.prompt,
  });
  const { project } = options;
  const reservations = new CallReservations(parts.budgets, {
    product,
    ...(project === undefined ? {} : { project }),
    key: ctx.principal.id,
  });
  const type = terms.keepBodiesAs;
  const isKept = type !== null && product !== null;
  const session = new CallSession({
    ctx,
    prepared,
    asked: { ...digests, raw },
    begun,
    startMs,
    reservations,
    bodies: isKept ? new CallBodies(parts.keeper, { ctx, product, type, asked: raw }) : undefined,
    prices: parts.prices,
    ruleTrusts: parts.ruleTrusts,
    observer: parts.observer,
  });
  session.phase("route", startMs, { endMs: routedMs });
  session.phase("decision", routedMs);
  session.found(findings);
  return session;
}

/** @throws Why a call that is on record goes no further: the guards, the terms, or a want of candidates. */
export function assertAllowed({ prepared }: CallSession): void {
  if (prepared.denied !== undefined) throw prepared.denied;
  if (prepared.routed.candidates.length === 0) throw noCandidate(prepared);
}
