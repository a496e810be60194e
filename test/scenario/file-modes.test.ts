// A data folder on a machine with other users: whatever the folder's mode and the umask of the process, nothing that Charter
// keeps can be opened by anybody else. Servers are processes, started as an operator's shell would start them.
import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestCharter } from "../support/app/in-process.ts";
import { launcher, spawnCharter } from "../support/app/process.ts";
import type { CharterProcess } from "../support/app/process.ts";

let root: string;
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), "charter-modes-"))));
afterAll(() => rm(root, { recursive: true, force: true }));

/** Every file and folder at or below a folder with its mode. */
async function modesBelow(folder: string): Promise<Map<string, number>> {
  const names = await readdir(folder, { recursive: true });
  const found = new Map<string, number>();
  for (const path of [folder, ...names.map((name) => join(folder, name))]) {
    const info = await stat(path).catch(() => undefined);
    if (info !== undefined) found.set(`${relative(folder, path)}${info.isDirectory() ? "/" : ""}`, info.mode & 0o777);
  }
  return found;
}

/** What others can open, and how many files were looked at. */
async function openBelow(folder: string): Promise<string[]> {
  const modes = await modesBelow(folder);
  return [...modes].flatMap(([path, mode]) => {
    const isClosed = path.endsWith("/") ? mode === 0o700 : mode === 0o600;
    return isClosed ? [] : [`${path} ${mode.toString(8)}`];
  });
}

/** A folder as `mkdir` and volumes make it. */
async function folderWith(mode: number): Promise<string> {
  const folder = await mkdtemp(join(root, "data-"));
  await chmod(folder, mode);
  return folder;
}

/** Work of every kind that leaves files behind. */
async function work(server: CharterProcess): Promise<void> {
  const product = { product_id: "AI_ASSISTANT", artifact_type: "ConversationArtifact" };
  const path = `/v1/artifacts?product=${product.product_id}&type=${product.artifact_type}`;
  const answers = [
    await server.ask("/v1/artifacts", { body: { ...product, payload: { said: "hello" } } }),
    await server.ask(path, { body: Buffer.alloc(20_000, "packed "), headers: { "content-type": "text/plain" } }),
    await server.ask(path, {
      body: Buffer.alloc(3_000_000, "its own file "),
      headers: { "content-type": "text/plain" },
    }),
    await server.ask("/api/v1/auth/register", {
      key: null,
      body: { username: "someone1", email: "someone@example.org", password: "four quiet horses graze" },
    }),
    await server.ask("/v1/chat/completions", { body: { model: "auto", messages: [{ role: "user", content: "hi" }] } }),
    await server.ask("/v1/scrub"),
  ];
  for (const { status, json } of answers) expect(status, JSON.stringify(json)).toBeLessThan(400);
  // More commits than lie between two checkpoints of the database, which a thread makes.
  for (let round = 0; round < 15; round++) {
    await Promise.all(
      Array.from({ length: 16 }, () => server.ask("/v1/artifacts", { body: { ...product, payload: round } })),
    );
  }
}

/** Waits until a file of a kind is there. */
async function appears(folder: string, pattern: RegExp): Promise<void> {
  while (![...(await modesBelow(folder)).keys()].some((path) => pattern.test(path))) await sleep(50);
}

describe("a file with secrets that an operator made", () => {
  it("keeps its mode and is named while every user can read it", async () => {
    const folder = await mkdtemp(join(root, "config-"));
    const config = join(folder, "charter.yaml");
    const look = (): { state: string; found: string } | undefined => {
      const args = [launcher, "doctor", "--data", join(folder, "data"), "--config", config, "--json"];
      const { checks } = JSON.parse(spawnSync(process.execPath, args, { encoding: "utf8" }).stdout) as {
        checks: { name: string; state: string; found: string }[];
      };
      return checks.find(({ name }) => name === "secret files");
    };
    await writeFile(config, "redis:\n  timeoutMs: 200\n");
    await chmod(config, 0o644);
    expect(look()).toMatchObject({ state: "ok" });
    await writeFile(config, "redis:\n  url: redis://:a-secret@localhost:6379\n");
    expect(look()).toMatchObject({ state: "warn", found: expect.stringContaining("redis.url") });
    expect(look()?.found).not.toContain("a-secret");
    await chmod(config, 0o640);
    expect(look()).toMatchObject({ state: "ok" });
    expect((await stat(config)).mode & 0o777).toBe(0o640);
  });
});

describe("the data folder of a server", () => {
  for (const [folderMode, umask] of [
    [0o755, 0o022],
    [0o777, 0o000],
  ] as const) {
    it(`that was made with ${folderMode.toString(8)} under umask ${umask.toString(8)} is closed, with every file in it, through kills and restarts`, async () => {
      const dataDir = await folderWith(folderMode);
      let adminKey: string;
      {
        await using server = await spawnCharter({ dataDir, umask });
        adminKey = server.adminKey;
        await work(server);
        await appears(dataDir, /^ledger\/tile\/entries\/./);
        await appears(dataDir, /^mail\/.*[.]eml$/);
        expect(await openBelow(dataDir)).toEqual([]);
        const paths = [...(await modesBelow(dataDir)).keys()];
        for (const kind of [
          /^charter[.]db$/,
          /^charter[.]db-wal$/,
          /^charter[.]db-shm$/,
          /^ledger\/journal\/.*frames$/,
          /^ledger\/tile\/0\/./,
          /^ledger\/checkpoint$/,
          /^ledger\/key[.]pem$/,
          /^blobs\/packs\/./,
          /^blobs\/objects\/.*[0-9a-f]{64}$/,
          /^identity[.]salt$/,
          /^signing[.]secret$/,
        ]) {
          expect(
            paths.filter((path) => kind.test(path)),
            String(kind),
          ).not.toEqual([]);
        }
        await server.kill();
      }
      expect(await openBelow(dataDir)).toEqual([]);
      await using server = await spawnCharter({ dataDir, adminKey, umask });
      await server.ask("/v1/artifacts", {
        body: { product_id: "AI_ASSISTANT", artifact_type: "ConversationArtifact", payload: 1 },
      });
      expect(await openBelow(dataDir)).toEqual([]);
      expect(await server.stop()).toBe(0);
      expect(await openBelow(dataDir)).toEqual([]);
    });
  }

  it("is closed by the modes that Charter names, also in a process whose umask nobody set", async () => {
    const dataDir = await folderWith(0o755);
    const charter = await startTestCharter({ dataDir });
    const { status } = await charter.ask("/v1/artifacts", {
      body: { product_id: "AI_ASSISTANT", artifact_type: "ConversationArtifact", payload: 1 },
    });
    expect(status).toBe(201);
    expect(process.umask() & 0o077).not.toBe(0o077);
    expect(await openBelow(dataDir)).toEqual([]);
    await charter.restart();
    expect(await openBelow(dataDir)).toEqual([]);
    await charter[Symbol.asyncDispose]();
  });

  it("is closed at the start when an older version or a copy left it open, and the log says so", async () => {
    const dataDir = await folderWith(0o700);
    let adminKey: string;
    {
      await using server = await spawnCharter({ dataDir });
      adminKey = server.adminKey;
      await work(server);
      await server.stop();
    }
    expect(spawnSync("chmod", ["-R", "a+rX", dataDir]).status).toBe(0);
    const outside = join(root, "elsewhere");
    await writeFile(outside, "not ours", { mode: 0o644 });
    await chmod(outside, 0o644);
    await symlink(outside, join(dataDir, "planted"));
    await mkdir(join(dataDir, "odd"), { mode: 0o777 });
    const doctor = (): unknown => {
      const { stdout } = spawnSync(process.execPath, [launcher, "doctor", "--data", dataDir, "--json"], {
        encoding: "utf8",
      });
      const { checks } = JSON.parse(stdout) as { checks: { name: string; state: string }[] };
      return checks.find(({ name }) => name === "data folder")?.state;
    };
    expect(doctor()).toBe("warn");
    await using server = await spawnCharter({ dataDir, adminKey });
    expect(server.log()).toContain("closed files of the data folder that other users could open");
    expect((await openBelow(dataDir)).filter((line) => !line.startsWith("planted"))).toEqual([]);
    expect((await stat(outside)).mode & 0o777).toBe(0o644);
    expect(doctor()).toBe("ok");
    await server.stop();
  });
});
