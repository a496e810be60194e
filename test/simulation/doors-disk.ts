// Replaces Node's doors to the file system: paths of the simulated disk lead there, everything else to the machine, at once.
import fs, { constants } from "node:fs";
import type { PathLike } from "node:fs";
import fsPromises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { systemError } from "./disk-nodes.ts";
import { bytesOf, Handle, here, isSimulated, later, open, statOf, textOrBytes, wallMs } from "./disk-work.ts";
import type { Encoding } from "./disk-work.ts";

const real = { ...fs };

const flagsOf: Readonly<Record<string, number>> = {
  r: constants.O_RDONLY,
  "r+": constants.O_RDWR,
  w: constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC,
  wx: constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
  a: constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND,
};

type Mode = number | { readonly mode?: number; readonly recursive?: boolean; readonly force?: boolean } | undefined;
const modeOf = (mode: Mode, otherwise: number): number => (typeof mode === "number" ? mode : (mode?.mode ?? otherwise));

function openNow(path: string, flags: string | number = "r", mode?: Mode): Handle {
  const bits = typeof flags === "number" ? flags : flagsOf[flags];
  if (bits === undefined) throw new Error(`the flags ${flags} are not simulated`);
  return new Handle(here().disk.open(path, bits, modeOf(mode, 0o666), wallMs()), path);
}

function makeFolders(path: string, mode: Mode): void {
  const { disk } = here();
  const isRecursive = typeof mode === "object" && mode.recursive === true;
  if (isRecursive && disk.find(path) !== undefined) return;
  const parent = join(path, "..");
  if (isRecursive && disk.find(parent) === undefined) makeFolders(parent, mode);
  disk.makeFolder(path, modeOf(mode, 0o777));
}

function removeAll(path: string, terms: Mode): void {
  const { disk } = here();
  const { recursive = false, force = false } = typeof terms === "object" ? terms : {};
  const node = disk.find(path);
  if (node === undefined && force) return;
  if (node?.kind === "folder" && recursive) for (const name of node.names.keys()) removeAll(join(path, name), terms);
  disk.remove(path);
}

/** The files of /proc by which programs are told apart. */
function procFile(path: string): Buffer | undefined {
  if (path === "/proc/sys/kernel/random/boot_id") return Buffer.from("simulated\n");
  const pid = Number(/^[/]proc[/](\d+)[/]stat$/.exec(path)?.[1] ?? Number.NaN);
  if (Number.isNaN(pid)) return undefined;
  const disk = here();
  if (!disk.programs().some((program) => program.pid === pid && program.isAlive)) throw systemError("ENOENT", path);
  return Buffer.from(`${pid} (node) S ${Array.from({ length: 18 }, () => "0").join(" ")} ${pid}00 0\n`);
}

/** Only in `lock.ts` is a file linked, and in `tail.ts` a folder copied; the latter is for repairs, which are not simulated. */
const simulatedPromises = {
  open: (path: string, flags?: string | number, mode?: Mode) =>
    later(flags === undefined || flags === "r" ? "read" : "name", path, () => openNow(path, flags, mode)),
  readFile: (path: string, as?: Encoding) =>
    later("read", path, () => textOrBytes(bytesOf(here().disk.fileAt(path)), as)),
  async writeFile(path: string, data: string | Uint8Array, terms?: Mode & { readonly flag?: string }) {
    await using file = await simulatedPromises.open(path, "w", terms);
    await file.writeFile(data);
  },
  mkdir: (path: string, mode?: Mode) => later("name", path, () => makeFolders(path, mode)),
  rm: (path: string, terms?: Mode) => later("name", path, () => removeAll(path, terms)),
  unlink: (path: string) => later("name", path, () => here().disk.remove(path)),
  rename: (from: string, to: string) => later("name", from, () => here().disk.rename(from, to)),
  link: (from: string, to: string) => later("name", from, () => here().disk.link(from, to)),
  truncate: (path: string, length = 0) =>
    later("write", path, () => here().disk.truncate(here().disk.fileAt(path), length)),
  readdir: (path: string) => later("read", path, () => [...here().disk.folderAt(path).names.keys()].toSorted()),
  stat: (path: string) => later("read", path, () => statOf(here().disk.get(path))),
  lstat: (path: string) => later("read", path, () => statOf(here().disk.get(path))),
  access: (path: string) => later("read", path, () => void here().disk.get(path)),
  chmod: (path: string, mode: number) => later("name", path, () => void (here().disk.get(path).mode = mode)),
  statfs: (path: string) =>
    later("read", path, () => {
      const { capacity, used } = here().disk;
      const blocks = Math.min(capacity, 2 ** 40);
      return {
        bsize: 1,
        blocks,
        bfree: Math.max(0, blocks - used),
        bavail: Math.max(0, blocks - used),
        files: 1e6,
        ffree: 1e6,
      };
    }),
  async opendir(path: string) {
    const names = await simulatedPromises.readdir(path);
    return (async function* entries() {
      for (const name of names) yield { name };
    })();
  },
};

type Promised = keyof typeof simulatedPromises;

/** Which function of Node's does the same at once, for paths that are the machine's. */
const atOnce: Readonly<Record<Promised, ((...args: never[]) => unknown) | undefined>> = {
  open: undefined,
  readFile: real.readFileSync,
  writeFile: real.writeFileSync,
  mkdir: real.mkdirSync,
  rm: real.rmSync,
  unlink: real.unlinkSync,
  rename: real.renameSync,
  link: real.linkSync,
  truncate: real.truncateSync,
  readdir: real.readdirSync,
  stat: real.statSync,
  lstat: real.lstatSync,
  access: real.accessSync,
  chmod: real.chmodSync,
  statfs: real.statfsSync,
  opendir: undefined,
};

/** A door that looks where a path leads. */
function door(name: Promised) {
  return async (where: PathLike, ...rest: readonly unknown[]): Promise<unknown> => {
    const path = String(where);
    const proc = name === "readFile" && path.startsWith("/proc/") ? procFile(path) : undefined;
    if (proc !== undefined) return later("read", path, () => proc);
    const simulated = simulatedPromises[name] as (...args: readonly unknown[]) => Promise<unknown>;
    if (isSimulated(path)) return simulated(path, ...rest);
    const act = atOnce[name] as ((...args: readonly unknown[]) => unknown) | undefined;
    if (act === undefined) throw new Error(`${name} of ${path} is not simulated`);
    return act(where, ...rest);
  };
}

type RestOf<F> = F extends (path: never, ...rest: infer Rest) => unknown ? Rest : never;

const simulatedAtOnce = {
  writeSync: (fd: number, bytes: Uint8Array, offset: number, length: number, position: number) =>
    open.get(fd)?.putAtOnce(bytes.subarray(offset, offset + length), position) ??
    real.writeSync(fd, bytes, offset, length, position),
  readFileSync: (path: PathLike, as?: Encoding) =>
    isSimulated(String(path))
      ? textOrBytes(bytesOf(here().disk.fileAt(String(path))), as)
      : real.readFileSync(path, as as BufferEncoding),
  existsSync: (path: PathLike) =>
    isSimulated(String(path)) ? here().disk.find(String(path)) !== undefined : real.existsSync(path),
  statSync: (path: PathLike, ...rest: RestOf<typeof real.statSync>) => {
    if (!isSimulated(String(path))) return real.statSync(path, ...rest);
    const node = here().disk.find(String(path));
    return node === undefined ? undefined : statOf(node);
  },
};

/** Gives everything in this process that is loaded after this the simulated disk. */
export function openDiskDoors(): void {
  for (const name of Object.keys(simulatedPromises) as Promised[]) Object.assign(fsPromises, { [name]: door(name) });
  Object.assign(fs, simulatedAtOnce);
  syncBuiltinESMExports();
}
