// What can go wrong between Charter and its database, as callers may read it.
import { faultsOf } from "../kernel/fault.ts";

/** The codes of this domain, each with its HTTP status and its public meaning. */
export const dbCodes = {
  "db.full": [503, "The database has no room left; nothing was written."],
  "db.unavailable": [503, "The database cannot be reached or is busy; try again later."],
  "db.damaged": [503, "The database file is damaged; restore it from a backup."],
  "db.text_invalid": [400, "A text holds a character that the database cannot hold, such as NUL."],
  "db.newer_schema": [503, "The database was changed by a newer version of Charter."],
} as const;

/** Makes a fault of this domain. */
export const dbFault = faultsOf(dbCodes);
