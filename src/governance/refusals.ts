// Counts, per credential, the attempts that were refused because the caller may not make them, anywhere or there. One that goes on and on is
// suspended: it changes nothing more, governance included, until an admin clears the halt with its id with a reason.
// Others notice nothing. An application that acts for a person is counted and suspended for that person alone.
import type { ConstitutionLimits, Decision } from "../constitution/index.ts";
import { BoundedMap } from "../kernel/bounded-map.ts";
import { steady } from "../kernel/clock.ts";
import { accountableFor } from "../kernel/ctx.ts";
import type { Ctx, Principal } from "../kernel/ctx.ts";
import type { Fault } from "../kernel/fault.ts";
import { governanceFault } from "./errors.ts";
import type { Halts } from "./halts.ts";
import type { Finding } from "./threats/index.ts";

/** Most credentials that are counted at a time; the one that was refused longest ago goes when there are more. */
const mostCounted = 10_000;

/** Counts refusals. */
export class Refusals {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #counted = new BoundedMap<string, { count: number; readonly sinceMs: number }>(mostCounted);

  constructor(limits: Pick<ConstitutionLimits, "refusalsMax" | "refusalsWindowSeconds">) {
    this.#limit = limits.refusalsMax;
    this.#windowMs = limits.refusalsWindowSeconds * 1000;
  }

  /** Counts one refusal; the finding with which the credential is to be suspended, when it has had too many in the window. */
  count({ principal, clock }: Ctx): Finding | undefined {
    if (principal.kind === "anonymous") return undefined;
    const who = accountableFor(principal);
    const nowMs = steady(clock).nowMs();
    const known = this.#counted.get(who);
    const age = nowMs - (known?.sinceMs ?? Number.NEGATIVE_INFINITY);
    if (known === undefined || age >= this.#windowMs) {
      this.#counted.set(who, { count: 1, sinceMs: nowMs });
      return undefined;
    }
    known.count++;
    if (known.count < this.#limit) return undefined;
    // Once it is cleared, it is counted from the beginning.
    this.#counted.delete(who);
    const detail = `The credential was refused ${this.#limit} times within ${this.#windowMs / 1000} seconds for what it may not do.`;
    return {
      threat: "gate.repeated_refusal",
      severity: "HIGH",
      pattern: "refused_often",
      action: "halt",
      blocks: true,
      detail,
    };
  }
}

/** Articles that say something of a request or of the moment, and not of what its caller may do. */
const ofRequests: ReadonlySet<string> = new Set([
  "RULE_04_PROVENANCE_LOCKED",
  "RULE_06_GOVERNANCE_LOCKS",
  "RULE_07_LEGAL_DEFENSIBILITY",
]);

/** Whether the constitution denies what the caller may not do, or may not do there. */
export function reachesTooFar({ allow, articles }: Decision): boolean {
  return !allow && !articles.some((article) => ofRequests.has(article));
}

/** By which id a caller is suspended: by itself, as the person that an application acts for, or as what belongs to one that is. */
export function suspensionOf(halts: Pick<Halts, "suspends">, principal: Principal): string | undefined {
  const { id, owner } = principal;
  return [id, accountableFor(principal), owner].find((each) => each !== undefined && halts.suspends(each));
}

/** The refusal of a suspended credential. */
export function credentialSuspended(id: string): Fault {
  return governanceFault("credential.suspended", `${id} is suspended and changes nothing; it may read on`, {
    remedy:
      "see GET /v1/halts for the reason, and ask an admin to clear it with a recorded one (charter halts clear ID)",
  });
}
