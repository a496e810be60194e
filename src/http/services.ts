// What the HTTP door needs of the house, handed in by the composition root.
import type { Constitution } from "../constitution/index.ts";
import type { Depository, Shelf } from "../depository/index.ts";
import type { Gate, Halts, Keyring } from "../governance/index.ts";
import type { Authenticator } from "../identity/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import type { Ledger } from "../ledger/index.ts";
import type { Cursors } from "./cursor.ts";

/** The parts behind the API. */
export interface Services {
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly constitution: Constitution;
  readonly ledger: Ledger;
  readonly gate: Gate;
  readonly halts: Halts;
  readonly authenticator: Authenticator;
  readonly keys: Keyring;
  readonly depository: Depository;
  readonly shelf: Shelf;
  readonly cursors: Cursors;
}

/** Limits of the HTTP door, from the configuration. */
export interface HttpLimits {
  /** Time for a whole request's headers to arrive, milliseconds. */
  readonly headersTimeoutMs: number;
  /** Longest silence while a body arrives, milliseconds. */
  readonly bodyTimeoutMs: number;
  /** Time for one whole request to arrive, milliseconds. */
  readonly requestTimeoutMs: number;
  /** Most connections at a time. */
  readonly maxConnections: number;
  /** How long an idle connection is kept for the next request, milliseconds. */
  readonly keepAliveTimeoutMs: number;
}
