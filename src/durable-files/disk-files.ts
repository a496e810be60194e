// Durable file operations: a file written here is either absent, old or complete under its name, also after a power cut.
import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { privateFileMode, privateFolderMode } from "../kernel/file-modes.ts";

/** A file to write: its path below the folder and its bytes. */
export interface FileToWrite {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The code of a system error such as `ENOENT`; undefined for anything else. */
export function systemCode(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

/** Whether a system error says that there is no room: disk full, quota used up, or the file too large for its system. */
export function isNoSpace(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT", "EFBIG"].includes(systemCode(error) ?? "");
}

/** Lets pass that something is not there. */
export function ignoreMissing(error: unknown): void {
  if (systemCode(error) !== "ENOENT") throw error;
}

/** The bytes of a file; undefined when there is none. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Makes a folder, and those above it that are missing. The recursive mkdir of Node never returns where a file system that is
 * there takes no new folders, such as /proc.
 */
export async function makeFolder(path: string, mode = privateFolderMode): Promise<void> {
  try {
    await makeOne(path, mode);
  } catch (error) {
    if (systemCode(error) !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolder(dirname(path), mode);
    await makeOne(path, mode);
  }
}

/** Makes one folder, which may be there, or be made by another at the same time. */
async function makeOne(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (systemCode(error) !== "EEXIST" || !(await stat(path)).isDirectory()) throw error;
  }
}

/** Writes and syncs a new file; the name itself is durable only after its folder was synced. */
export async function writeSynced(path: string, bytes: Uint8Array, mode = privateFileMode): Promise<void> {
  const file = await open(path, "w", mode);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What a file is called until it replaces another one. */
const temporaryName = /\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/;

/** Removes what replacements that were killed have left in a folder; only the owner of the folder may call it. */
export async function removeTemporary(dir: string): Promise<void> {
  for (const name of await readdir(dir)) if (temporaryName.test(name)) await rm(join(dir, name), { force: true });
}

/** Replaces or makes one file durably. What a kill leaves of it is for the folder's owner to remove (`removeTemporary`). */
export async function replaceFile(path: string, bytes: Uint8Array, mode = privateFileMode): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeSynced(temporary, bytes, mode);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Most files that are written and synced at the same time; the file system groups their commits. */
const filesAtOnce = 16;

/** Writes sets of files durably below one folder, with temporary names in `tmp/` until their bytes are on disk. */
export class DurableFolder {
  readonly #root: string;
  readonly #syncFolder: typeof syncFolder;
  readonly #known = new Set<string>();

  /** `sync` is replaced by tests that watch which folders are made durable. */
  constructor(root: string, sync = syncFolder) {
    this.#root = root;
    this.#syncFolder = sync;
  }

  /** Removes what a crash left in `tmp/`. */
  async prepare(): Promise<void> {
    await rm(join(this.#root, "tmp"), { recursive: true, force: true });
    await mkdir(join(this.#root, "tmp"), { mode: privateFolderMode });
  }

  /** Writes all files; resolves when their bytes and names are durable. On failure the temporary files are removed. */
  async write(files: readonly FileToWrite[]): Promise<void> {
    const temporary = (index: number): string => join(this.#root, "tmp", String(index));
    try {
      await inParallel(files, filesAtOnce, (file, index) => writeSynced(temporary(index), file.bytes));
      const touched = new Set<string>();
      for (const [index, file] of files.entries()) {
        const target = join(this.#root, file.path);
        await this.#ensureFolder(dirname(target), touched);
        await rename(temporary(index), target);
      }
      await inParallel([...touched], filesAtOnce, this.#syncFolder);
      for (const folder of touched) this.#known.add(folder);
    } catch (error) {
      await rm(join(this.#root, "tmp"), { recursive: true, force: true });
      await mkdir(join(this.#root, "tmp"), { recursive: true, mode: privateFolderMode });
      throw error;
    }
  }

  /** Removes a folder of replaced files; losing this to a crash only leaves files that no one needs. */
  async remove(path: string): Promise<void> {
    this.#known.delete(join(this.#root, path));
    await rm(join(this.#root, path), { recursive: true, force: true });
  }

  /** Makes a folder, and notes every folder whose list of names has changed or may not be durable yet. */
  async #ensureFolder(folder: string, touched: Set<string>): Promise<void> {
    if (touched.has(folder)) return;
    touched.add(folder);
    if (this.#known.has(folder)) return;
    await mkdir(folder, { recursive: true, mode: privateFolderMode });
    // A new folder is a name in the one above it, even when that one has long been durable itself.
    for (let path = folder; path !== this.#root && !this.#known.has(path); path = dirname(path)) {
      touched.add(path).add(dirname(path));
    }
  }
}

/** Runs work on every item, at most `width` at a time; after a failure nothing new starts and the first error is thrown. */
async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    while (next < items.length && failures.length === 0) {
      const index = next++;
      await work(items[index] as T, index).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  if (failures.length > 0) throw failures[0];
}
