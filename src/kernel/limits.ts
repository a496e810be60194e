// Every fixed limit of the program, named, with its reason. Limits an operator may change live in the
// configuration or in the constitution; these are the ones that protect the program itself.

/** Largest ledger leaf in bytes: the length prefix of a C2SP entry bundle is a uint16. */
export const maxLeafBytes = 65_535;

/** Deepest nesting of JSON accepted anywhere; deeper input only serves to exhaust stacks. */
export const maxJsonDepth = 32;

/** Most values in one JSON document accepted anywhere; bounds the time that parsing one request holds up the others. */
export const maxJsonNodes = 250_000;

/** Largest JSON envelope in bytes; larger content is streamed instead of parsed. */
export const maxJsonBodyBytes = 4 * 1024 * 1024;

/** Largest blob that goes into a shared pack segment; a larger one gets a file of its own. */
export const maxPackedBlobBytes = 1024 * 1024;

/** Largest pack segment in bytes; small enough to copy and scrub in seconds. */
export const maxSegmentBytes = 1024 * 1024 * 1024;

/** Most rows in one page of a listing. */
export const maxPageSize = 1000;

/** Rows in a page when the caller does not say. */
export const defaultPageSize = 100;

/** Most leaves in one group commit; bounds the time the first waiter waits for the last. */
export const maxCommitLeaves = 2048;

/** When to come back after the storage was full, seconds: about as long as operators need to notice. */
export const storageRetrySeconds = 60;

/** How often open calls are judged again by what has passed with time, milliseconds: a quarter of the second that is promised. */
export const reviewMs = 250;

/** How often the database is asked what open calls rest on, milliseconds; other processes may have changed it. */
export const askAgainMs = 1_000;

/** How long an act whose call was stopped may take to clean up before its caller is answered, milliseconds. */
export const stopGraceMs = 400;
