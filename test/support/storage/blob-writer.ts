// Puts blobs into the disk store of a folder until it is killed, and prints every one that was acknowledged.
import { randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import { openDiskBlobs } from "../../../src/depository/blobs/disk.ts";
import { silentLog } from "../../../src/kernel/ctx.ts";
import { maxPackedBlobBytes } from "../../../src/kernel/limits.ts";
import { inPieces } from "../gateway/pieces.ts";

const dir = process.argv[2];
if (dir === undefined) throw new Error("name the folder of the store");
const blobs = await openDiskBlobs({ dir, log: silentLog, segmentBytes: 4 * maxPackedBlobBytes });
const signal = new AbortController().signal;

async function putForEver(caller: number): Promise<never> {
  for (;;) {
    const bytes = randomBytes(caller === 0 ? maxPackedBlobBytes + 100_000 : 997 * caller);
    const maxBytes = bytes.length;
    const stored = await blobs.put({ product: "AI_ASSISTANT", body: inPieces(bytes, 64 * 1024), maxBytes, signal });
    writeSync(1, `${JSON.stringify(stored)}\n`);
  }
}

await Promise.all(Array.from({ length: 12 }, (_, caller) => putForEver(caller)));
