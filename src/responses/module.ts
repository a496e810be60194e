// Kept responses as a domain.
import type { Config } from "../config/index.ts";
import type { Database } from "../db/index.ts";
import type { Gate } from "../governance/index.ts";
import type { Gateway } from "../gateway/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Module } from "../kernel/module.ts";
import { responseCodes } from "./errors.ts";
import { responseOperations } from "./operations.ts";
import { Responses } from "./responses.ts";
import { responseMigrations, ResponseStore } from "./store.ts";

interface Needs {
  readonly config: Config;
  readonly database: Database;
  readonly gate: Gate;
  readonly gateway: Gateway;
  readonly clock: Clock;
}

interface Gives {
  readonly responses: Responses;
  readonly responseStore: ResponseStore;
}

const dayMs = 24 * 3_600_000;

/** Responses that callers go on from. */
export const responsesModule = {
  name: "responses",
  codes: responseCodes,
  operations: responseOperations,
  migrations: responseMigrations,
  open({ config, database, gate, gateway }: Needs): Gives {
    const responseStore = new ResponseStore(database);
    const keepMs = config.gateway.keepResponsesDays * dayMs;
    return { responses: new Responses({ gate, gateway, store: responseStore, keepMs }), responseStore };
  },
  async sweep({ responseStore, clock }: Needs & Gives) {
    await responseStore.sweep(clock.nowMs());
  },
} as const satisfies Module<Needs, Gives>;
