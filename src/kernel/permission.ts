// What a role can be allowed to do.

/** Every permission that a role can have. */
export const permissions = [
  "escalation.view",
  "escalation.resolve",
  "escalation.create",
  "task.create",
  "task.update",
  "task.delete",
  "task.view",
  "agent.configure",
  "agent.view",
  "budget.view",
  "budget.configure",
  "learning.approve",
  "learning.view",
  "dlq.read",
  "dlq.resolve",
  "system.admin",
  "metrics.view",
] as const;
/** A permission. */
export type Permission = (typeof permissions)[number];
