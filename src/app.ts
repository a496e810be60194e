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
import { everyProduct, governanceMigrations, openGate, openHalts, openKeyring } from "./governance/index.ts";
import type { Halts, Keyring } from "./governance/index.ts";
import { buildServer, cursorsUnder } from "./http/index.ts";
import { identityMigrations, openIdentity } from "./identity/index.ts";
import type { Identity } from "./identity/index.ts";
import { instant, systemClock } from "./kernel/clock.ts";
import type { Clock } from "./kernel/clock.ts";
import type { Ctx, Log } from "./kernel/ctx.ts";
import { newId } from "./kernel/ids.ts";
import { readIfThere, replaceFile, syncFolder } from "./ledger/disk-files.ts";
import { indexedEntries, ledgerMigrations, openLedger } from "./ledger/index.ts";
import type { DiskLedger, Leaf } from "./ledger/index.ts";

/** A running Charter. */
export interface Charter {
  readonly url: string;
  /** An admin's key; only at the very first start or when a new one was asked for, and never again. */
  readonly adminKey?: string;
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
  /** Told how much of the ledger has been verified, in leaves. */
  readonly onVerify?: (done: number, total: number) => void;
}

/** Starts Charter: opens everything, settles what a crash left open, and listens. */
export async function startCharter(config: Config, options: StartOptions): Promise<Charter> {
  const clock = options.clock ?? systemClock;
  const log = options.log ?? pino({ level: config.log.level }, pino.destination(2));
  const constitution = loadConstitution(config.constitution.dir);
  const dataDir = config.data.dir;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await syncFolder(dirname(dataDir));

  await using opened = new AsyncDisposableStack();
  const database = opened.use(await openMigrated(config, log));
  const instance = (await keptBytes(join(dataDir, "instance-id"))).toString("hex");
  const store = openArtifactStore(database, instance);
  const identity = opened.use(openIdentity({ db: database, clock, log }));
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
  const halts = await openHalts(database);
  const gate = opened.use(openGate({ constitution, ledger, halts }));
  const keyring = openKeyring({ gate, identity, constitution });
  const shelf = openShelf({ constitution, gate, ledger, store, blobs });
  const depository = openDepository({ constitution, gate, database, store, shelf, blobs, clock });

  const sweep = setInterval(() => void sweepStore(store, clock, log), sweepEveryMs).unref();
  opened.defer(() => clearInterval(sweep));

  const condition = ledger.condition();
  let adminKey: string | undefined;
  if (condition.state === "open") {
    await store.dropReservationsOf(instance);
    adminKey = await settle({ clock, log, constitution, ledger, identity, halts, store, keyring }, options);
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
      authenticator: identity.authenticator,
      keys: keyring,
      depository,
      shelf,
      cursors: cursorsUnder(await keptBytes(join(dataDir, "cursor.key"))),
    },
    // An upload may take as long as the room that is kept for it, and no longer: it could not be stored afterwards.
    { ...config.http, requestTimeoutMs: Math.min(config.http.requestTimeoutMs, uploadMs) },
  );
  opened.defer(() => drain(server, config.http.drainTimeoutMs));
  const url = await server.listen({ host: config.http.host, port: config.http.port });
  const parts = opened.move();
  return {
    url,
    ...(adminKey === undefined ? {} : { adminKey }),
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
}

/** Closes what a crash left open, puts the start on record, and makes an admin's key where one is due. */
async function settle(parts: SettledParts, options: StartOptions): Promise<string | undefined> {
  const { clock, log, constitution, ledger, identity, halts, store, keyring } = parts;
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
        v: 1,
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
  if (options.newAdminKey !== true && (await identity.keys.any())) return undefined;
  return (await keyring.create(system, { kind: "admin" })).value.key;
}

/** Closes the server: running requests may end, and those that have not by the time allowed are cut off. */
async function drain(server: Awaited<ReturnType<typeof buildServer>>, timeoutMs: number): Promise<void> {
  const cutOff = setTimeout(() => server.server.closeAllConnections(), timeoutMs);
  await server.close();
  clearTimeout(cutOff);
}

/** How often expired reservations and idempotency keys are swept, milliseconds; nothing waits for it. */
const sweepEveryMs = 60_000;

async function sweepStore(store: ArtifactStore, clock: Clock, log: Log): Promise<void> {
  try {
    const reservations = await store.expireReservations(clock.nowMs());
    await store.forgetKeys(clock.nowMs());
    if (reservations > 0) log.warn({ reservations }, "gave back the space of uploads that never ended");
  } catch (error) {
    log.warn({ err: error }, "could not sweep; trying again later");
  }
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
    ]);
    return database;
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
}

/** Random bytes that an installation keeps: enough for a secret. */
const keptLength = 32;

/** Random bytes kept in a file of the data folder, made whole and durable at the first start. */
async function keptBytes(path: string): Promise<Buffer> {
  const kept = await readIfThere(path);
  if (kept?.length === keptLength) return kept;
  const bytes = randomBytes(keptLength);
  await replaceFile(path, bytes, 0o600);
  return bytes;
}
