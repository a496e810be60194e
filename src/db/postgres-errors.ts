// Which PostgreSQL errors mean "run it again", "no room", "no such text" or "not reachable" (PostgreSQL manual, appendix A).
import { Fault } from "../kernel/fault.ts";
import { dbFault } from "./errors.ts";

/** serialization_failure and deadlock_detected: the server undid the transaction, and running it again may succeed. */
const conflicts = new Set(["40001", "40P01"]);

/** disk_full, and too few resources of other kinds. */
const noRoom = new Set(["53100"]);

/** character_not_in_repertoire, untranslatable_character: PostgreSQL holds no NUL in a text. */
const badText = new Set(["22021", "22P05"]);

/** Timeouts, shutdown, too many connections, lock not available, read-only standby after a failover. */
const unavailable = new Set(["57014", "57P01", "57P02", "57P03", "57P05", "25P03", "53200", "53300", "55P03", "25006"]);

/** Codes of the operating system's socket errors. */
const network = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENOENT",
]);

/** Errors that pg raises itself carry no code, only these words. */
const lostWords =
  /connection terminated|client has encountered a connection error|timeout exceeded when trying to connect|query read timeout|not queryable|connection ended|client was closed/i;

/** Whether the server undid a transaction because it met another one. */
export function isConflict(error: unknown): boolean {
  return conflicts.has(codeOf(error));
}

/** Whether a connection that met a fault is to be closed: the server may close it a moment after its last word. */
export function breaks(fault: unknown): boolean {
  return fault instanceof Fault && fault.code !== "db.text_invalid";
}

/** The error as a fault of this domain where it is one; any other error unchanged. */
export function publicFault(error: unknown): unknown {
  if (error instanceof Fault || isConflict(error)) return error;
  const code = codeOf(error);
  if (noRoom.has(code)) {
    return dbFault("db.full", "The database has no room left; nothing was written.", {}, error);
  }
  if (badText.has(code)) {
    return dbFault("db.text_invalid", "A text holds a character that the database cannot hold.", {}, error);
  }
  const lost = code === "" && error instanceof Error && lostWords.test(error.message);
  // Class 08 is "connection exception".
  if (lost || unavailable.has(code) || network.has(code) || /^08...$/.test(code)) {
    return dbFault("db.unavailable", "The database cannot be reached.", { retryAfterSeconds: 1 }, error);
  }
  return error;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
