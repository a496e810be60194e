// Deliberation as a domain: questions that take several calls of models.
import type { Gateway } from "../gateway/index.ts";
import type { Gate } from "../governance/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Module } from "../kernel/module.ts";
import { Deliberation } from "./deliberation.ts";
import { gatewayModelClient } from "./gateway-model-client.ts";
import { Host } from "./host.ts";
import { deliberationOperations } from "./operations.ts";
import type { Sensors } from "./vitals.ts";

interface Needs {
  readonly gate: Gate;
  readonly gateway: Gateway;
  /** What is measured of the host. */
  readonly vitals: Sensors;
  readonly clock: Clock;
}

/** Questions that take several calls. */
export const deliberationModule = {
  name: "deliberation",
  operations: deliberationOperations,
  nouns: { consciousness: "Questions that are answered in several ways at once, as the predecessor had them." },
  open: ({ gate, gateway, vitals, clock }: Needs): { readonly deliberation: Deliberation } => ({
    deliberation: new Deliberation({
      gate,
      host: new Host(vitals, clock),
      clientFor: (ctx, prompt, asked) => gatewayModelClient(gateway, ctx, prompt, asked),
    }),
  }),
} as const satisfies Module<Needs>;
