// A disk in memory that forgets like a real one. A running system sees everything that was written; after a power cut there is
// what was synced, and of the rest whatever the seed says.
//
// 1. Bytes of a file that were not synced are there, are lost, or are torn. What a file grew by is cut short anywhere, with zeros
//    behind the cut or without; of what was written over other bytes, each sector of 512 bytes is there or not by itself.
// 2. A name that was made, replaced or removed is durable when its folder was synced, and may be durable earlier. A rename is
//    durable or not in both folders together.
// 3. What a failed sync of a file should have made durable is not made durable by a later one that succeeds.
// 4. A full disk takes a part of a write, or nothing.
import { constants } from "node:fs";
import { systemError } from "./disk-nodes.ts";
import type { DiskNode, FileNode, FolderNode } from "./disk-nodes.ts";
import type { Random } from "./random.ts";

const sectorBytes = 512;

/** Something that was changed and is not durable yet. */
interface Change {
  readonly nodes: readonly DiskNode[];
  readonly undo: () => void;
  /** Does again what the power cut left of it. */
  readonly redo: (chance?: Random) => void;
  /** `kept`: durable; `doomed`: a sync of it failed. */
  fate: "pending" | "kept" | "doomed";
}

/** The disk. */
export class Disk {
  readonly #root: FolderNode;
  readonly #base: string;
  #changes: Change[] = [];
  #count = 0;
  #used = 0;
  /** Most bytes that fit. */
  capacity = Number.POSITIVE_INFINITY;

  /** @param base The path of its root; what lies elsewhere is not on it. */
  constructor(base: string) {
    this.#base = base;
    this.#root = this.#folder(0o700);
  }

  /** Bytes that are in use. */
  get used(): number {
    return this.#used;
  }

  get isFull(): boolean {
    return this.#used >= this.capacity;
  }

  /** Whether a path lies on this disk. */
  holds(path: string): boolean {
    return path === this.#base || path.startsWith(`${this.#base}/`);
  }

  find(path: string): DiskNode | undefined {
    let node: DiskNode | undefined = this.#root;
    for (const part of this.#partsOf(path)) {
      if (node?.kind !== "folder") return undefined;
      node = node.names.get(part);
    }
    return node;
  }

  /** @throws ENOENT when there is nothing. */
  get(path: string): DiskNode {
    const node = this.find(path);
    if (node === undefined) throw systemError("ENOENT", path);
    return node;
  }

  fileAt(path: string): FileNode {
    const node = this.get(path);
    if (node.kind !== "file") throw systemError("EISDIR", path);
    return node;
  }

  folderAt(path: string): FolderNode {
    const node = this.get(path);
    if (node.kind !== "folder") throw systemError("ENOTDIR", path);
    return node;
  }

  /** Opens what is there, or makes a file where the flags say so. */
  open(path: string, flags: number, mode: number, nowMs: number): DiskNode {
    const present = this.find(path);
    const makes = (flags & constants.O_CREAT) !== 0;
    if (present !== undefined && makes && (flags & constants.O_EXCL) !== 0) throw systemError("EEXIST", path);
    if (present !== undefined) {
      if (present.kind === "file" && (flags & constants.O_TRUNC) !== 0) this.truncate(present, 0);
      return present;
    }
    if (!makes) throw systemError("ENOENT", path);
    if (this.isFull) throw systemError("ENOSPC", path);
    const file: FileNode = {
      kind: "file",
      number: ++this.#count,
      mode,
      mtimeMs: nowMs,
      bytes: Buffer.alloc(0),
      length: 0,
      links: 0,
    };
    this.#name([[path, file]]);
    return file;
  }

  makeFolder(path: string, mode: number): void {
    if (this.find(path) !== undefined) throw systemError("EEXIST", path);
    this.#name([[path, this.#folder(mode)]]);
  }

  /** Gives a second name to what has one. */
  link(from: string, to: string): void {
    if (this.find(to) !== undefined) throw systemError("EEXIST", to);
    this.#name([[to, this.get(from)]]);
  }

  rename(from: string, to: string): void {
    const node = this.get(from);
    this.#name([
      [to, node],
      [from, undefined],
    ]);
  }

  remove(path: string): void {
    const node = this.get(path);
    if (node.kind === "folder" && node.names.size > 0) throw systemError("ENOTEMPTY", path);
    this.#name([[path, undefined]]);
  }

  /** Writes what there is room for; returns how many bytes. @throws ENOSPC when there is none. */
  write(file: FileNode, bytes: Uint8Array, position: number, nowMs: number): number {
    const grows = Math.max(0, position + bytes.length - file.length);
    const room = Math.max(0, this.capacity - this.#used);
    const taken = grows <= room ? bytes.length : bytes.length - (grows - room);
    if (taken <= 0 && bytes.length > 0) throw systemError("ENOSPC", `file ${file.number}`);
    const written = Buffer.from(bytes.subarray(0, taken));
    const before = {
      length: file.length,
      bytes: Buffer.from(file.bytes.subarray(position, Math.min(file.length, position + taken))),
    };
    file.mtimeMs = nowMs;
    this.#put(file, written, position);
    this.#changes.push({
      nodes: [file],
      fate: "pending",
      undo: () => {
        this.#put(file, before.bytes, position);
        this.#cut(file, before.length);
      },
      redo: (chance) => this.#tear(file, written, position, chance),
    });
    return taken;
  }

  truncate(file: FileNode, length: number): void {
    if (length === file.length) return;
    const before = Buffer.from(file.bytes.subarray(0, file.length));
    const resize = (): void =>
      length < file.length ? this.#cut(file, length) : this.#put(file, Buffer.alloc(0), length);
    resize();
    this.#changes.push({
      nodes: [file],
      fate: "pending",
      undo: () => {
        this.#cut(file, 0);
        this.#put(file, before, 0);
      },
      redo: resize,
    });
  }

  /**
   * Makes durable what was changed of a file or of the names in a folder. After a sync of a file that fails, what it should have
   * made durable is lost at a power cut; names stay as they were before it, as on a file system with a journal.
   */
  sync(node: DiskNode, fails = false): void {
    if (fails && node.kind === "folder") return;
    const own = new Set(this.#changes.filter(({ nodes }) => nodes.includes(node)));
    for (const change of own) if (change.fate === "pending") change.fate = fails ? "doomed" : "kept";
    // What came after something doomed is needed to bring it back once that one was undone.
    if ([...own].some(({ fate }) => fate === "doomed")) return;
    this.#changes = this.#changes.filter((change) => !own.has(change));
  }

  /** Forgets what a power cut would. */
  cutPower(chance: Random): void {
    const changes = this.#changes;
    for (const change of changes.toReversed()) change.undo();
    for (const change of changes) {
      const lives = change.fate === "kept" || (change.fate === "pending" && chance.chance(0.5));
      if (!lives) continue;
      change.redo(change.fate === "kept" ? undefined : chance);
    }
    this.#changes = [];
    this.#used = 0;
    const seen = new Set<DiskNode>();
    for (const node of this.#nodesBelow(this.#root)) {
      if (node.kind === "file" && !seen.has(node)) this.#used += node.length;
      seen.add(node);
    }
  }

  /** Every path of a file with its node, in order. */
  *files(folder: FolderNode = this.#root, path = this.#base): Generator<readonly [string, FileNode]> {
    for (const [name, node] of [...folder.names].toSorted(([left], [right]) => (left < right ? -1 : 1))) {
      if (node.kind === "file") yield [`${path}/${name}`, node];
      else yield* this.files(node, `${path}/${name}`);
    }
  }

  *#nodesBelow(folder: FolderNode): Generator<DiskNode> {
    for (const node of folder.names.values()) {
      yield node;
      if (node.kind === "folder") yield* this.#nodesBelow(node);
    }
  }

  #folder(mode: number): FolderNode {
    return { kind: "folder", number: ++this.#count, mode, mtimeMs: 0, names: new Map() };
  }

  #partsOf(path: string): string[] {
    if (!this.holds(path)) throw systemError("ENOENT", path);
    return path
      .slice(this.#base.length)
      .split("/")
      .filter((part) => part !== "");
  }

  #parentOf(path: string): readonly [FolderNode, string] {
    const at = path.lastIndexOf("/");
    return [this.folderAt(path.slice(0, at)), path.slice(at + 1)];
  }

  /** Gives or takes names, all in one step. */
  #name(names: readonly (readonly [path: string, node: DiskNode | undefined])[]): void {
    const steps = names.map(([path, node]) => {
      const [folder, name] = this.#parentOf(path);
      return { folder, name, node, before: folder.names.get(name) };
    });
    const put = (folder: FolderNode, name: string, node: DiskNode | undefined): void =>
      void (node === undefined ? folder.names.delete(name) : folder.names.set(name, node));
    const redo = (): void => {
      for (const { folder, name, node } of steps) put(folder, name, node);
    };
    redo();
    for (const { node } of steps) if (node?.kind === "file") node.links++;
    for (const { before } of steps) if (before?.kind === "file" && --before.links === 0) this.#used -= before.length;
    this.#changes.push({
      nodes: steps.map(({ folder }) => folder),
      fate: "pending",
      undo: () => {
        for (const { folder, name, before } of steps.toReversed()) put(folder, name, before);
      },
      redo,
    });
  }

  #put(file: FileNode, bytes: Buffer, position: number): void {
    const end = position + bytes.length;
    if (end > file.bytes.length) {
      const grown = Buffer.alloc(Math.max(end, 2 * file.bytes.length));
      file.bytes.copy(grown, 0, 0, file.length);
      file.bytes = grown;
    }
    if (position > file.length) file.bytes.fill(0, file.length, position);
    bytes.copy(file.bytes, position);
    this.#used += Math.max(0, end - file.length);
    file.length = Math.max(file.length, end);
  }

  #cut(file: FileNode, length: number): void {
    this.#used -= file.length - length;
    file.length = length;
  }

  /** Writes what the power cut left of a write. */
  #tear(file: FileNode, bytes: Buffer, position: number, chance?: Random): void {
    if (chance === undefined || chance.chance(0.5)) return this.#put(file, bytes, position);
    if (position >= file.length) {
      this.#put(file, bytes.subarray(0, chance.below(bytes.length)), position);
      // The file may have grown although what it grew by was not written.
      if (chance.chance(0.5)) this.#put(file, Buffer.alloc(0), position + bytes.length);
      return;
    }
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + sectorBytes - ((position + at) % sectorBytes));
      if (chance.chance(0.5)) this.#put(file, bytes.subarray(at, end), position + at);
      at = end;
    }
  }
}
