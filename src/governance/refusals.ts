// Counts, per credential, the attempts that were refused because the caller may not make them. One that goes on and on is
// suspended: its own writes are halted until an admin clears the halt with a reason. Others notice nothing.
import type { ConstitutionLimits } from "../constitution/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import type { Finding } from "./threats/index.ts";

/** Most credentials that are counted at a time; the one that was refused first in its window goes when there are more. */
const mostCounted = 10_000;

/** Counts refusals. */
export class Refusals {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #counted = new Map<string, { count: number; readonly sinceMs: number }>();

  constructor(limits: Pick<ConstitutionLimits, "refusalsMax" | "refusalsWindowSeconds">) {
    this.#limit = limits.refusalsMax;
    this.#windowMs = limits.refusalsWindowSeconds * 1000;
  }

  /** Counts one refusal; the finding with which the credential is to be suspended, once in a window, otherwise undefined. */
  count({ principal, clock }: Ctx): Finding | undefined {
    if (principal.kind === "anonymous") return undefined;
    const nowMs = clock.nowMs();
    const known = this.#counted.get(principal.id);
    const age = nowMs - (known?.sinceMs ?? Number.NEGATIVE_INFINITY);
    if (known === undefined || age < 0 || age >= this.#windowMs) {
      this.#counted.delete(principal.id);
      if (this.#counted.size >= mostCounted) this.#counted.delete(this.#counted.keys().next().value ?? "");
      this.#counted.set(principal.id, { count: 1, sinceMs: nowMs });
      return undefined;
    }
    known.count++;
    if (known.count !== this.#limit) return undefined;
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
