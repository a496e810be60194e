// A refusal in words: which fault a denied or blocked attempt becomes, what it may tell, and what would make it pass.
import type { Decision } from "../constitution/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import type { Fault } from "../kernel/fault.ts";
import { storageRetrySeconds } from "../kernel/limits.ts";
import type { Attempt } from "./attempt.ts";
import { governanceFault } from "./errors.ts";
import type { Finding } from "./threats/index.ts";

/** When to come back after too many unfinished uploads, seconds; the oldest of them is soon forgotten. */
const throttledRetrySeconds = 60;

/** The fault for a denied or blocked attempt; a thing of another product is answered as if it did not exist. */
export function refusal(
  ctx: Ctx,
  attempt: Pick<Attempt, "action" | "target">,
  decision: Decision,
  findings: readonly Finding[],
): Fault {
  const foreign = ctx.principal.product !== null && attempt.target.product !== ctx.principal.product;
  if ((foreign && attempt.target.product !== null) || findings.some(({ conceal }) => conceal === true)) {
    return governanceFault("product.not_found", "there is no such product");
  }
  // Those that blocked, and no others: how full the storage is, say, would tell one product what the others store.
  const blocking = findings.filter(({ blocks }) => blocks);
  const seen = blocking.map(({ threat, severity, detail }) => ({ threat, severity, detail }));
  if (!decision.allow) {
    if (decision.pending !== undefined) {
      return governanceFault("approval.required", decision.reasons.join(" "), {
        articles: decision.articles,
        policies: decision.policies,
        remedy: `the ${decision.pending.by} has to approve this; this server cannot take approvals yet`,
        ...(seen.length > 0 ? { findings: seen } : {}),
      });
    }
    const halted = decision.articles.includes(haltedBy);
    return governanceFault(halted ? "governance.halted" : "governance.denied", decision.reasons.join(" "), {
      articles: decision.articles,
      policies: decision.policies,
      remedy: remedyOf(decision, `${ctx.principal.kind} ${attempt.action}`),
      ...(seen.length > 0 ? { findings: seen } : {}),
    });
  }
  if (blocking.every(({ threat, severity }) => threat === "T1_STORAGE_EXHAUSTION" && severity === "CRITICAL")) {
    return governanceFault("storage.halted", blocking.map(({ detail }) => detail).join(" "), {
      findings: seen,
      remedy: "wait until the operators have added storage; reads go on",
      retryAfterSeconds: storageRetrySeconds,
    });
  }
  if (blocking.every(({ action }) => action === "throttle")) {
    return governanceFault("governance.throttled", blocking.map(({ detail }) => detail).join(" "), {
      findings: seen,
      remedy: "finish what was begun, and come back when the unfinished uploads are a few minutes old",
      retryAfterSeconds: throttledRetrySeconds,
    });
  }
  return governanceFault("governance.threat", blocking.map(({ detail }) => detail).join(" "), {
    findings: seen,
    remedy: "remove what the findings name and send the request again",
  });
}

/** The article by which halted writes are refused. */
const haltedBy = "RULE_06_GOVERNANCE_LOCKS";

/** What would make the attempt pass, by the article that stands in its way. */
function remedyOf({ articles }: Decision, attempted: string): string {
  if (articles.includes(haltedBy)) return "ask an owner to clear the halt with a recorded reason (charter halts clear)";
  if (articles.includes("RULE_01_WRITE_ONLY"))
    return "create a new artifact, derived from this one; none is ever changed";
  if (articles.includes("RULE_04_PROVENANCE_LOCKED")) {
    return "send every required field, and none that only the server sets";
  }
  return `nothing in the constitution lets a principal of kind ${attempted} this; use another credential or operation`;
}
