// Budgets as a domain: what calls may cost.
import type { Constitution } from "../constitution/index.ts";
import type { Database } from "../db/index.ts";
import type { Gate } from "../governance/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import type { Meter } from "../kernel/meter.ts";
import type { Keep, Module } from "../kernel/module.ts";
import { openBudgets } from "./budgets.ts";
import type { Budgets } from "./budgets.ts";
import { budgetCodes } from "./errors.ts";
import { openGovernedBudgets } from "./governed-budgets.ts";
import type { GovernedBudgets } from "./governed-budgets.ts";
import { budgetsOperations } from "./operations.ts";
import { budgetMigrations } from "./store/migrations.ts";
import { unasked } from "../kernel/meter.ts";
import { budgetMetrics } from "./metrics.ts";

interface Needs {
  readonly constitution: Constitution;
  readonly database: Database;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
}

interface Gives {
  /** What calls reserve room in; no rule is asked. */
  readonly room: Budgets;
  readonly budgets: GovernedBudgets;
}

/** What calls may cost. */
export const budgetsModule = {
  name: "budgets",
  metrics: {
    title: "Budgets",
    declare: (meter: Meter) => {
      budgetMetrics(meter, unasked);
    },
  },
  codes: budgetCodes,
  operations: budgetsOperations,
  nouns: {
    budget: "What calls may cost, and room that is claimed for work.",
    usage: "What calls have used and cost.",
  },
  migrations: budgetMigrations,
  open({ constitution, database, gate, clock, log, meter }: Needs, keep: Keep): Gives {
    const defaultTokens = constitution.data.gateway.defaultBudgetTokens;
    const room = keep(openBudgets({ db: database, clock, log, meter, defaultTokens }));
    return { room, budgets: openGovernedBudgets({ gate, budgets: room, constitution }) };
  },
  sweeps: [
    ({ room, clock }: Needs & Gives) => room.expire(clock.nowMs()),
    ({ room, clock }: Needs & Gives) => room.sweep(clock.nowMs()),
  ],
} as const satisfies Module<Needs, Gives>;
