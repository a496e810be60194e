// What the database of a data folder knows about its ledger.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { silentLog } from "../../kernel/ctx.ts";

/** How many ledger entries the database speaks of; 0 when there is no database. The server must be stopped. */
export async function knownEntries(dataDir: string, databaseUrl: string): Promise<number> {
  const file = join(dataDir, "charter.db");
  if (databaseUrl === "" && !existsSync(file)) return 0;
  const { Effects, openDatabase } = await import("../../db/index.ts");
  const { indexedEntries } = await import("../../ledger/index.ts");
  const place =
    databaseUrl === "" ? ({ kind: "sqlite", file } as const) : ({ kind: "postgres", url: databaseUrl } as const);
  await using database = await openDatabase(place, silentLog);
  const newest = await new Effects(database).newest();
  return Math.max(newest + 1, await indexedEntries(database));
}
