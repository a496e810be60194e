// Who may look at the models: those that may call them for their product, and those that may read everything.
import type { Gate } from "../governance/index.ts";
import type { Ctx } from "../kernel/ctx.ts";

/** Lets a caller look at what calls of models need, or throws the refusal. */
export function permitModelCaller(gate: Gate, ctx: Ctx): void {
  const { kind, product } = ctx.principal;
  const calls = kind === "ai_agent" || kind === "product";
  gate.permit(ctx, { kind: "completion", product }, calls ? "CREATE" : "READ");
}
