import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DurableFolder, makeFolder, removeTemporary, replaceFile } from "./disk-files.ts";

describe("a file that is replaced", () => {
  it("leaves, when it is killed, what the owner of its folder removes, and nothing else goes with it", async () => {
    const root = await mkdtemp(join(tmpdir(), "charter-files-"));
    try {
      const kept = ["checkpoint", "notes.tmp", "lock.0b9c2a52-3c1f-4f0e-9d0a-1c2d3e4f5a6b"];
      for (const name of kept) await replaceFile(join(root, name), Buffer.from("x"));
      for (const name of ["checkpoint", "ballast"]) await writeFile(join(root, `${name}.${randomUUID()}.tmp`), "torn");
      await removeTemporary(root);
      expect((await readdir(root)).toSorted()).toEqual(kept.toSorted());
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});

describe("a durable folder", () => {
  it("syncs every folder that got a name, also one above a new folder that it knows already", async () => {
    const root = await mkdtemp(join(tmpdir(), "charter-files-"));
    try {
      const synced: string[] = [];
      const folder = new DurableFolder(root, async (path) => void synced.push(path.slice(root.length)));
      await folder.prepare();
      const write = async (path: string): Promise<string[]> => {
        await folder.write([{ path, bytes: Buffer.from("x") }]);
        return synced.splice(0).toSorted();
      };
      expect(await write("tile/0/000")).toEqual(["", "/tile", "/tile/0"]);
      expect(await write("tile/0/001")).toEqual(["/tile/0"]);
      expect(await write("tile/0/002.p/4")).toEqual(["/tile/0", "/tile/0/002.p"]);
      expect(await write("tile/1/x001/000")).toEqual(["/tile", "/tile/1", "/tile/1/x001"]);
      await folder.remove("tile/0/002.p");
      expect(await write("tile/0/002.p/9")).toEqual(["/tile/0", "/tile/0/002.p"]);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});

describe("a folder that is to be made", () => {
  it("is made with those above it that are missing, for its user alone, and may be there already", async () => {
    const root = await mkdtemp(join(tmpdir(), "charter-files-"));
    try {
      const path = join(root, "a", "b", "c");
      await Promise.all(Array.from({ length: 8 }, () => makeFolder(path)));
      await makeFolder(path);
      expect((await stat(path)).mode & 0o777).toBe(0o700);
      await writeFile(join(root, "file"), "");
      await expect(makeFolder(join(root, "file"))).rejects.toThrow("EEXIST");
      await expect(makeFolder(join(root, "file", "x"))).rejects.toThrow("ENOTDIR");
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });

  it("is refused where a file system takes none, however deep", async () => {
    await expect(makeFolder("/proc/x")).rejects.toThrow("ENOENT");
    await expect(makeFolder("/proc/x/y/z")).rejects.toThrow("ENOENT");
  });
});
