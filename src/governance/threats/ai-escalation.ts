// T6: an AI agent tries to do more than write (RULE_09). The kind comes from the credential, so no name can fake or hide it.
import type { Action } from "../../constitution/index.ts";
import { findingOf } from "./threat.ts";
import type { Detector } from "./threat.ts";

const threat = "T6_AI_ESCALATION";

/** What every AI agent may do, by the rule book. */
const agentScope: ReadonlySet<Action> = new Set(["CREATE", "APPEND_AUDIT"]);

/** Finds AI agents outside their scope. */
export const aiEscalation: Detector = {
  id: threat,
  summary: "An AI agent attempts anything but CREATE and APPEND_AUDIT, or READ where it is granted.",
  looksAt: "caller",
  detect({ principal, action, flags }) {
    if (principal.kind !== "ai_agent" || agentScope.has(action)) return [];
    if (action === "READ" && flags.agentsMayRead) return [];
    const detail = `An AI agent may create artifacts and append to the audit trail; ${action} is outside its scope.`;
    return [findingOf({ threat, severity: "CRITICAL", pattern: "automated_request", action: "reject", detail })];
  },
};
