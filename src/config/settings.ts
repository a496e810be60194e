// Every setting an operator may change, declared once: the loader, `charter config`, the command line and
// docs/config.md are all read from this table, so that none of them can disagree with another.

/** What a setting holds and how its text is read. */
export type SettingKind = "string" | "path" | "integer" | "boolean" | "choice";

interface SettingShape {
  /** Place in the tree and in charter.yaml: `section.name`. */
  readonly path: `${string}.${string}`;
  /** Environment variable. */
  readonly env: `CHARTER_${string}`;
  /** Command-line option of `charter serve`, without the dashes. */
  readonly flag: string;
  readonly kind: SettingKind;
  readonly default: string | number | boolean;
  /** For integers: smallest and largest accepted value. */
  readonly range?: readonly [least: number, most: number];
  /** For choices: the accepted words. */
  readonly choices?: readonly string[];
  /** Masked wherever the configuration is shown. */
  readonly secret?: true;
  /** One sentence for people. */
  readonly description: string;
  /** Why the default and the range are what they are. */
  readonly reason?: string;
}

const oneHourMs = 3_600_000;

/** The table of settings. */
export const settings = [
  {
    path: "http.host",
    env: "CHARTER_HTTP_HOST",
    flag: "host",
    kind: "string",
    default: "127.0.0.1",
    description: "Address to listen on.",
    reason: "Loopback until an operator decides otherwise, because a first start prints an admin key.",
  },
  {
    path: "http.port",
    env: "CHARTER_HTTP_PORT",
    flag: "port",
    kind: "integer",
    default: 8000,
    range: [0, 65_535],
    description: "TCP port to listen on; 0 picks a free one.",
  },
  {
    path: "http.headersTimeoutMs",
    env: "CHARTER_HTTP_HEADERS_TIMEOUT_MS",
    flag: "headers-timeout-ms",
    kind: "integer",
    default: 10_000,
    range: [100, oneHourMs],
    description: "Time a client has to send all request headers, milliseconds.",
    reason: "Short, because a socket that trickles headers costs the server and nothing else.",
  },
  {
    path: "http.bodyTimeoutMs",
    env: "CHARTER_HTTP_BODY_TIMEOUT_MS",
    flag: "body-timeout-ms",
    kind: "integer",
    default: 30_000,
    range: [100, oneHourMs],
    description: "Longest silence while a request body arrives, milliseconds.",
    reason: "A stalled upload holds one of the write gate's places; an upload that moves is never cut off by it.",
  },
  {
    path: "http.requestTimeoutMs",
    env: "CHARTER_HTTP_REQUEST_TIMEOUT_MS",
    flag: "request-timeout-ms",
    kind: "integer",
    default: oneHourMs,
    range: [1000, 24 * oneHourMs],
    description: "Time for one whole request to arrive, milliseconds.",
    reason: "500 MiB at 1.2 Mbit/s fits into an hour.",
  },
  {
    path: "http.keepAliveTimeoutMs",
    env: "CHARTER_HTTP_KEEP_ALIVE_TIMEOUT_MS",
    flag: "keep-alive-timeout-ms",
    kind: "integer",
    default: 65_000,
    range: [0, oneHourMs],
    description: "How long an idle connection stays open, milliseconds.",
    reason: "Longer than the 60 s after which common load balancers give up, so that they close first.",
  },
  {
    path: "http.maxConnections",
    env: "CHARTER_HTTP_MAX_CONNECTIONS",
    flag: "max-connections",
    kind: "integer",
    default: 1024,
    range: [1, 100_000],
    description: "Most connections at a time; further ones are closed at once.",
    reason: "Each may hold a JSON body of 4 MiB in memory while it arrives.",
  },
  {
    path: "http.drainTimeoutMs",
    env: "CHARTER_HTTP_DRAIN_TIMEOUT_MS",
    flag: "drain-timeout-ms",
    kind: "integer",
    default: 20_000,
    range: [0, oneHourMs],
    description: "How long a stopping server waits for running requests, milliseconds.",
    reason: "Shorter than the 30 s that common supervisors allow before they kill.",
  },
  {
    path: "data.dir",
    env: "CHARTER_DATA_DIR",
    flag: "data",
    kind: "path",
    default: "charter-data",
    description: "Folder for the database, the blobs, the ledger and the signing key.",
  },
  {
    path: "database.url",
    env: "CHARTER_DATABASE_URL",
    flag: "database",
    kind: "string",
    default: "",
    secret: true,
    description: "`postgres://user:password@host/name`; empty means SQLite in the data folder.",
  },
  {
    path: "constitution.dir",
    env: "CHARTER_CONSTITUTION_DIR",
    flag: "constitution",
    kind: "path",
    default: "",
    description: "Folder of the constitution in force; empty means the one in the package.",
  },
  {
    path: "ledger.origin",
    env: "CHARTER_LEDGER_ORIGIN",
    flag: "ledger-origin",
    kind: "string",
    default: "charter.local/ledger",
    description: "Name of the log, the first line of every checkpoint; a schema-less URL you own.",
    reason: "It is part of the verifier key, so it is chosen before the first start and never changed.",
  },
  {
    path: "log.level",
    env: "CHARTER_LOG_LEVEL",
    flag: "log-level",
    kind: "choice",
    choices: ["fatal", "error", "warn", "info", "debug", "trace", "silent"],
    default: "info",
    description: "Least severe log line that is written.",
  },
] as const satisfies readonly SettingShape[];

/** One row of the table. */
export type Setting = SettingShape;
type Row = (typeof settings)[number];
type Value<R extends Row> = R extends { readonly choices: readonly (infer Word)[] }
  ? Word
  : R extends { readonly kind: "integer" }
    ? number
    : R extends { readonly kind: "boolean" }
      ? boolean
      : string;
type Section = Row["path"] extends infer Path ? (Path extends `${infer Head}.${string}` ? Head : never) : never;

/** The whole configuration, one typed tree: `config.http.port`. Paths are absolute. */
export type Config = {
  readonly [S in Section]: {
    readonly [R in Row as R["path"] extends `${S}.${infer Name}` ? Name : never]: Value<R>;
  };
};

/** Variables that start with CHARTER_ and are not settings of the server, with what they are for. */
export const otherVariables = {
  CHARTER_CONFIG: "Configuration file to read in place of ./charter.yaml.",
  CHARTER_URL: "Server that the client commands talk to.",
  CHARTER_KEY: "API key that the client commands send (secret).",
} as const;

/**
 * Variables that others set beside ours and that are passed over: our own tests' and those that Kubernetes injects for
 * a service called `charter` (`CHARTER_SERVICE_HOST`, `CHARTER_PORT=tcp://...`, `CHARTER_PORT_8000_TCP_ADDR`).
 */
export function isForeignVariable(name: string, value: string): boolean {
  if (name.startsWith("CHARTER_TEST_")) return true;
  if (/^CHARTER_(\w+_)?SERVICE_(HOST|PORT(_\w+)?)$/.test(name)) return true;
  if (/^CHARTER_(\w+_)?PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)) return true;
  return /^CHARTER_(\w+_)?PORT$/.test(name) && /^(tcp|udp|sctp):\/\//.test(value);
}
