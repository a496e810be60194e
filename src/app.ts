// The composition root: the only file that names drivers. It opens the house from the ground up, settles what a crash
// left open, and closes it in the opposite order.
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pino } from "pino";
import type { Config } from "./config/index.ts";
import { loadConstitution } from "./constitution/index.ts";
import type { Constitution } from "./constitution/index.ts";
import { openDatabase } from "./db/index.ts";
import type { Database } from "./db/index.ts";
import { openDiskBlobs } from "./depository/blobs/disk.ts";
import { depositoryMigrations, openArtifactStore, openDepository, openShelf } from "./depository/index.ts";
import type { ArtifactStore } from "./depository/index.ts";
import { bodyKeeper } from "./app/keep-bodies.ts";
import { openGateway } from "./app/open-gateway.ts";
import { closeToOthers } from "./app/private-folder.ts";
import { openVitals } from "./deliberation/disk-vitals.ts";
import { Deliberation, gatewayThinker, Host } from "./deliberation/index.ts";
import { budgetMigrations, openBudgets, openGovernedBudgets } from "./budgets/index.ts";
import type { Budgets } from "./budgets/index.ts";
import { everyProduct, governanceMigrations, openGate, openHalts } from "./governance/index.ts";
import { openAccounts, openClientRegistry, openKeyring, openSessions } from "./accounts/index.ts";
import type { Halts } from "./governance/index.ts";
import type { Accounts, Keyring } from "./accounts/index.ts";
import { buildServer, cursorsUnder, drainServer, openTls } from "./http/index.ts";
import {
  eitherCredential,
  ExternalIssuers,
  readIssuers,
  identityMigrations,
  openIdentity,
  openOAuth,
  openUserDirectory,
  Outbox,
  Rates,
  Standings,
} from "./identity/index.ts";
import type { Counter, Identity, Mailer, OAuth, UserWriter } from "./identity/index.ts";
import { consoleMailer } from "./identity/mail/console-mail.ts";
import { diskMailer } from "./identity/mail/disk-mail.ts";
import { OidcProviderServer } from "./identity/oauth/oidc-provider.ts";
import { smtpMailer } from "./identity/mail/smtp-mail.ts";
import { MemoryCounter } from "./identity/rates/memory-counter.ts";
import { openRedisCounter } from "./identity/rates/redis-counter.ts";
import { instant, systemClock } from "./kernel/clock.ts";
import type { Clock } from "./kernel/clock.ts";
import type { Ctx, Log } from "./kernel/ctx.ts";
import { privateFolderMode } from "./kernel/file-modes.ts";
import { newId } from "./kernel/ids.ts";
import { lesserRole } from "./kernel/roles.ts";
import type { LesserRole } from "./kernel/roles.ts";

import { readIfThere, replaceFile, syncFolder } from "./durable-files/disk-files.ts";
import { indexedEntries, ledgerMigrations, openLedger } from "./ledger/index.ts";
import type { DiskLedger, Leaf } from "./ledger/index.ts";

/** A running Charter. */
export interface Charter {
  readonly url: string;
  /** An admin's key; only at the very first start or when a new one was asked for, and never again. */
  readonly adminKey?: string;
  /** The one-time password of the user `admin`; only when there was no user at all, and never again. */
  readonly adminPassword?: string;
  readonly dataDir: string;
  readonly constitutionHash: string;
  /** Why writes are refused, when they are. */
  readonly trouble?: string;
  /** Stops accepting, waits for running requests, and closes everything. */
  close(): Promise<void>;
}

/** What a start is given besides its configuration; tests bring their own clock and log. */
export interface StartOptions {
  readonly version: string;
  readonly clock?: Clock;
  readonly log?: Log;
  /** Makes another admin key, as at the first start; for operators who have lost theirs. */
  readonly newAdminKey?: boolean;
  /** The environment, where the catalogue of models finds the keys of providers. */
  readonly variables?: Readonly<Record<string, string | undefined>>;
  /** Told how much of the ledger has been verified, in leaves. */
  readonly onVerify?: (done: number, total: number) => void;
}

/** Starts Charter: opens everything, settles what a crash left open, and listens. */
export async function startCharter(config: Config, options: StartOptions): Promise<Charter> {
  const clock = options.clock ?? systemClock;
  const log = options.log ?? pino({ level: config.log.level }, pino.destination(2));
  const constitution = loadConstitution(config.constitution.dir);
  const dataDir = config.data.dir;
  await mkdir(dataDir, { recursive: true, mode: privateFolderMode });
  await closeToOthers(dataDir, log);
  await syncFolder(dirname(dataDir));

  await using opened = new AsyncDisposableStack();
  const database = opened.use(await openMigrated(config, log));
  const instance = (await keptBytes(join(dataDir, "instance-id"))).toString("hex");
  const store = openArtifactStore(database, instance);
  const changed = (id: string): void => gate.changed(id);
  const lesser: LesserRole = (one, other) => lesserRole(one, other, constitution.data.roles);
  const identity = opened.use(
    openIdentity({
      db: database,
      clock,
      log,
      changed,
      lesserRole: lesser,
      // A key that belongs to somebody dies with them.
      ownerOf: async (id) => {
        if (!id.startsWith("usr_")) return oauth.clients.standing(id);
        const user = await directory.users.standing(id);
        return user?.disabled === false ? user : undefined;
      },
    }),
  );
  const ledger = opened.use(
    await openLedger({
      dir: join(dataDir, "ledger"),
      origin: config.ledger.origin,
      clock,
      log,
      database,
      knownEntries: Math.max((await store.maxIntentIndex()) + 1, await indexedEntries(database)),
      ...(options.onVerify ? { onProgress: options.onVerify } : {}),
    }),
  );
  const blobs = opened.use(await openDiskBlobs({ dir: join(dataDir, "blobs"), log }));
  const counter = opened.use(await openCounter(config, clock, log));
  const halts = await openHalts(database);
  const standings = new Standings(database, clock, lesser);
  const gate = opened.use(openGate({ constitution, ledger, halts, standings, log }));
  const keyring = openKeyring({ gate, identity, constitution });
  const directory = opened.use(openUserDirectory({ db: database, clock, counter, changed, ...config.identity }));
  const outbox = opened.use(new Outbox(openMailer(config, clock, log), log));
  let listeningUrl = "";
  const accounts = openAccounts({
    gate,
    constitution,
    database,
    clock,
    directory,
    outbox,
    counter,
    salt: await keptBytes(join(dataDir, "identity.salt")),
    serverUrl: () => (config.identity.publicUrl || listeningUrl).replace(/\/+$/, ""),
    registrationOpen: config.identity.registration === "open",
  });
  const { users, writer, signIn } = directory;
  const oauth = await openOAuth({
    db: database,
    clock,
    log,
    accounts: {
      lesserRole: lesser,
      check: (shown) => signIn.check(shown),
      standing: (id) => users.standing(id),
      recordLogin: (tx, id, login) => writer.recordLogin(tx, id, login),
    },
    secret: await keptBytes(join(dataDir, "signing.secret")),
    changed,
    ...config.identity,
    issuer: () => new URL(config.identity.issuer || listeningUrl).origin,
  });
  const external = await openIssuers(config, constitution, clock, log);
  const sessions = openSessions({
    gate,
    ...oauth,
    server: new OidcProviderServer(oauth),
    accountOf: async (username) => (await users.byUsername(username))?.id,
  });
  const clients = openClientRegistry({ gate, constitution, clients: oauth.clients, signingKeys: oauth.keys });
  const budgets = opened.use(
    openBudgets({
      db: database,
      clock,
      log,
      defaultTokens: constitution.data.gateway.defaultBudgetTokens,
      alone: database.dialect === "sqlite",
    }),
  );
  const shelf = openShelf({ constitution, gate, ledger, store, blobs });
  const depository = openDepository({ constitution, gate, database, store, shelf, blobs, clock });
  const { gateway, metrics } = await openGateway(
    {
      config,
      constitution,
      gate,
      counter,
      budgets,
      keeper: bodyKeeper(depository),
      clock,
      log,
      version: options.version,
    },
    {
      variables: options.variables ?? {},
      cacheSecret: await keptBytes(join(dataDir, "cache.secret")),
      keep: (resource) => opened.use(resource),
    },
  );

  const sweep = setInterval(
    () => void sweepStore({ store, users: directory.writer, oauth, effects: identity.effects, budgets }, clock, log),
    sweepEveryMs,
  ).unref();
  opened.defer(() => clearInterval(sweep));

  const condition = ledger.condition();
  let first: FirstCredentials = {};
  if (condition.state === "open") {
    await store.dropReservationsOf(instance);
    first = await settle({ clock, log, constitution, ledger, identity, halts, store, keyring, accounts }, options);
  } else {
    log.error({ condition }, "the ledger is not open: writes are refused until an operator decides");
  }

  const uploadMs = constitution.data.limits.abandonedUploadSeconds * 1000;
  const server = await buildServer(
    {
      version: options.version,
      clock,
      log,
      constitution,
      ledger,
      gate,
      halts,
      authenticator: eitherCredential(identity.authenticator, oauth.verifier, external),
      rates: new Rates(counter, constitution.data, config.http.rateFactor),
      keys: keyring,
      accounts,
      sessions,
      clients,
      signingKeys: oauth.keys,
      depository,
      shelf,
      gateway,
      deliberation: new Deliberation({
        gate,
        host: new Host(opened.use(openVitals()), clock),
        thinkerFor: (ctx, prompt, asked) => gatewayThinker(gateway, ctx, prompt, asked),
      }),
      budgets: openGovernedBudgets({ gate, budgets, constitution }),
      metrics,
      cursors: cursorsUnder(await keptBytes(join(dataDir, "cursor.key"))),
    },
    // An upload may take as long as the room that is kept for it, and no longer: it could not be stored afterwards.
    {
      ...config.http,
      requestTimeoutMs: Math.min(config.http.requestTimeoutMs, uploadMs),
      maxModelRequestBytes: config.gateway.maxRequestBytes,
    },
    config.tls.certFile === "" ? undefined : await openTls(config.tls, clock, log),
  );
  const { host, port, drainNoticeMs, drainTimeoutMs } = config.http;
  opened.defer(() => drainServer(server, { noticeMs: drainNoticeMs, timeoutMs: drainTimeoutMs }));
  // `localhost` may be two addresses, and the second would get a listener that the front door does not stand before.
  const url = await server.listen({ host: host === "localhost" ? "127.0.0.1" : host, port });
  listeningUrl = url;
  const parts = opened.move();
  return {
    url,
    ...first,
    dataDir,
    constitutionHash: constitution.hash,
    ...(condition.state === "open" ? {} : { trouble: condition.reason }),
    close: () => parts.disposeAsync(),
  };
}

/** What settling a start needs of the house. */
interface SettledParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly constitution: Constitution;
  readonly ledger: DiskLedger;
  readonly identity: Identity;
  readonly halts: Halts;
  readonly store: ArtifactStore;
  readonly keyring: Keyring;
  readonly accounts: Accounts;
}

/** What is shown once, at the first start. */
type FirstCredentials = Pick<Charter, "adminKey" | "adminPassword">;

/** Closes what a crash left open, puts the start on record, and makes an admin and an admin's key where they are due. */
async function settle(parts: SettledParts, options: StartOptions): Promise<FirstCredentials> {
  const { clock, log, constitution, ledger, identity, halts, store, keyring, accounts } = parts;
  const system: Ctx = {
    principal: { id: "system", kind: "admin", product: null, role: "admin" },
    operation: "server.start",
    permission: "system.admin",
    address: "",
    requestId: newId<"request">(clock),
    signal: new AbortController().signal,
    clock,
    log,
  };
  const record = (operation: string, fields: Pick<Leaf, "kind" | "note" | "finding">): Promise<number> =>
    ledger.append([
      {
        time: instant(clock.nowMs()),
        principal: system.principal.id,
        principalKind: "system",
        operation,
        constitutionHash: constitution.hash,
        requestId: system.requestId,
        ...fields,
      },
    ]);
  /** A sound ledger that is not the one we knew: nothing is written on top of it before an owner has looked (T8). */
  const haltExchanged = async (): Promise<void> => {
    const threat = "T8_AUDIT_TAMPERING";
    log.error({ threat }, "the ledger is another one than the database remembers: writes are halted");
    const intentIndex = await record("server.start", {
      kind: "finding",
      finding: { threat, severity: "CRITICAL", pattern: "log_exchanged" },
    });
    await halts.set({ scope: everyProduct, threat, intentIndex, sinceMs: clock.nowMs() });
  };
  const closed = await ledger.closeInterrupted(
    async ({ index }) =>
      (await identity.effects.wasApplied(index)) ||
      (await identity.keys.wasApplied(index)) ||
      (await halts.wasApplied(index)) ||
      (await store.wasApplied(index)),
  );
  await identity.effects.forget(clock.nowMs());
  if (ledger.exchanged) await haltExchanged();
  if (closed > 0) log.warn({ closed }, "closed the intents that a crash had left open");
  await record("server.start", {
    kind: "admin",
    note: `version ${options.version}; constitution ${constitution.digest}`,
  });
  const keyIsDue = options.newAdminKey === true || !(await identity.keys.any());
  const key = keyIsDue ? (await keyring.create(system, { kind: "admin" })).value.key : undefined;
  const admin = await accounts.ensureFirstAdmin(system);
  return {
    ...(key === undefined ? {} : { adminKey: key }),
    ...(admin === undefined ? {} : { adminPassword: admin.oneTimePassword }),
  };
}

/** An intent is given its outcome at once, or at the next start; a month covers a server that an operator left halted. */
const effectsKeptMs = 30 * 24 * 60 * 60_000;
/** How often expired reservations and idempotency keys are swept, milliseconds; nothing waits for it. */
const sweepEveryMs = 60_000;

async function sweepStore(
  {
    store,
    users,
    oauth,
    effects,
    budgets,
  }: { store: ArtifactStore; users: UserWriter; oauth: OAuth; effects: Identity["effects"]; budgets: Budgets },
  clock: Clock,
  log: Log,
): Promise<void> {
  try {
    await users.sweep();
    await oauth.store.sweep();
    await effects.forget(clock.nowMs() - effectsKeptMs);
    await budgets.expire(clock.nowMs());
    await budgets.sweep(clock.nowMs());
    const reservations = await store.expireReservations(clock.nowMs());
    await store.forgetKeys(clock.nowMs());
    if (reservations > 0) log.warn({ reservations }, "gave back the space of uploads that never ended");
  } catch (error) {
    log.warn({ err: error }, "could not sweep; trying again later");
  }
}

/** The driver that the configuration asks for. */
function openMailer({ mail, data }: Config, clock: Clock, log: Log): Mailer {
  const { transport, from, smtpUrl } = mail;
  if (transport === "smtp") return smtpMailer({ url: smtpUrl, from });
  if (transport === "console") return consoleMailer({ out: process.stderr, from, clock });
  return diskMailer({ dir: join(data.dir, "mail"), from, clock, log });
}

async function openMigrated(config: Config, log: Log): Promise<Database> {
  const { url } = config.database;
  const database = await openDatabase(
    url === "" ? { kind: "sqlite", file: join(config.data.dir, "charter.db") } : { kind: "postgres", url },
    log,
  );
  try {
    await database.migrate([
      ...identityMigrations,
      ...ledgerMigrations,
      ...governanceMigrations,
      ...depositoryMigrations,
      ...budgetMigrations,
    ]);
    return database;
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
}

/** The issuers beside this server whose tokens are accepted. */
async function openIssuers(
  { identity: { issuersFile } }: Config,
  { data }: Constitution,
  clock: Clock,
  log: Log,
): Promise<ExternalIssuers> {
  const issuers = issuersFile === "" ? [] : readIssuers(issuersFile, (await readIfThere(issuersFile))?.toString());
  return new ExternalIssuers({ issuers, products: Object.keys(data.products), clock, log });
}

/** Counts in the Redis that is configured, or in this process. */
async function openCounter({ redis }: Config, clock: Clock, log: Log): Promise<Counter> {
  return redis.url === "" ? new MemoryCounter(clock) : openRedisCounter({ ...redis, clock, log });
}

/** Random bytes that an installation keeps: enough for a secret. */
const keptLength = 32;

/** Random bytes kept in a file of the data folder, made whole and durable at the first start. */
async function keptBytes(path: string): Promise<Buffer> {
  const kept = await readIfThere(path);
  if (kept?.length === keptLength) return kept;
  const bytes = randomBytes(keptLength);
  await replaceFile(path, bytes);
  return bytes;
}
