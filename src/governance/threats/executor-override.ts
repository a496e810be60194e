// T5: an executor leaves its scope (RULE_08), or anyone asks for an exception that no one may grant (RULE_10).
import type { Action } from "../../constitution/index.ts";
import { findingOf } from "./threat.ts";
import type { Detector, FindingDraft } from "./threat.ts";

const threat = "T5_EXECUTOR_OVERRIDE";

/** The scope of an executor, by the rule book. */
const executorScope: ReadonlySet<Action> = new Set(["CREATE", "READ", "APPROVE_INTEGRATION"]);

/** Finds executors outside their scope and requests for an override. */
export const executorOverride: Detector = {
  id: threat,
  summary: "An executor acts outside CREATE, READ and APPROVE_INTEGRATION, or a request asks for an override.",
  looksAt: "caller",
  detect({ principal, action, flags }) {
    const drafts: FindingDraft[] = [];
    if (principal.kind === "executor" && !executorScope.has(action)) {
      const detail = `An executor may create, read and approve integrations; ${action} is outside its scope.`;
      drafts.push({ threat, severity: "CRITICAL", pattern: "governance_bypass", action: "reject", detail });
    }
    if (flags.overrideAttempted) {
      const detail = "The request asks for an override; the constitution knows no exceptions.";
      drafts.push({ threat, severity: "CRITICAL", pattern: "emergency_hotfix", action: "reject", detail });
    }
    return drafts.map(findingOf);
  },
};
