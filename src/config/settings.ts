// Every setting an operator may change, declared once: the loader, `charter config`, the command line and
// docs/config.md are all read from this table, so that none of them can disagree with another.
import { originProblem, redisProblem } from "./urls.ts";
import { addressProblem, httpUrlProblem, smtpUrlProblem } from "./addresses.ts";
import { gatewaySettings } from "./gateway-settings.ts";
import { hostsProblem, networksProblem, originsProblem } from "./lists.ts";
import type { SettingShape } from "./setting-shape.ts";

export type { SettingKind } from "./setting-shape.ts";

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
    path: "http.drainNoticeMs",
    env: "CHARTER_HTTP_DRAIN_NOTICE_MS",
    flag: "drain-notice-ms",
    kind: "integer",
    default: 0,
    range: [0, oneHourMs],
    description: "How long a stopping server answers 503 on /ready before it refuses connections, milliseconds.",
    reason: "Behind a load balancer, a little more than the time between two of its probes; nothing waits otherwise.",
  },
  {
    path: "http.maxConnectionsPerAddress",
    env: "CHARTER_HTTP_MAX_CONNECTIONS_PER_ADDRESS",
    flag: "max-connections-per-address",
    kind: "integer",
    default: 512,
    range: [1, 100_000],
    description: "Most connections at a time from one client address; trusted proxies are not counted.",
    reason:
      "Half of all connections, so that one client cannot take every place; for IPv6 a /64 counts as one address.",
  },
  {
    path: "http.minBytesPerSecond",
    env: "CHARTER_HTTP_MIN_BYTES_PER_SECOND",
    flag: "min-bytes-per-second",
    kind: "integer",
    default: 4096,
    range: [0, 1_000_000_000],
    description:
      "Slowest rate at which a client may send a body or read an answer, bytes per second; 0 switches this off.",
    reason:
      "Slower than any network in use, and fast enough that holding many uploads open costs the client something.",
  },
  {
    path: "http.slowClientWindowMs",
    env: "CHARTER_HTTP_SLOW_CLIENT_WINDOW_MS",
    flag: "slow-client-window-ms",
    kind: "integer",
    default: 10_000,
    range: [100, oneHourMs],
    description: "Time over which a client's rate is measured before it is cut off, milliseconds.",
    reason: "Long enough for a mobile network to change its cell.",
  },
  {
    path: "http.maxEventLoopDelayMs",
    env: "CHARTER_HTTP_MAX_EVENT_LOOP_DELAY_MS",
    flag: "max-event-loop-delay-ms",
    kind: "integer",
    default: 1000,
    range: [0, oneHourMs],
    description:
      "Mean delay of the event loop above which new requests get 503, but for products that ask for little compared with others; 0 switches this off.",
    reason:
      "A server that is a second behind answers later than most callers wait, and every new request makes it worse.",
  },
  {
    path: "http.maxRssBytes",
    env: "CHARTER_HTTP_MAX_RSS_BYTES",
    flag: "max-rss-bytes",
    kind: "integer",
    default: 0,
    range: [0, Number.MAX_SAFE_INTEGER],
    description:
      "Resident memory above which new requests get 503, bytes; 0 means 80 % of what the machine or container has.",
    reason: "Refusing early beats being killed together with every request that runs.",
  },
  {
    path: "http.jsonBodyBudgetBytes",
    env: "CHARTER_HTTP_JSON_BODY_BUDGET_BYTES",
    flag: "json-body-budget-bytes",
    kind: "integer",
    default: 268_435_456,
    range: [1024, Number.MAX_SAFE_INTEGER],
    description:
      "Most bytes of JSON bodies held in memory at once, half of it for one product; a request beyond it gets 503.",
    reason: "64 bodies of the largest size (4 MiB); as many as there may be connections would be 4 GiB.",
  },
  {
    path: "http.corsOrigins",
    env: "CHARTER_HTTP_CORS_ORIGINS",
    flag: "cors-origins",
    kind: "string",
    default: "",
    problem: originsProblem,
    description: "Origins whose pages may call the API from a browser, separated by commas; empty means none.",
  },
  {
    path: "http.trustedProxies",
    env: "CHARTER_HTTP_TRUSTED_PROXIES",
    flag: "trusted-proxies",
    kind: "string",
    default: "",
    problem: networksProblem,
    description: "Addresses and networks of proxies whose X-Forwarded-* headers are believed, separated by commas.",
    reason: "None until an operator names them: anybody can write these headers.",
  },
  {
    path: "http.allowedHosts",
    env: "CHARTER_HTTP_ALLOWED_HOSTS",
    flag: "allowed-hosts",
    kind: "string",
    default: "",
    problem: hostsProblem,
    description: "Host names that requests may be for, separated by commas; others get 421, empty means any.",
  },
  {
    path: "tls.certFile",
    env: "CHARTER_TLS_CERT_FILE",
    flag: "tls-cert",
    kind: "file",
    default: "",
    description: "PEM file of the server's certificate and its chain; with it the server speaks HTTPS.",
  },
  {
    path: "tls.keyFile",
    env: "CHARTER_TLS_KEY_FILE",
    flag: "tls-key",
    kind: "file",
    default: "",
    description: "PEM file of the certificate's private key.",
  },
  {
    path: "tls.pollMs",
    env: "CHARTER_TLS_POLL_MS",
    flag: "tls-poll-ms",
    kind: "integer",
    default: 5000,
    range: [100, oneHourMs],
    description:
      "How often the two files are looked at for a change, milliseconds; a new pair is used without a restart.",
    reason: "Polling sees what file notifications miss: renamed links, mounted secrets, network disks.",
  },
  {
    path: "http.rateFactor",
    env: "CHARTER_HTTP_RATE_FACTOR",
    flag: "rate-factor",
    kind: "integer",
    default: 1,
    range: [1, 1_000_000],
    description: "What every rate limit of the constitution is multiplied with.",
    reason: "For installations where many people share one address or one key; no value switches the limits off.",
  },
  {
    path: "redis.url",
    env: "CHARTER_REDIS_URL",
    flag: "redis",
    kind: "string",
    default: "",
    secret: true,
    problem: redisProblem,
    description:
      "`redis://user:password@host:port`, or `rediss://` for TLS, where processes share rate limits; empty counts per process.",
    reason: "The server must not evict keys (`maxmemory-policy noeviction`), or limits are forgotten.",
  },
  {
    path: "redis.timeoutMs",
    env: "CHARTER_REDIS_TIMEOUT_MS",
    flag: "redis-timeout-ms",
    kind: "integer",
    default: 50,
    range: [1, 60_000],
    description:
      "Longest wait for an answer of Redis, milliseconds; after that a process counts alone until it is back.",
    reason: "Many times what a healthy server takes, and little compared with a request.",
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
    path: "identity.registration",
    env: "CHARTER_IDENTITY_REGISTRATION",
    flag: "registration",
    kind: "choice",
    choices: ["open", "closed"],
    default: "open",
    description: "Whether anyone may register; a new user can do nothing until an admin assigns a role and a product.",
  },
  {
    path: "identity.requireVerifiedEmail",
    env: "CHARTER_IDENTITY_REQUIRE_VERIFIED_EMAIL",
    flag: "require-verified-email",
    kind: "boolean",
    default: true,
    description: "Whether a user must confirm the e-mail address before the first login.",
  },
  {
    path: "identity.passwordPolicy",
    env: "CHARTER_IDENTITY_PASSWORD_POLICY",
    flag: "password-policy",
    kind: "choice",
    choices: ["nist", "classic"],
    default: "nist",
    description: "Rules for new passwords; `classic` also asks for upper case, lower case and a digit.",
    reason: "NIST SP 800-63B: length and lists of known passwords protect, rules about classes of characters do not.",
  },
  {
    path: "identity.publicUrl",
    env: "CHARTER_IDENTITY_PUBLIC_URL",
    flag: "public-url",
    kind: "string",
    default: "",
    problem: httpUrlProblem,
    description: "URL under which people reach the server, for links in mails; empty means the address it listens on.",
  },
  {
    path: "identity.issuer",
    env: "CHARTER_IDENTITY_ISSUER",
    flag: "issuer",
    kind: "string",
    default: "",
    problem: originProblem,
    description: "Origin that tokens name as their issuer (`https://host`); empty means the address it listens on.",
    reason: "Every token made before is refused once it changes, so choose it before the first start behind a proxy.",
  },
  {
    path: "identity.tokenAlgorithm",
    env: "CHARTER_IDENTITY_TOKEN_ALGORITHM",
    flag: "token-algorithm",
    kind: "choice",
    choices: ["EdDSA", "RS256"],
    default: "EdDSA",
    description: "Algorithm that access tokens are signed with; RS256 for verifiers that know no Ed25519.",
  },
  {
    path: "identity.issuersFile",
    env: "CHARTER_IDENTITY_ISSUERS_FILE",
    flag: "issuers-file",
    kind: "file",
    default: "",
    description:
      "YAML or JSON file of external OpenID Connect issuers whose access tokens are accepted; empty means none.",
  },
  {
    path: "identity.passwordGrant",
    env: "CHARTER_IDENTITY_PASSWORD_GRANT",
    flag: "password-grant",
    kind: "boolean",
    default: true,
    description: "Whether a password may be sent to the token endpoint and `POST /api/v1/auth/login`.",
    reason:
      "Without it passwords are only taken by the authorization page (RFC 9700 section 2.4), and `charter login` fails.",
  },
  ...gatewaySettings,
  {
    path: "mail.transport",
    env: "CHARTER_MAIL_TRANSPORT",
    flag: "mail-transport",
    kind: "choice",
    choices: ["file", "console", "smtp"],
    default: "file",
    description: "How mail leaves: as files in `mail` below the data folder, on stderr, or through an SMTP server.",
  },
  {
    path: "mail.smtpUrl",
    env: "CHARTER_MAIL_SMTP_URL",
    flag: "smtp-url",
    kind: "string",
    default: "",
    secret: true,
    problem: smtpUrlProblem,
    description:
      "`smtp://user:password@host:587`, or `smtps://` for TLS from the start. Without TLS only to this machine.",
  },
  {
    path: "mail.from",
    env: "CHARTER_MAIL_FROM",
    flag: "mail-from",
    kind: "string",
    default: "charter@localhost",
    problem: addressProblem,
    description: "Address that mails come from.",
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
  CHARTER_PROFILE: "Profile of `charter login` whose session the client commands use.",
} as const;

/**
 * Variables of others that are passed over: those of our own tests and those that Kubernetes injects for
 * a service called `charter` (`CHARTER_SERVICE_HOST`, `CHARTER_PORT=tcp://...`, `CHARTER_PORT_8000_TCP_ADDR`).
 */
export function isForeignVariable(name: string, value: string): boolean {
  if (name.startsWith("CHARTER_TEST_")) return true;
  if (/^CHARTER_(\w+_)?SERVICE_(HOST|PORT(_\w+)?)$/.test(name)) return true;
  if (/^CHARTER_(\w+_)?PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)) return true;
  return /^CHARTER_(\w+_)?PORT$/.test(name) && /^(tcp|udp|sctp):\/\//.test(value);
}
