// A database in a folder that goes with it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../../../src/db/index.ts";
import type { Database, Migration } from "../../../src/db/index.ts";
import { silentLog } from "../../../src/kernel/ctx.ts";

/** Opens a SQLite database that has run these steps; disposing of it removes its folder. */
export async function temporaryDatabase(
  migrations: readonly Migration[] = [],
): Promise<{ readonly database: Database } & AsyncDisposable> {
  const dir = await mkdtemp(join(tmpdir(), "charter-database-"));
  const database = await openDatabase({ kind: "sqlite", file: join(dir, "test.db") }, silentLog);
  await database.migrate(migrations);
  return {
    database,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await rm(dir, { recursive: true });
    },
  };
}
