// Identifiers are UUIDv7 (RFC 9562): unique without coordination and sorted by the time they were made.
import { randomUUID } from "node:crypto";
import type { Clock } from "./clock.ts";

/** An identifier that belongs to one kind of thing and cannot be passed for another. */
export type Id<Kind extends string> = string & { readonly __kind: Kind };
/** Identifies one stored artifact. */
export type ArtifactId = Id<"artifact">;
/** Identifies one request from door to ledger. */
export type RequestId = Id<"request">;

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Whether text is a lower-case UUID of RFC 9562. */
export function isUuid(text: string): boolean {
  return uuidPattern.test(text);
}

/**
 * A new UUIDv7 of the wanted kind: 48 bits of Unix milliseconds, then 74 random bits (RFC 9562 section 5.7). The random bits
 * are those of a version 4 UUID, which Node makes from a pool and so several times faster than it fills 16 bytes.
 */
export function newId<Kind extends string>(clock: Clock): Id<Kind> {
  const timeMs = clock.nowMs();
  if (timeMs !== lastMs) [lastText, lastMs] = [beginningAt(timeMs), timeMs];
  return (lastText + randomUUID().slice(15)) as Id<Kind>;
}

/** How the ids of an instant begin: of those that are made at once it is spelled once. */
function beginningAt(timeMs: number): string {
  const time = timeMs.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7`;
}

let [lastMs, lastText] = [0, beginningAt(0)];
