// Work on the simulated disk: it takes time, may fail, and has its effect at its end; what a kill cuts off had it, had a part
// of it, or did not begin.
import { constants } from "node:fs";
import type { Disk } from "./disk.ts";
import type { DiskNode, FileNode } from "./disk-nodes.ts";
import { systemError } from "./disk-nodes.ts";
import { now } from "./doors-time.ts";
import type { Random } from "./random.ts";
import type { Program } from "./timeline.ts";

/** What an operation does to the disk. */
export type DiskWork = "read" | "write" | "sync" | "name";

/** The disk of a simulation, and what befalls it. */
export interface SimulatedDisk {
  readonly disk: Disk;
  readonly chance: Random;
  /** Longest that an operation takes now, milliseconds. */
  slowestMs(work: DiskWork): number;
  /** The error that an operation fails with now. */
  fault(work: DiskWork, path: string): string | undefined;
  /** Programs that are told apart by /proc. */
  programs(): readonly Program[];
}

let simulated: SimulatedDisk | undefined;

/** Lets the doors lead to a disk. */
export function enterDisk(disk: SimulatedDisk): void {
  simulated = disk;
  open.clear();
}

/** The disk that the doors lead to now. */
export function here(): SimulatedDisk {
  if (simulated === undefined) throw new Error("no disk is simulated");
  return simulated;
}

/** SQLite has the machine's own files, and its own faults. */
export const isSimulated = (path: string): boolean =>
  simulated?.disk.holds(path) === true && !/[/]charter[.]db[^/]*$/.test(path);

/** Does something at its time, unless the program is killed first; `cutOff` says what is left of it then. */
export function later<T>(work: DiskWork, path: string, act: () => T, cutOff: () => void = () => {}): Promise<T> {
  const simulated = here();
  const { timeline } = now();
  const program = timeline.current;
  return new Promise<T>((resolve, reject) => {
    program.atKill.add(cutOff);
    timeline.at(simulated.chance.between(0.01, simulated.slowestMs(work)), () => {
      program.atKill.delete(cutOff);
      try {
        const fault = simulated.fault(work, path);
        if (fault !== undefined) throw systemError(fault, path);
        resolve(act());
      } catch (error) {
        reject(error);
      }
    });
  });
}

export const wallMs = (): number => now().timeline.wallMs();

/** What `stat` says. */
export function statOf(node: DiskNode) {
  return {
    ino: node.number,
    dev: 1,
    mode: node.mode | (node.kind === "file" ? constants.S_IFREG : constants.S_IFDIR),
    mtimeMs: node.mtimeMs,
    size: node.kind === "file" ? node.length : 0,
    isFile: () => node.kind === "file",
    isDirectory: () => node.kind === "folder",
  };
}

export const bytesOf = (file: FileNode): Buffer => Buffer.from(file.bytes.subarray(0, file.length));

/** How bytes are wanted. */
export type Encoding =
  | BufferEncoding
  | { readonly encoding?: BufferEncoding | null; readonly mode?: number }
  | null
  | undefined;

/** Bytes, or their text where that is wanted. */
export const textOrBytes = (bytes: Buffer, as: Encoding): Buffer | string => {
  const encoding = typeof as === "string" ? as : as?.encoding;
  return encoding ? bytes.toString(encoding) : bytes;
};

/** What is open, by its descriptor. */
export const open = new Map<number, Handle>();
let lastDescriptor = 1_000_000;

/** An open file or folder. */
export class Handle {
  readonly fd = ++lastDescriptor;
  readonly #node: DiskNode;
  readonly #path: string;
  readonly #program = now().timeline.current;
  #at = 0;

  constructor(node: DiskNode, path: string) {
    this.#node = node;
    this.#path = path;
    open.set(this.fd, this);
  }

  get #file(): FileNode {
    if (!open.has(this.fd) || !this.#program.isAlive) throw systemError("EBADF", this.#path);
    if (this.#node.kind !== "file") throw systemError("EISDIR", this.#path);
    return this.#node;
  }

  /** Writes at once; a position that is not given is where the last write ended. */
  put(bytes: Uint8Array, position: number | null = null, file = this.#file): number {
    const at = position ?? this.#at;
    const count = here().disk.write(file, bytes, at, wallMs());
    if (position === null) this.#at += count;
    return count;
  }

  /** The same for who writes on the event loop's own thread, with what befalls a write. */
  putAtOnce(bytes: Uint8Array, position: number): number {
    const fault = here().fault("write", this.#path);
    if (fault !== undefined) throw systemError(fault, this.#path);
    return this.put(bytes, position);
  }

  #write(bytes: Uint8Array, position: number | null): Promise<number> {
    const { chance } = here();
    const file = this.#file;
    const cutOff = (): void => {
      if (chance.chance(0.5)) return;
      try {
        this.put(chance.chance(0.5) ? bytes : bytes.subarray(0, chance.below(bytes.length + 1)), position, file);
      } catch {
        // The disk was full.
      }
    };
    return later("write", this.#path, () => this.put(bytes, position), cutOff);
  }

  async write(bytes: Uint8Array, offset = 0, length = bytes.length - offset, position: number | null = null) {
    return { bytesWritten: await this.#write(bytes.subarray(offset, offset + length), position), buffer: bytes };
  }

  async writev(buffers: readonly Uint8Array[], position: number | null = null) {
    return { bytesWritten: await this.#write(Buffer.concat(buffers), position), buffers };
  }

  async writeFile(data: string | Uint8Array): Promise<void> {
    for (let rest: Uint8Array = Buffer.from(data); rest.length > 0;)
      rest = rest.subarray(await this.#write(rest, null));
  }

  read(bytes: Uint8Array, offset: number, length: number, position: number) {
    return later("read", this.#path, () => {
      const file = this.#file;
      const part = file.bytes.subarray(position, Math.min(file.length, position + length));
      bytes.set(part, offset);
      return { bytesRead: Math.max(0, part.length), buffer: bytes };
    });
  }

  readFile(as?: Encoding) {
    return later("read", this.#path, () => textOrBytes(bytesOf(this.#file), as));
  }

  async sync(): Promise<void> {
    const { disk } = here();
    try {
      await later("sync", this.#path, () => disk.sync(this.#node));
    } catch (error) {
      disk.sync(this.#node, true);
      throw error;
    }
  }

  datasync(): Promise<void> {
    return this.sync();
  }

  truncate(length = 0): Promise<void> {
    return later("name", this.#path, () => here().disk.truncate(this.#file, length));
  }

  stat() {
    return later("read", this.#path, () => statOf(this.#node));
  }

  async close(): Promise<void> {
    open.delete(this.fd);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
