// Checks of what a Charter keeps: the data folder, its key, its ledger, its database.
import { access, constants, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { pathsOpenToOthers } from "../../app/private-folder.ts";
import type { OpenPath } from "../../app/private-folder.ts";
import { othersBits } from "../../kernel/file-modes.ts";
import { fail, ok, warn } from "../check.ts";
import type { Check } from "../check.ts";
import { sizeText } from "../quantity.ts";

/** Where a data folder keeps its ledger. */
export function ledgerFolder(dataDir: string): string {
  return join(dataDir, "ledger");
}

/** Whether the folder is there, writable, and closed to other users with everything in it. */
export async function checkFolder(dataDir: string): Promise<Check> {
  const info = await stat(dataDir).catch(() => undefined);
  if (info === undefined)
    return warn("data folder", `${dataDir} does not exist`, "it is made at the first charter serve");
  if (!info.isDirectory()) return fail("data folder", `${dataDir} is not a folder`, "name a folder with --data");
  try {
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    return fail("data folder", `${dataDir} cannot be written by this user`, "run as the user who owns it, or chown it");
  }
  const open: OpenPath[] = [];
  for await (const path of pathsOpenToOthers(dataDir)) open.push(path);
  const [first] = open;
  if (first === undefined) return ok("data folder", `${dataDir} (${octal(info.mode & 0o777)})`);
  const rest = open.length === 1 ? "" : ` and ${open.length - 1} more`;
  return warn(
    "data folder",
    `${first.path} (${octal(first.mode)})${rest} can be opened by other users`,
    `chmod -R go= ${dataDir}, or start charter serve, which does it`,
  );
}

/** Whether the signing key can be read by its owner alone. */
export async function checkKey(dataDir: string): Promise<Check> {
  const path = join(ledgerFolder(dataDir), "key.pem");
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) return warn("signing key", "there is none yet", "it is made at the first charter serve");
  const mode = info.mode & 0o777;
  if ((mode & othersBits) !== 0)
    return fail("signing key", `${path} can be read by others (${octal(mode)})`, `chmod 600 ${path}`);
  return ok("signing key", `${path} (${octal(mode)})`);
}

/** Verifies the ledger in a data folder with the independent verifier. */
export async function checkLedger(dataDir: string): Promise<Check> {
  const folder = ledgerFolder(dataDir);
  const isThere = await stat(join(folder, "checkpoint")).catch(() => undefined);
  if (isThere === undefined) return warn("ledger", "there is none yet", "it is begun at the first charter serve");
  const { verifyLedger } = await import("../../ledger/verify/index.ts");
  const report = await verifyLedger({ source: folder, allowLost: true });
  if (report.ok) {
    const verified = `${report.size} entries verified, root ${report.root}`;
    if (report.lost.length === 0) return ok("ledger", verified);
    const { acceptedLosses } = await import("../../ledger/index.ts");
    const accepted = new Set(await acceptedLosses(folder));
    const unsaid = report.lost.filter((index) => !accepted.has(index));
    const remedy = "see charter ledger repair --help";
    if (unsaid.length > 0) return fail("ledger", `the bytes of entries ${unsaid.join(", ")} are lost`, remedy);
    return warn(
      "ledger",
      `${verified}; entries ${report.lost.join(", ")} are on record as lost`,
      "keep looking for a backup that holds them",
    );
  }
  const where = report.index === null ? "" : `entry ${report.index}: `;
  return fail("ledger", `${where}${report.reason}`, "keep a copy of the folder, then see charter ledger repair --help");
}

/** Whether the database answers: SQLite's file is sound, or PostgreSQL takes a connection. */
export async function checkDatabase(url: string, dataDir: string): Promise<Check> {
  return url === "" ? checkSqlite(dataDir) : checkPostgres(url);
}

async function checkSqlite(dataDir: string): Promise<Check> {
  const names = await readdir(dataDir).catch(() => []);
  const name = names.find((candidate) => /[.](db|sqlite3?)$/.test(candidate));
  if (name === undefined)
    return warn("database", "there is no SQLite file yet", "it is made at the first charter serve");
  const path = join(dataDir, name);
  const { DatabaseSync } = await import("node:sqlite");
  try {
    const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
    try {
      const [row] = database.prepare("PRAGMA quick_check(1)").all();
      const verdict = String(Object.values(row ?? {})[0]);
      if (verdict !== "ok") return fail("database", `${path}: ${verdict}`, "restore the file from a backup");
      return ok("database", `SQLite ${path}, ${sizeText((await stat(path)).size)}`);
    } finally {
      database.close();
    }
  } catch (error) {
    return fail("database", `${path}: ${(error as Error).message}`, "restore the file from a backup");
  }
}

async function checkPostgres(url: string): Promise<Check> {
  const { openDatabase } = await import("../../db/index.ts");
  const { silentLog } = await import("../../kernel/ctx.ts");
  const place = URL.parse(url)?.host ?? "the configured host";
  const remedy = "check database.url, the server, and the network between";
  try {
    await using database = await openDatabase({ kind: "postgres", url }, silentLog);
    return ok("database", `${database.dialect} at ${place}`);
  } catch (error) {
    return fail("database", `PostgreSQL at ${place} does not answer: ${(error as Error).message}`, remedy);
  }
}

/** When Charter last wrote anything durable, milliseconds since the epoch. */
export async function newestWriteMs(dataDir: string): Promise<number | undefined> {
  const info = await stat(join(ledgerFolder(dataDir), "checkpoint")).catch(() => undefined);
  return info?.mtimeMs;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
