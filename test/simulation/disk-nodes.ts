// What lies on the simulated disk, and how it reports what it cannot do.

/** A file. */
export interface FileNode {
  readonly kind: "file";
  readonly number: number;
  mode: number;
  mtimeMs: number;
  bytes: Buffer;
  length: number;
  /** How many names it has. */
  links: number;
}

/** A folder. */
export interface FolderNode {
  readonly kind: "folder";
  readonly number: number;
  mode: number;
  mtimeMs: number;
  readonly names: Map<string, DiskNode>;
}

export type DiskNode = FileNode | FolderNode;

/** An error as the system reports it. */
export function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: simulated, ${path}`), { code, errno: -1, syscall: "simulated", path });
}
