// The entry point of the cascade: cheap first, and a verdict on whether that is enough.
export { samples, verdictOn } from "./verdict.ts";
export type { Verdict } from "./verdict.ts";
export { ladderOf, wholeCall } from "./escalation-plan.ts";
export type { EscalationPlan } from "./escalation-plan.ts";
