// Codes of the cache of answers.
import { faultsOf } from "../kernel/fault.ts";

/** The cache's codes, each with its HTTP status and its public meaning. */
export const cacheCodes = {
  "cache.not_stored": [504, "The caller asked for a stored answer only, and none is stored that it may have."],
  "cache.left_behind": [503, "The answer came faster than this caller read it, and what it missed is no longer held."],
} as const;

/** Makes a fault of the cache. */
export const cacheFault = faultsOf(cacheCodes);
