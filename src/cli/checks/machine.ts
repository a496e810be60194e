// Checks of the machine: runtime, disk, clock.
import { randomUUID } from "node:crypto";
import { open, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { privateFileMode } from "../../kernel/file-modes.ts";
import { fail, ok, warn } from "../check.ts";
import type { Check } from "../check.ts";
import { millisecondsText, sizeText } from "../quantity.ts";

/** Free space below which an upload of the largest artifact (500 MiB) may not fit, bytes; and where it gets tight. */
const leastFreeBytes = 1_000_000_000;
const tightFreeBytes = 10_000_000_000;
/** A commit waits for fsync at least once; above this p99 the promise of 100 ms at p99 cannot be kept, milliseconds. */
const slowSyncMs = 25;
/** How far the clock may be from a server's before signed times look wrong, milliseconds: RFC 9110 dates have whole seconds. */
const skewMs = 5000;

/** Whether this Node is one Charter is tested on. */
export function checkRuntime(version = process.versions.node): Check {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isNew = major > 24 || (major === 24 && minor >= 15);
  return isNew ? ok("node", version) : fail("node", version, "run charter with Node 24.15 or newer");
}

/** Space on the disk that holds a folder. */
export async function checkSpace(folder: string): Promise<Check> {
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  const found = `${sizeText(freeBytes)} free`;
  if (freeBytes < leastFreeBytes) return fail("disk space", found, "free some space or move data.dir to a larger disk");
  if (freeBytes < tightFreeBytes) return warn("disk space", found, "plan for more; writes stop when it is used up");
  return ok("disk space", found);
}

/** Latency of making a small write durable on the disk that holds a folder: p50 and p99 (nearest rank) of `rounds`. */
export async function checkSync(folder: string, rounds = 200): Promise<Check> {
  const path = join(folder, `.doctor-${randomUUID()}`);
  const block = Buffer.alloc(4096, 1);
  const tookMs: number[] = [];
  try {
    await using file = await open(path, "wx", privateFileMode);
    for (let round = 0; round < rounds; round++) {
      await file.write(block, 0, block.length, round * block.length);
      const startMs = performance.now();
      await file.datasync();
      tookMs.push(performance.now() - startMs);
    }
  } finally {
    await rm(path, { force: true });
  }
  tookMs.sort((left, right) => left - right);
  const rank = (share: number): number => tookMs[Math.ceil(share * rounds) - 1] ?? 0;
  const found = `p50 ${millisecondsText(rank(0.5))}, p99 ${millisecondsText(rank(0.99))} over ${rounds} writes`;
  if (rank(0.99) > slowSyncMs)
    return warn("fsync", found, "use a faster disk, or one that is not shared, for data.dir");
  return ok("fsync", found);
}

/** Whether the clock is plausible: not before the newest file Charter wrote, and near the server's. */
export function checkClock(nowMs: number, newestWriteMs: number | undefined, serverDate: string | undefined): Check {
  const found = new Date(nowMs).toISOString();
  const remedy = "set the clock and keep it set (chrony, systemd-timesyncd or ntpd)";
  if (newestWriteMs !== undefined && newestWriteMs - nowMs > skewMs) {
    return fail("clock", `${found}, but data were written at ${new Date(newestWriteMs).toISOString()}`, remedy);
  }
  const serverMs = serverDate === undefined ? Number.NaN : Date.parse(serverDate);
  if (Math.abs(serverMs - nowMs) > skewMs) {
    return warn("clock", `${found}, but the server says ${new Date(serverMs).toISOString()}`, remedy);
  }
  return ok("clock", found);
}
