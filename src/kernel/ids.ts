// Identifiers are UUIDv7 (RFC 9562): unique without coordination and sorted by the time they were made.
import { randomBytes } from "node:crypto";
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

/** A new UUIDv7 of the wanted kind: 48 bits of Unix milliseconds, then 74 random bits (RFC 9562 section 5.7). */
export function newId<Kind extends string>(clock: Clock): Id<Kind> {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(clock.nowMs(), 0, 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as Id<Kind>;
}
