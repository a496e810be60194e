// A tlog-tiles log made the slow and obvious way, straight from the definitions: the recursive Merkle Tree Hash of
// RFC 6962 section 2.1, one tile after the other, one Ed25519 signed note. The verifier is tested against it.
import { createHash, createPrivateKey, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";

/** SHA-256 over the concatenation of parts. */
export function sha256Of(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** MTH of RFC 6962 section 2.1 over entries[start, end). */
export function merkleTreeHash(entries: readonly Uint8Array[], start = 0, end = entries.length): Buffer {
  const size = end - start;
  if (size === 0) return sha256Of();
  if (size === 1) return sha256Of(Uint8Array.of(0), entries[start]!);
  let split = 1;
  while (split * 2 < size) split *= 2;
  const left = merkleTreeHash(entries, start, start + split);
  return sha256Of(Uint8Array.of(1), left, merkleTreeHash(entries, start + split, end));
}

/** PATH of RFC 6962 section 2.1.1 for one index, leaf's sibling first. */
export function auditPath(entries: readonly Uint8Array[], index: number, start = 0, end = entries.length): Buffer[] {
  const size = end - start;
  if (size <= 1) return [];
  let split = 1;
  while (split * 2 < size) split *= 2;
  const middle = start + split;
  return index < split
    ? [...auditPath(entries, index, start, middle), merkleTreeHash(entries, middle, end)]
    : [...auditPath(entries, index - split, middle, end), merkleTreeHash(entries, start, middle)];
}

/** PROOF of RFC 6962 section 2.1.2 between the first `oldSize` entries and all of them; `oldSize` at least 1. */
export function consistencyPath(entries: readonly Uint8Array[], oldSize: number): Buffer[] {
  const walk = (start: number, end: number, old: number, known: boolean): Buffer[] => {
    const size = end - start;
    if (old === size) return known ? [] : [merkleTreeHash(entries, start, end)];
    let split = 1;
    while (split * 2 < size) split *= 2;
    const middle = start + split;
    return old <= split
      ? [...walk(start, middle, old, known), merkleTreeHash(entries, middle, end)]
      : [...walk(middle, end, old - split, false), merkleTreeHash(entries, start, middle)];
  };
  return walk(0, entries.length, oldSize, true);
}

/** A key that is the same in every run, from its seed (RFC 8410 PKCS #8 prefix for Ed25519). */
export function noteKey(name: string, seed = 1): { privateKey: KeyObject; id: Buffer; verifierKey: string } {
  const prefix = Buffer.from("302e020100300506032b657004220420", "hex");
  const privateKey = createPrivateKey({
    key: Buffer.concat([prefix, Buffer.alloc(32, seed)]),
    format: "der",
    type: "pkcs8",
  });
  const { x } = privateKey.export({ format: "jwk" });
  const material = Buffer.concat([Uint8Array.of(1), Buffer.from(x!, "base64url")]);
  const id = sha256Of(Buffer.from(`${name}\n`), material).subarray(0, 4);
  return { privateKey, id, verifierKey: `${name}+${id.toString("hex")}+${material.toString("base64")}` };
}

/** A signed note over text that ends in a newline. */
export function signedNote(text: string, name: string, seed = 1): string {
  const { privateKey, id } = noteKey(name, seed);
  const signature = sign(null, Buffer.from(text), privateKey);
  return `${text}\n\u2014 ${name} ${Buffer.concat([id, signature]).toString("base64")}\n`;
}

/** The checkpoint of entries. */
export function naiveCheckpoint(entries: readonly Uint8Array[], origin: string, seed = 1): string {
  return signedNote(`${origin}\n${entries.length}\n${merkleTreeHash(entries).toString("base64")}\n`, origin, seed);
}

/** The tlog-proof of one entry. */
export function naiveProof(entries: readonly Uint8Array[], index: number, origin: string): string {
  const path = auditPath(entries, index).map((hash) => `${hash.toString("base64")}\n`);
  return `c2sp.org/tlog-proof@v1\nindex ${index}\n${path.join("")}\n${naiveCheckpoint(entries, origin)}`;
}

/** One entry bundle. */
export function naiveBundle(entries: readonly Uint8Array[]): Buffer {
  const prefixed = entries.map((entry) => {
    const prefix = Buffer.alloc(2);
    prefix.writeUInt16BE(entry.length);
    return Buffer.concat([prefix, entry]);
  });
  return Buffer.concat(prefixed);
}

/** One frame of a ledger's journal: entries from `first` on and the checkpoint of the tree that ends with them. */
export function naiveFrame(first: number, entries: readonly Uint8Array[], note: string): Buffer {
  const bundle = naiveBundle(entries);
  const head = Buffer.alloc(24);
  head.write("CLJ1");
  head.writeBigUInt64BE(BigInt(first), 4);
  head.writeUInt32BE(entries.length, 12);
  head.writeUInt32BE(bundle.length, 16);
  head.writeUInt32BE(Buffer.byteLength(note), 20);
  const whole = Buffer.concat([head, checksum(head), bundle, Buffer.from(note)]);
  return Buffer.concat([whole, checksum(whole)]);
}

function checksum(bytes: Uint8Array): Buffer {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum;
}

/** All resources of a log, by path below its prefix. */
export function naiveLog(entries: readonly Uint8Array[], origin: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  files.set("checkpoint", Buffer.from(naiveCheckpoint(entries, origin)));
  files.set("verifier-key", Buffer.from(`${noteKey(origin).verifierKey}\n`));
  for (let n = 0; n * 256 < entries.length; n++) {
    const part = entries.slice(n * 256, (n + 1) * 256);
    files.set(naivePath("entries", n, part.length), naiveBundle(part));
  }
  for (let level = 0; 256 ** level <= entries.length; level++) {
    const span = 256 ** level;
    const hashes = Array.from({ length: Math.floor(entries.length / span) }, (_, i) =>
      merkleTreeHash(entries, i * span, (i + 1) * span),
    );
    for (let n = 0; n * 256 < hashes.length; n++) {
      const part = hashes.slice(n * 256, (n + 1) * 256);
      files.set(naivePath(level, n, part.length), Buffer.concat(part));
    }
  }
  return files;
}

/** Path of a tile with an index below one million. */
function naivePath(level: number | "entries", index: number, width: number): string {
  const [high, low] = [Math.floor(index / 1000), index % 1000].map((part) => String(part).padStart(3, "0"));
  const suffix = width === 256 ? "" : `.p/${width}`;
  return `tile/${level}/${index < 1000 ? low : `x${high}/${low}`}${suffix}`;
}

/** Writes resources into a new temporary folder that goes away when disposed. */
export async function folderOf(
  files: ReadonlyMap<string, Uint8Array>,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "charter-log-"));
  for (const [name, bytes] of files) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), bytes);
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Canonical bytes of an admin leaf with some fields changed; nested values must be in canonical order already. */
export function naiveLeaf(index: number, changes: object = {}): Buffer {
  const fields: Record<string, unknown> = {
    constitution_hash: "0123456789abcdef",
    kind: "admin",
    note: `entry ${index}`,
    operation: "test.append",
    principal: "system",
    principal_kind: "system",
    request_id: "r",
    time: "2026-11-21T00:00:00.000Z",
    v: 2,
    ...changes,
  };
  const sorted = Object.entries(fields).toSorted(([left], [right]) => (left < right ? -1 : 1));
  return Buffer.from(JSON.stringify(Object.fromEntries(sorted)));
}
