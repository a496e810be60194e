// Large blobs on disk: one file each, named by product and SHA-256.
//
// 1. Bytes are written under a random name and get their own name, in one step, only after they were synced.
// 2. The directory entry, and every directory made for it, is synced before `commit` resolves.
// 3. Memory per upload is two buffers: one fills while the other is written.
import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncFolder, systemCode } from "../../durable-files/index.ts";
import { privateFileMode, privateFolderMode } from "../../kernel/file-modes.ts";
import type { Digest } from "../../kernel/hash.ts";
import { writeFully } from "./disk-files.ts";

/** Bytes of each of an upload's two buffers. */
const uploadBufferBytes = 512 * 1024;

/** The file of a large blob: `<objects>/<product>/<first two hex digits>/<all 64>`. */
export function objectPath(objectsDir: string, product: string, digest: Digest): string {
  const hex = digest.slice("sha256:".length);
  return join(objectsDir, product, hex.slice(0, 2), hex);
}

/** Bytes on their way into a large blob's file. Either `commit` or `discard` must be called, and nothing after it. */
export class Upload {
  readonly #path: string;
  readonly #handle: FileHandle;
  #filling = Buffer.allocUnsafeSlow(uploadBufferBytes);
  #idle = Buffer.allocUnsafeSlow(uploadBufferBytes);
  #fill = 0;
  #position = 0;
  #inFlight: Promise<void> = Promise.resolve();

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /** Begins an upload in a folder of temporary files. */
  static async begin(tmpDir: string): Promise<Upload> {
    const path = join(tmpDir, randomUUID());
    return new Upload(path, await open(path, "wx", privateFileMode));
  }

  /** Takes bytes over (they are copied); resolves when more may come, which is the back-pressure of the upload. */
  async write(bytes: Uint8Array): Promise<void> {
    let at = 0;
    while (at < bytes.length) {
      const count = Math.min(bytes.length - at, uploadBufferBytes - this.#fill);
      this.#filling.set(bytes.subarray(at, at + count), this.#fill);
      this.#fill += count;
      at += count;
      if (this.#fill === uploadBufferBytes) await this.#flush();
    }
  }

  /** Makes the bytes durable under their name; resolves when a crash can no longer lose them. */
  async commit(target: string, directories: Directories): Promise<void> {
    await this.#flush();
    await this.#inFlight;
    await this.#handle.datasync();
    await this.#handle.close();
    await directories.ensure(dirname(target));
    // Over whatever lies there: it was the same bytes, or it was damaged and these are not.
    await rename(this.#path, target);
    await syncFolder(dirname(target));
  }

  /** Ends the upload and leaves nothing behind; never rejects. */
  async discard(): Promise<void> {
    await this.#inFlight.catch(() => {});
    await this.#handle.close().catch(() => {});
    await unlink(this.#path).catch(() => {});
  }

  async #flush(): Promise<void> {
    await this.#inFlight;
    if (this.#fill === 0) return;
    const full = this.#filling.subarray(0, this.#fill);
    this.#inFlight = writeFully(this.#handle, [full], this.#position);
    this.#inFlight.catch(() => {}); // Reported by the next await of it.
    this.#position += this.#fill;
    [this.#filling, this.#idle] = [this.#idle, this.#filling];
    this.#fill = 0;
  }
}

/** Directories below a root, each made at most once and synced into its parent before anyone relies on it. */
export class Directories {
  readonly #root: string;
  readonly #made = new Map<string, Promise<void>>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Makes a directory and its parents below the root durable; concurrent callers share the work. */
  ensure(path: string): Promise<void> {
    if (path === this.#root) return Promise.resolve();
    const known = this.#made.get(path);
    if (known) return known;
    const made = this.#make(path);
    this.#made.set(path, made);
    made.catch(() => this.#made.delete(path));
    return made;
  }

  async #make(path: string): Promise<void> {
    const parent = dirname(path);
    await this.ensure(parent);
    await mkdir(path, { mode: privateFolderMode }).catch((error: unknown) => {
      if (systemCode(error) !== "EEXIST") throw error;
    });
    // Even when it existed: the process that made it may have died before syncing.
    await syncFolder(parent);
  }
}

/** Removes what uploads left behind when the process died; returns how many. */
export async function removeLeftovers(tmpDir: string): Promise<number> {
  const names = await readdir(tmpDir);
  for (const name of names) await unlink(join(tmpDir, name));
  return names.length;
}
