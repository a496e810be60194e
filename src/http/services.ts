// What the HTTP layer needs of the application, handed in by the composition root.
import type { Constitution } from "../constitution/index.ts";
import type { Depository, ArtifactReader } from "../depository/index.ts";
import type { Gate, HaltAdministration } from "../governance/index.ts";
import type { Accounts, ClientRegistry, KeyAdministration, Sessions } from "../accounts/index.ts";
import type { Authenticator, Rates, SigningKeys } from "../identity/index.ts";
import type { GovernedBudgets } from "../budgets/index.ts";
import type { Deliberation } from "../deliberation/index.ts";
import type { Gateway } from "../gateway/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import type { Meter } from "../kernel/meter.ts";
import type { Responses } from "../responses/index.ts";
import type { Ledger } from "../ledger/index.ts";
import type { Cursors } from "./cursor.ts";
import type { HttpMetrics } from "./metrics.ts";

/** The parts behind the API. */
export interface Services {
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly constitution: Constitution;
  readonly ledger: Ledger;
  readonly gate: Gate;
  readonly haltAdministration: HaltAdministration;
  readonly authenticator: Authenticator;
  readonly rates: Rates;
  readonly keys: KeyAdministration;
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly clients: ClientRegistry;
  readonly signingKeys: Pick<SigningKeys, "jwks">;
  readonly depository: Depository;
  readonly reader: ArtifactReader;
  readonly gateway: Gateway;
  readonly responses: Responses;
  readonly deliberation: Deliberation;
  readonly budgets: GovernedBudgets;
  /** What is the matter with the database; undefined while it answers. */
  readonly databaseTrouble: () => Promise<string | undefined>;
  /** All metrics in the Prometheus text format, and its media type. */
  readonly metrics: { text(): Promise<string>; readonly mediaType: string };
  readonly cursors: Cursors;
  /** Nothing is measured of the door when it is absent. */
  readonly meter?: Meter;
}

/** The parts behind the API, and what counts at the door. */
export interface DoorServices extends Services {
  readonly counts: HttpMetrics;
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
  /** Most connections at a time from one client address. */
  readonly maxConnectionsPerAddress: number;
  /** Least rate of a body or an answer, bytes per second, measured over the window; 0 for none. */
  readonly minBytesPerSecond: number;
  readonly slowClientWindowMs: number;
  /** Mean delay of the event loop above which new requests are refused, milliseconds; 0 for none. */
  readonly maxEventLoopDelayMs: number;
  /** Resident memory above which new requests are refused, bytes; 0 for a share of what there is. */
  readonly maxRssBytes: number;
  /** Most bytes of JSON bodies held in memory at once. */
  readonly jsonBodyBudgetBytes: number;
  /** Largest request for a model, bytes. */
  readonly maxModelRequestBytes: number;
  /** Lists of words separated by commas, as the configuration has checked them. */
  readonly corsOrigins: string;
  readonly trustedProxies: string;
  readonly allowedHosts: string;
}
