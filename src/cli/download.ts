// Receives content and proves that it is what the server says it is, without ever holding more than a piece of it.
//
// A file appears under its name only when all of its bytes have arrived and their digest is right.
import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Transform } from "node:stream";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Answer } from "./client.ts";

/** What was received. */
export interface Received {
  readonly sizeBytes: number;
  /** `sha256:<hex>` of the bytes. */
  readonly digest: string;
  /** Whether the server had declared the digest, so that it could be compared. */
  readonly verified: boolean;
}

/** Writes an answer to a file by way of a temporary one next to it. */
export async function receiveFile(answer: Answer, path: string, onBytes: (count: number) => void): Promise<Received> {
  const partial = join(dirname(path), `.${basename(path)}.${randomUUID()}.part`);
  try {
    const received = await receive(answer, createWriteStream(partial, { flags: "wx", flush: true }), onBytes);
    await rename(partial, path);
    return received;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Writes an answer to a stream, which is left open when it is stdout; throws when the bytes are not the declared ones. */
export async function receive(answer: Answer, target: Writable, onBytes: (count: number) => void): Promise<Received> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const meter = new Transform({
    transform(piece: Buffer, _encoding, done) {
      hash.update(piece);
      sizeBytes += piece.length;
      onBytes(piece.length);
      done(null, piece);
    },
  });
  await pipeline(answer.body, meter, target, { end: target !== process.stdout });
  const digest = hash.digest();
  const declared = declaredDigest(answer.headers["repr-digest"]);
  if (declared !== undefined && !declared.equals(digest)) {
    throw new Error(
      `the bytes received hash to ${digest.toString("hex")}, the server declared ${declared.toString("hex")}`,
    );
  }
  return { sizeBytes, digest: `sha256:${digest.toString("hex")}`, verified: declared !== undefined };
}

/** The SHA-256 in a Repr-Digest header (RFC 9530), if it holds one. */
function declaredDigest(header: string | string[] | undefined): Buffer | undefined {
  const match = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):/.exec(String(header ?? ""));
  return match?.[1] === undefined ? undefined : Buffer.from(match[1], "base64");
}
