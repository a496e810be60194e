// The gate as a domain: what decides, what is halted, and what settles the acts that a crash cut off.
import type { Constitution } from "../constitution/index.ts";
import type { Database } from "../db/index.ts";
import type { CredentialLookup } from "../identity/index.ts";
import type { ChangeFeed } from "../kernel/change-feed.ts";
import { instant } from "../kernel/clock.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import { newId } from "../kernel/ids.ts";
import type { Meter } from "../kernel/meter.ts";
import type { Keep, Module } from "../kernel/module.ts";
import type { Operations } from "../kernel/operation.ts";
import type { DiskLedger } from "../ledger/index.ts";
import { openGate } from "./act.ts";
import type { Gate } from "./act.ts";
import { governanceCodes } from "./errors.ts";
import { openHaltAdministration } from "./halt-administration.ts";
import type { HaltAdministration } from "./halt-administration.ts";
import { everyProduct, openHalts } from "./halts.ts";
import type { Halts } from "./halts.ts";
import { governanceOperations } from "./operations.ts";
import { governanceMigrations } from "./store/migrations.ts";
import { unasked } from "../kernel/meter.ts";
import { governanceMetrics } from "./metrics.ts";

interface Needs {
  readonly constitution: Constitution;
  readonly database: Database;
  readonly ledger: DiskLedger;
  readonly credentials: CredentialLookup;
  readonly changes: ChangeFeed;
  /** All operations, of every domain. */
  readonly operations: Operations;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
}

interface Gives {
  readonly gate: Gate;
  readonly halts: Halts;
  readonly haltAdministration: HaltAdministration;
}

/** The only way to change anything. */
export const governanceModule = {
  name: "governance",
  metrics: {
    title: "Gate",
    declare: (meter: Meter) => {
      governanceMetrics(meter, { isProduct: unasked, halts: unasked, openCalls: unasked, waitingOutcomes: unasked });
    },
  },
  codes: governanceCodes,
  operations: governanceOperations,
  nouns: { governance: "The constitution in force.", halt: "Writes that are halted." },
  migrations: governanceMigrations,
  async open(house: Needs, keep: Keep): Promise<Gives> {
    const halts = await openHalts(house.database);
    const gate = keep(openGate({ ...house, halts }));
    house.changes.listen((id) => gate.changed(id));
    return { gate, halts, haltAdministration: openHaltAdministration({ gate, halts }) };
  },
  async recover(house: Needs & Gives) {
    const closed = await house.gate.recover((operation) => house.operations[operation]?.reachesOut === true);
    if (house.ledger.exchanged) await haltExchanged(house);
    if (closed > 0) house.log.warn({ closed }, "closed the intents that a crash had left open");
  },
  sweeps: [({ gate }: Gives) => gate.sweep()],
} as const satisfies Module<Needs, Gives>;

/** A sound ledger that is not the one we knew: nothing is written on top of it before an owner has looked (T8). */
async function haltExchanged({ ledger, halts, constitution, clock, log }: Needs & Gives): Promise<void> {
  const threat = "T8_AUDIT_TAMPERING";
  log.error({ threat }, "the ledger is another one than the database remembers: writes are halted");
  const intentIndex = await ledger.append([
    {
      time: instant(clock.nowMs()),
      principal: "system",
      principalKind: "system",
      operation: "server.start",
      constitutionHash: constitution.hash,
      requestId: newId<"request">(clock),
      kind: "finding",
      finding: { threat, severity: "CRITICAL", pattern: "log_exchanged" },
    },
  ]);
  await halts.set({ scope: everyProduct, threat, intentIndex, sinceMs: clock.nowMs() });
  ledger.exchangeNoted();
}
