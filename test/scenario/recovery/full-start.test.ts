// A start on a disk that has no room: what the last end of the server left is settled all the same, as far as there is room and
// otherwise once there is, and nothing new begins before.
import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startCharter } from "../../../src/app/start.ts";
import { loadConfig } from "../../../src/config/index.ts";
import { systemClock } from "../../../src/kernel/clock.ts";
import { silentLog } from "../../../src/kernel/ctx.ts";
import { DiskLog } from "../../../src/ledger/disk/log.ts";
import { envelope, startTestCharter } from "../../support/app/in-process.ts";
import type { TestCharter } from "../../support/app/in-process.ts";
import { spawnCharter } from "../../support/app/process.ts";
import { everyEntry, expectEachIntentClosed, expectSound } from "../../support/ledger/record.ts";
import { intentLeaf } from "../../support/ledger/ledger-folder.ts";
import { describeWith } from "../../support/servers/requires.ts";
import { eventually } from "../../support/wait.ts";

let folders: string[];
beforeEach(() => void (folders = []));
afterEach(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "charter-full-start-"));
  folders.push(made);
  return made;
}

/** Makes it impossible to make the ledger's reserve, as a full disk does; gives what makes it possible again. */
async function full(dataDir: string): Promise<() => Promise<void>> {
  const reserve = join(dataDir, "ledger", "ballast");
  await rm(reserve, { recursive: true, force: true });
  await mkdir(join(reserve, "in-the-way"), { recursive: true });
  return () => rm(reserve, { recursive: true });
}

function configOf(dataDir: string) {
  const flags = { port: "0", data: dataDir };
  return loadConfig({ flags, env: {}, cwd: dataDir, readFile: () => undefined }).config;
}

/** Leaves of the ledger, oldest first, that are of an operation. */
async function leavesOf(charter: TestCharter, key: string, operation: string) {
  const { json } = await charter.ask(`/ledger/entries?operation=${operation}&limit=200`, { key });
  return json.entries.map(({ leaf }: { leaf: unknown }) => leaf);
}

const stored = async (charter: TestCharter, key: string) =>
  (await charter.ask("/v1/artifacts", { key, body: envelope() })).status;

describe("a start on a full disk", () => {
  it("closes what a crash left open, and is on record itself once there is room", async () => {
    const dataDir = await folder();
    const first = await startTestCharter({ dataDir });
    const key = first.adminKey;
    await first[Symbol.asyncDispose]();
    {
      const { origin } = configOf(dataDir).ledger;
      await using log = await DiskLog.open({
        dir: join(dataDir, "ledger"),
        origin,
        clock: systemClock,
        log: silentLog,
      });
      await log.append([{ ...intentLeaf(1), operation: "artifact.hold" }]);
    }
    const makeRoom = await full(dataDir);
    await using charter = await startTestCharter({ dataDir });
    expect(await leavesOf(charter, key, "artifact.hold")).toMatchObject([
      { kind: "intent" },
      { kind: "outcome", outcome: "interrupted", code: "effect.none" },
    ]);
    expect(await stored(charter, key)).toBe(503);
    expect(await leavesOf(charter, key, "server.start")).toHaveLength(1);
    await makeRoom();
    await eventually(async () => (await leavesOf(charter, key, "server.start")).length === 2);
    expect(await stored(charter, key)).toBe(201);
    expect((await charter.ask("/ready", { key: null })).status).toBe(200);
  });

  it("halts on an exchanged ledger, however little room there is", async () => {
    const [ours, theirs] = [await folder(), await folder()];
    const first = await startTestCharter({ dataDir: ours });
    const key = first.adminKey;
    const product = await first.keyFor("product", "AI_ASSISTANT");
    expect((await first.ask("/ledger/entries?kind=admin")).status).toBe(200);
    await first[Symbol.asyncDispose]();
    const other = await startTestCharter({ dataDir: theirs });
    for (let i = 0; i < 5; i++) await other.ask("/v1/artifacts", { body: envelope({ payload: i }) });
    await other[Symbol.asyncDispose]();
    await rm(join(ours, "ledger"), { recursive: true });
    await cp(join(theirs, "ledger"), join(ours, "ledger"), { recursive: true });

    const makeRoom = await full(ours);
    await using charter = await startTestCharter({ dataDir: ours });
    await makeRoom();
    await eventually(async () => (await leavesOf(charter, key, "server.start")).at(-1)?.kind === "admin");
    const refused = await charter.ask("/v1/artifacts", { key: product, body: envelope() });
    expect([refused.status, refused.json.code]).toEqual([403, "governance.halted"]);
    const { json } = await charter.ask("/v1/halts", { key });
    expect(json.halts).toEqual([expect.objectContaining({ scope: "*", threat: "T8_AUDIT_TAMPERING" })]);
  });

  it("that is the first one makes the credentials once there is room", async () => {
    const dataDir = await folder();
    await mkdir(join(dataDir, "ledger"), { recursive: true });
    const makeRoom = await full(dataDir);
    const charter = await startCharter(configOf(dataDir), { version: "0.0.0-test", log: silentLog });
    try {
      expect([charter.adminKey, charter.adminPassword]).toEqual([undefined, undefined]);
      expect(charter.trouble).toMatch(/full/);
      await makeRoom();
      const made = await charter.later;
      const asked = await fetch(`${charter.url}/v1/keys`, { headers: { authorization: `Bearer ${made?.adminKey}` } });
      expect([asked.status, typeof made?.adminPassword]).toEqual([200, "string"]);
    } finally {
      await charter.close();
    }
    expect(await expectSound(dataDir)).toMatchObject({ openIntents: 0 });
  });
});

/** Acts that a kill cuts off. */
const openActs = 6000;

describeWith(["tmpfs"], "a start on a disk that has too little room to settle everything", () => {
  it("serves reads, begins nothing, and settles the rest as soon as there is room", async () => {
    const mount = await folder();
    spawnSync("mount", ["-t", "tmpfs", "-o", "size=48m", "none", mount]);
    try {
      const dataDir = join(mount, "data");
      let adminKey = "";
      {
        await using killed = await spawnCharter({ dataDir });
        ({ adminKey } = killed);
        const ask = (i: number) => killed.ask("/v1/artifacts", { body: envelope({ payload: "x".repeat(200 + i) }) });
        for (let i = 0; i < 50; i++) expect((await ask(i)).status).toBe(201);
        const { origin } = configOf(dataDir).ledger;
        await killed.kill();
        await using log = await DiskLog.open({
          dir: join(dataDir, "ledger"),
          origin,
          clock: systemClock,
          log: silentLog,
        });
        // Their outcomes take more room than there will be.
        for (let from = 0; from < openActs; from += 500) {
          const leaves = Array.from({ length: 500 }, (_, i) => ({
            ...intentLeaf(from + i),
            operation: "artifact.hold",
          }));
          await log.append(leaves);
        }
      }
      await rm(join(dataDir, "ledger", "ballast"));
      const filler = join(mount, "in-the-way");
      await fill(filler, 1024 * 1024);
      await using server = await spawnCharter({ dataDir, adminKey });
      expect((await server.ask("/ready", { key: null })).status).toBe(503);
      expect((await server.ask("/v1/artifacts?limit=1")).status).toBe(200);
      expect((await server.ask("/v1/artifacts", { body: envelope() })).status).toBe(503);
      await rm(filler);
      await eventually(async () => (await server.ask("/ready", { key: null })).status === 200);
      await eventually(async () => (await server.ask("/v1/artifacts", { body: envelope() })).status === 201);
      const leaves = await everyEntry(server);
      expectEachIntentClosed(leaves);
      const closed = leaves.filter(({ operation, kind }) => operation === "artifact.hold" && kind === "outcome");
      expect(closed.map(({ code }) => code)).toEqual(Array.from({ length: openActs }, () => "effect.none"));
      await server.stop();
      await expectSound(dataDir);
    } finally {
      spawnSync("umount", ["-l", mount]);
    }
  });
});

/** Takes all room that is left where a file lies, but for so many bytes. */
async function fill(path: string, leftBytes: number): Promise<void> {
  await using file = await open(path, "w");
  const bytes = Buffer.alloc(64 * 1024, 1);
  let size = 0;
  try {
    for (;;) size += (await file.write(bytes)).bytesWritten;
  } catch (error) {
    expect(error).toMatchObject({ code: "ENOSPC" });
  }
  await file.truncate(size - leftBytes);
}
