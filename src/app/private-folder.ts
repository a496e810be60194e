// The data folder belongs to the user who runs Charter, and to no other user of the machine. Promises:
//
// 1. After `closeToOthers` every file below the folder has mode 0600 at most and every folder 0700, no matter who made them with
//    which mode: an older version, a copy, a volume.
// 2. What another user owns or what the file system does not let us close is named, never passed over.
// 3. Symbolic links inside the folder are not followed, but for the parts that an operator may keep on another disk: a
//    link that someone else planted must not close a file elsewhere.
//
// The blobs' objects are one file an artifact, and Charter has always made them with 0600 in folders with 0700; only in a
// folder that is found open are they looked at, so that a start does not grow with what is stored.
import { chmod, lstat, opendir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Log } from "../kernel/ctx.ts";
import { othersBits, privateFileMode, privateFolderMode } from "../kernel/file-modes.ts";

/** Parts of the data folder that may be links to another disk. */
const movableParts: ReadonlySet<string> = new Set(["blobs", "ledger", "mail"]);
/** Most paths that are named in a line of the log or of a check. */
const namedPaths = 5;

/** One file or folder that lets other users in. */
export interface OpenPath {
  readonly path: string;
  readonly mode: number;
  readonly isFolder: boolean;
}

/** Every file and folder at or below a folder that lets other users in; outermost first. */
export async function* pathsOpenToOthers(dataDir: string): AsyncGenerator<OpenPath> {
  const root = await stat(dataDir).catch(() => undefined);
  if (root?.isDirectory()) yield* openBelow(dataDir, root.mode, dataDir);
}

async function* openBelow(folder: string, mode: number, dataDir: string): AsyncGenerator<OpenPath> {
  const isOpen = (mode & othersBits) !== 0;
  if (isOpen) yield { path: folder, mode: mode & 0o777, isFolder: true };
  else if (basename(dirname(dirname(folder))) === "objects") return;
  for await (const { name } of await opendir(folder)) {
    const path = join(folder, name);
    const isMovable = folder === dataDir && movableParts.has(name);
    // Files come and go while a server runs.
    const info = await (isMovable ? stat(path) : lstat(path)).catch(() => undefined);
    if (info?.isDirectory()) yield* openBelow(path, info.mode, dataDir);
    else if (info?.isFile() && (info.mode & othersBits) !== 0) {
      yield { path, mode: info.mode & 0o777, isFolder: false };
    }
  }
}

/** Takes from other users what they may do in the data folder, and says so in the log. */
export async function closeToOthers(dataDir: string, log: Log): Promise<void> {
  const closed: string[] = [];
  const left: string[] = [];
  for await (const { path, mode, isFolder } of pathsOpenToOthers(dataDir)) {
    // The owner's bits stay as they are: a file that an operator made read-only is not made writable.
    const wanted = mode & (isFolder ? privateFolderMode : privateFileMode | 0o100);
    await chmod(path, wanted).catch(() => {});
    const info = await stat(path).catch(() => undefined);
    if (info === undefined) continue;
    ((info.mode & othersBits) === 0 ? closed : left).push(path);
  }
  if (closed.length > 0) {
    const paths = closed.slice(0, namedPaths);
    log.warn({ dataDir, count: closed.length, paths }, "closed files of the data folder that other users could open");
  }
  if (left.length > 0) {
    const paths = left.slice(0, namedPaths);
    log.error(
      { dataDir, count: left.length, paths },
      "other users can open files of the data folder: its modes cannot be changed",
    );
  }
}
