// Halts through the gate: who may see which, and an owner's clearing with a reason on record.
import { seesAll } from "../kernel/ctx.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { digestOf } from "../kernel/hash.ts";
import type { Gate } from "./act.ts";
import type { Receipted } from "./attempt.ts";
import type { Halt, Halts } from "./halts.ts";

/** Halts, governed. */
export interface HaltAdministration {
  /** The halts in force that concern the caller: all, or those of its product and its own credential. */
  list(ctx: Ctx): readonly Halt[];
  /** Lets halted writes go on. The reason is recorded as its digest. Rejects with `governance.no_such_halt`. */
  clear(ctx: Ctx, scope: string, reason: string): Promise<Receipted<Halt>>;
}

/** Puts halts behind the gate. */
export function openHaltAdministration({ gate, halts }: { gate: Gate; halts: Halts }): HaltAdministration {
  return {
    list(ctx) {
      const { id, product } = ctx.principal;
      gate.permit(ctx, { kind: "governance", product });
      if (seesAll(ctx.principal)) return halts.inForce();
      const concerns = (scope: string): boolean => scope === product || scope === id || scope.startsWith(`${id}@`);
      return halts.inForce().filter(({ scope }) => concerns(scope));
    },
    clear: (ctx, scope, reason) =>
      gate.act(
        ctx,
        {
          operation: "halt.clear",
          resource: `halt/${scope}`,
          action: "MANAGE_GOVERNANCE",
          target: { kind: "governance", product: null },
          digest: digestOf(reason),
        },
        async (act) => ({ value: await halts.clear(scope, act), digest: digestOf(reason) }),
      ),
  };
}
