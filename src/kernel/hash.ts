// SHA-256 in the three spellings Charter uses: bytes for trees, hex for people, `sha256:<hex>` for records.
import { createHash, hash, timingSafeEqual } from "node:crypto";
import type { Hash } from "node:crypto";
import { canonicalJson } from "./canonical-json.ts";

/** A SHA-256 digest as records spell it: `sha256:` and 64 lower-case hex digits. */
export type Digest = `sha256:${string}`;

/** SHA-256 of bytes or UTF-8 text as 32 bytes. It goes through a string, which costs half of what Node needs for a buffer. */
export function sha256(data: Uint8Array | string): Buffer {
  return Buffer.from(hash("sha256", data, "binary"), "binary");
}

/** SHA-256 of bytes or UTF-8 text as 64 hex digits. */
export function sha256Hex(data: Uint8Array | string): string {
  return hash("sha256", data, "hex");
}

/** SHA-256 of bytes or UTF-8 text as a record digest. */
export function digestOf(data: Uint8Array | string): Digest {
  return `sha256:${sha256Hex(data)}`;
}

/** The record digest of a JSON value: SHA-256 over its RFC 8785 text. */
export function digestOfJson(value: unknown): Digest {
  return digestOf(canonicalJson(value));
}

/** Whether text is a well-formed record digest. */
export function isDigest(text: string): text is Digest {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

/** A SHA-256 that is fed in pieces. */
export interface RunningHash {
  /** Adds bytes, or text as UTF-8. */
  update(data: Uint8Array | string): void;
  /** Ends the hash; call once. */
  digest(): Digest;
}

/** Text that is gathered before a hash is begun, UTF-16 units: one step over it costs a fraction of one per piece. */
const gatheredUnits = 16 * 1024;

/** A SHA-256 that is fed in pieces. */
export function runningHash(): RunningHash {
  let gathered = "";
  let begun: Hash | undefined;
  return {
    update(data) {
      if (begun === undefined && typeof data === "string" && gathered.length + data.length <= gatheredUnits) {
        gathered += data;
        return;
      }
      begun ??= createHash("sha256").update(gathered);
      begun.update(data);
    },
    digest: () => (begun === undefined ? digestOf(gathered) : `sha256:${begun.copy().digest("hex")}`),
  };
}

/** Compares two secrets in time that depends on their length only. */
export function equalSecrets(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}
