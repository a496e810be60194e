// Kept responses as a domain.
import type { Config } from "../config/index.ts";
import type { Database } from "../db/index.ts";
import type { Gate } from "../governance/index.ts";
import type { Gateway } from "../gateway/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import type { Keep, Module } from "../kernel/module.ts";
import { backgroundMigrations, BackgroundStore } from "./background-store.ts";
import { BackgroundResponses } from "./background.ts";
import { responseCodes } from "./errors.ts";
import { sweepKept, useMigrations } from "./kept-use.ts";
import { responseOperations } from "./operations.ts";
import { Responses } from "./responses.ts";
import { responseMigrations, ResponseStore } from "./store.ts";

interface Needs {
  readonly config: Config;
  readonly database: Database;
  readonly gate: Gate;
  readonly gateway: Gateway;
  readonly clock: Clock;
  readonly log: Log;
}

interface Gives {
  readonly responses: Responses;
  readonly backgroundResponses: BackgroundResponses;
}

const dayMs = 24 * 3_600_000;

/** Responses that callers go on from. */
export const responsesModule = {
  name: "responses",
  codes: responseCodes,
  operations: responseOperations,
  migrations: [...responseMigrations, ...backgroundMigrations, ...useMigrations],
  open({ config, database, gate, gateway, clock, log }: Needs, keep: Keep): Gives {
    const { keepResponsesDays, keepResponsesBytes, maxBackgroundResponses: places } = config.gateway;
    const keepMs = keepResponsesDays * dayMs;
    const store = new ResponseStore(database, keepResponsesBytes);
    const backgroundStore = new BackgroundStore(database, store);
    const shared = { gate, gateway, keepMs };
    const background = keep(
      new BackgroundResponses({ ...shared, store: backgroundStore, kept: store, places, clock, log }),
    );
    const responses = new Responses({ ...shared, store, background });
    return { responses, backgroundResponses: background };
  },
  /** Only one process works on SQLite; on PostgreSQL others may be at work, and what was left there is known when its time is over. */
  async recover({ database, backgroundResponses }: Needs & Gives) {
    await backgroundResponses.ends.endLeft(database.dialect === "sqlite");
  },
  sweeps: [
    ({ backgroundResponses }: Gives) => backgroundResponses.ends.endLeft(false),
    ({ database, clock }: Needs) => sweepKept(database, clock.nowMs()),
  ],
} as const satisfies Module<Needs, Gives>;
