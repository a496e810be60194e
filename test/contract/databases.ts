// Where the contract suites get their databases: a fresh SQLite file or a fresh PostgreSQL database per place.
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../../src/db/index.ts";
import type { Database } from "../../src/db/index.ts";
import { silentLog } from "../../src/kernel/ctx.ts";
import { describeWith } from "../support/servers/requires.ts";
import { UnreliableDatabase } from "../support/storage/unreliable-database.ts";
import { freshPostgres } from "../support/servers/postgres.ts";

/** One empty database that can be opened, closed and opened again, until the place is disposed of. */
export interface DatabasePlace extends AsyncDisposable {
  open(): Promise<Database>;
  /** A place with what a process would leave here that is killed at this moment; only where the place is a folder. */
  killed?(): Promise<DatabasePlace>;
}

/** Makes a new place. */
export type DatabasePlaces = () => Promise<DatabasePlace>;

/** A SQLite file in a directory of its own. */
export async function sqlitePlace(): Promise<DatabasePlace> {
  return placeAt(await mkdtemp(join(tmpdir(), "charter-db-")));
}

function placeAt(directory: string): DatabasePlace {
  return {
    killed: async () => {
      const copy = await mkdtemp(join(tmpdir(), "charter-db-"));
      await cp(directory, copy, { recursive: true });
      return placeAt(copy);
    },
    open: () => openDatabase({ kind: "sqlite", file: join(directory, "charter.db") }, silentLog),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

/** A database of its own on the tests' PostgreSQL server. */
async function postgresPlace(): Promise<DatabasePlace> {
  const fresh = await freshPostgres();
  return {
    open: () => openDatabase({ kind: "postgres", url: fresh.url }, silentLog),
    [Symbol.asyncDispose]: () => fresh[Symbol.asyncDispose](),
  };
}

/** Runs a suite on SQLite and on PostgreSQL. */
export function onBothDialects(suite: (name: string, places: DatabasePlaces) => void): void {
  suite("SQLite", sqlitePlace);
  onPostgres(suite);
}

/** Runs a suite on PostgreSQL, or skips it with the reason when the tests have no server. */
export function onPostgres(suite: (name: string, places: DatabasePlaces) => void): void {
  describeWith(["postgres"], "with a PostgreSQL server", () => suite("PostgreSQL", postgresPlace));
}

/** The same places with databases whose commits fail when they are told to. */
export function unreliable(places: DatabasePlaces): DatabasePlaces {
  return async () => {
    const place = await places();
    return { ...place, open: async () => new UnreliableDatabase(await place.open()) };
  };
}
