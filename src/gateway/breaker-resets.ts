// Closing breakers by hand: an act like every change, for an admin.
import type { Gate } from "../governance/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { gatewayFault } from "./errors.ts";
import type { DeploymentPool } from "../deployments/index.ts";

/** Closes all breakers, or that of one deployment; resolves with how many. @throws `breaker.not_found`. */
export async function resetBreakers(gate: Gate, fleet: DeploymentPool, ctx: Ctx, name?: string): Promise<number> {
  const attempt = {
    operation: ctx.operation,
    resource: name === undefined ? "breaker/all" : "breaker/one",
    action: "MANAGE_GOVERNANCE",
    target: { kind: "governance", product: null },
  } as const;
  const done = await gate.act(ctx, attempt, async ({ confirm }) => {
    await confirm();
    const value = fleet.resetBreakers(name);
    if (name !== undefined && value === 0)
      throw gatewayFault("breaker.not_found", "no deployment of this name was called");
    return { value };
  });
  return done.value;
}
