// Proving the server's own keys at their providers: an act, since what is secret is shown to someone outside.
import type { DeploymentPool, KeyCheck } from "../deployments/index.ts";
import type { Gate, Receipted } from "../governance/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import type { Lookup } from "../models/index.ts";
import { gatewayFault } from "./errors.ts";

/** Asks every provider, or one, whether it knows the server's keys. @throws `provider.not_found`. */
export async function checkProviders(
  { gate, lookup, fleet }: { readonly gate: Gate; readonly lookup: Lookup; readonly fleet: DeploymentPool },
  ctx: Ctx,
  name?: string,
): Promise<Receipted<readonly KeyCheck[]>> {
  const attempt = {
    operation: ctx.operation,
    resource: name === undefined ? "provider/all" : "provider/one",
    action: "MANAGE_GOVERNANCE",
    target: { kind: "governance", product: null },
  } as const;
  return gate.act(ctx, attempt, async ({ confirm }) => {
    await confirm();
    const asked = lookup.providers.filter((provider) => name === undefined || provider.name === name);
    if (name !== undefined && asked.length === 0)
      throw gatewayFault("provider.not_found", "no provider has this name", { at: "body/provider" });
    const found = await Promise.all(asked.map((provider) => fleet.checkKeys(provider, ctx.signal)));
    const value = found.flat();
    const count = (state: KeyCheck["state"]) => value.filter((each) => each.state === state).length;
    return { value, facts: { checked: value.length, ok: count("ok"), refused: count("refused") } };
  });
}
