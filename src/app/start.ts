// Starts Charter: opens the application from the ground up, settles what a crash left open, listens, and closes everything in the
// opposite order.
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { modules } from "../app.ts";
import type { Config } from "../config/index.ts";
import { DatabaseProbe, openDatabase } from "../db/index.ts";
import type { Database } from "../db/index.ts";
import { makeFolder, removeTemporary, syncFolder } from "../durable-files/index.ts";
import { buildServer, cursorsUnder, drainServer, openTls } from "../http/index.ts";
import { systemClock } from "../kernel/clock.ts";
import type { Clock } from "../kernel/clock.ts";
import { silentLog } from "../kernel/ctx.ts";
import type { Log } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import type { Meter } from "../kernel/meter.ts";
import { openModules } from "../kernel/module.ts";
import type { Module, Opened } from "../kernel/module.ts";
import type { Operations } from "../kernel/operation.ts";
import { PrometheusMeter } from "../telemetry/prometheus-meter.ts";
import { beginService } from "./begin-service.ts";
import type { FirstCredentials } from "./begin-service.ts";
import { openLog } from "./log.ts";
import { closeToOthers } from "./private-folder.ts";
import { Settling } from "./settling.ts";
import { Sweeping } from "./sweeping.ts";
import { UnshownCredentials } from "./unshown-credentials.ts";
import type { Sweep } from "./sweeping.ts";

/** A running Charter. */
export interface Charter extends FirstCredentials {
  readonly url: string;
  readonly dataDir: string;
  readonly constitutionHash: string;
  /** Why writes are refused, when they are. */
  readonly trouble?: string;
  /** Credentials that could not be made yet for want of room; resolves once there is some. */
  readonly later?: Promise<FirstCredentials>;
  /** To be called when the credentials have been shown; until then the next start makes others in their place. */
  shown(): Promise<void>;
  /** Stops accepting, waits for running requests, and closes everything. */
  close(): Promise<void>;
}

/** What a start is given in addition to its configuration; tests bring their own clock and log. */
export interface StartOptions {
  readonly version: string;
  readonly clock?: Clock;
  readonly log?: Log;
  /** Makes another admin key, as at the first start; for operators who have lost theirs. */
  readonly newAdminKey?: boolean;
  /** Whether `shown` will be called; otherwise the caller of `startCharter` has seen what it gives. */
  readonly awaitsShown?: boolean;
  /** The environment, where the catalogue of models finds the keys of providers. */
  readonly variables?: Readonly<Record<string, string | undefined>>;
  /** Told how much of the ledger has been verified, in leaves. */
  readonly onVerify?: (done: number, total: number) => void;
}

/** What is there before any domain is. */
interface Base extends Required<Pick<StartOptions, "version" | "clock" | "log" | "variables">> {
  readonly config: Config;
  readonly database: Database;
  readonly meter: PrometheusMeter;
  readonly onVerify: StartOptions["onVerify"];
  /** All operations, of every domain. */
  readonly operations: Operations;
}

/** Everything that is open. */
export type House = Opened<Base, typeof modules>;

/** Starts Charter. */
export async function startCharter(config: Config, options: StartOptions): Promise<Charter> {
  const { version, clock = systemClock, variables = {}, onVerify } = options;
  const log = options.log ?? openLog(config.log.level);
  await makeDataFolder(config.data.dir, log);
  await using opened = new AsyncDisposableStack();
  const keep = <T extends AsyncDisposable | Disposable>(resource: T): T => opened.use(resource);
  const meter = keep(new PrometheusMeter(log));
  const database = keep(await openMigrated(config, log, meter));
  const operations: Operations = Object.assign({}, ...(modules as readonly Module[]).map((each) => each.operations));
  const base: Base = { config, version, clock, log, meter, variables, onVerify, database, operations };
  const house: House = await openModules(base, modules, keep);
  // The lock of the ledger, which is held now, stands for the whole folder.
  await removeTemporary(config.data.dir);
  keep(new Sweeping(sweepsOf(house), log));
  const unshown = new UnshownCredentials(config.data.dir);
  const { steps, first } = openingOf(house, options.newAdminKey === true, unshown);
  const settling = keep(new Settling(steps, log));
  // A damaged ledger takes no leaves at all, and is mended only while no server has it open.
  const isSettled = canSettle(house) && (await settling.now());
  const condition = house.ledger.condition();
  if (condition.state !== "open") log.error({ condition }, "the ledger is not open: writes are refused until it is");

  const url = await listen(house, (close) => opened.defer(close));
  house.ownUrl.listensAt(url);
  if (options.awaitsShown !== true) await unshown.forget();
  const parts = opened.move();
  return {
    url,
    ...first,
    dataDir: config.data.dir,
    constitutionHash: house.constitution.hash,
    ...(condition.state === "open" ? {} : { trouble: condition.reason }),
    ...(isSettled || !canSettle(house) ? {} : { later: settling.later.then(() => first) }),
    shown: () => unshown.forget(),
    close: () => parts.disposeAsync(),
  };
}

/** What a start has to do before anything is attempted, and what comes of it. Until what was left is settled nothing new begins. */
function openingOf(house: House, newAdminKey: boolean, unshown: UnshownCredentials) {
  const release = house.ledger.holdNew("what the last end of this server left is not settled yet");
  const begun = beginService(house, newAdminKey, unshown);
  const recovering = (modules as readonly Module[]).flatMap(({ recover }) => recover ?? []);
  const settled = recovering.map((recover) => () => recover(house as never));
  return { steps: [...settled, release, ...begun.steps], first: begun.first };
}

function canSettle({ ledger }: House): boolean {
  return ["open", "full"].includes(ledger.condition().state);
}

async function makeDataFolder(dir: string, log: Log): Promise<void> {
  try {
    await makeFolder(dir);
  } catch (error) {
    throw new Error(`the data folder ${dir} cannot be made: ${(error as Error).message}`, { cause: error });
  }
  await closeToOthers(dir, log);
  await syncFolder(dirname(dir));
}

/** How long a start waits for a database server that does not answer, and how often it asks again, milliseconds. */
const databaseWaitMs = 30_000;
const databasePauseMs = 1_000;

/** Waits for a database server that cannot be reached yet, as where both were started together. */
async function reachDatabase(url: string, log: Log): Promise<void> {
  const place = new URL(url).host;
  const untilMs = performance.now() + databaseWaitMs;
  for (let isFirst = true; ; isFirst = false) {
    try {
      await using _database = await openDatabase({ kind: "postgres", url }, silentLog);
      return;
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== "db.unavailable") throw error;
      const why = error.cause instanceof Error ? error.cause.message || error.cause.name : error.message;
      if (performance.now() > untilMs) {
        throw new Error(`the database at ${place} cannot be reached: ${why}`, { cause: error });
      }
      if (isFirst)
        log.warn({ place, why, forMs: databaseWaitMs }, "the database cannot be reached yet: waiting for it");
      await sleep(databasePauseMs);
    }
  }
}

async function openMigrated(config: Config, log: Log, meter: Meter): Promise<Database> {
  const { url } = config.database;
  if (url !== "") await reachDatabase(url, log);
  const file = join(config.data.dir, "charter.db");
  const database = await openDatabase(url === "" ? { kind: "sqlite", file } : { kind: "postgres", url }, log, meter);
  try {
    await database.migrate((modules as readonly Module[]).flatMap(({ migrations = [] }) => migrations));
    return database;
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
}

/** Opens the HTTP door; resolves with its URL. */
async function listen(house: House, defer: (close: () => Promise<void>) => void): Promise<string> {
  const { config, clock, log, constitution, secrets } = house;
  const { host, port, drainNoticeMs, drainTimeoutMs, requestTimeoutMs } = config.http;
  // An upload may take as long as the room that is kept for it, and no longer: it could not be stored afterwards.
  const uploadMs = constitution.data.limits.abandonedUploadSeconds * 1000;
  const probe = new DatabaseProbe(house.database);
  const server = await buildServer(
    {
      ...house,
      metrics: house.meter,
      cursors: cursorsUnder(await secrets.bytes("cursor.key")),
      databaseTrouble: () => probe.trouble(),
    },
    {
      ...config.http,
      requestTimeoutMs: Math.min(requestTimeoutMs, uploadMs),
      maxModelRequestBytes: config.gateway.maxRequestBytes,
    },
    config.tls.certFile === "" ? undefined : await openTls(config.tls, clock, log),
  );
  defer(async () => {
    const endMs = performance.now() + drainTimeoutMs;
    await drainServer(server, { noticeMs: drainNoticeMs, timeoutMs: drainTimeoutMs });
    // No one waits on a connection for what is worked on in the background.
    await house.backgroundResponses.drained(Math.max(0, endMs - performance.now()));
  });
  // `localhost` may be two addresses, and the second would get a listener that the front door does not stand before.
  return server.listen({ host: host === "localhost" ? "127.0.0.1" : host, port });
}

function sweepsOf(house: House): readonly Sweep[] {
  return (modules as readonly Module[]).flatMap(({ name, sweeps = [] }) =>
    sweeps.map((sweep) => ({ module: name, sweep: () => sweep(house as never) })),
  );
}
