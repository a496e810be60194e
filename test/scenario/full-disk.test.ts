// A disk that fills up under load: writes become 503 and say why, reads go on, nothing acknowledged is lost, and when
// there is room again writing goes on by itself.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { digestOf } from "../../src/kernel/hash.ts";
import { announcedSeed, seededRandom, spawnCharter } from "../support/app/process.ts";
import type { CharterProcess, Reply } from "../support/app/process.ts";
import { describeWith } from "../support/servers/requires.ts";
import {
  everyEntry,
  expectAllThere,
  expectEachIntentClosed,
  expectInLedger,
  expectQuotasAddUp,
  expectSound,
} from "../support/ledger/record.ts";
import type { Acknowledged } from "../support/ledger/record.ts";
import { patienceMs } from "../support/wait.ts";

const diskBytes = 48 * 1024 * 1024;
const ballastBytes = 12 * 1024 * 1024;
const path = "/v1/artifacts?product=AI_ASSISTANT&type=ConversationArtifact";

let mount = "";

/** What the writers have seen. */
class Tally {
  readonly acknowledged: Acknowledged[] = [];
  readonly refusals = new Map<string, number>();
  readonly wrong: unknown[] = [];

  add(sent: Buffer, { status, headers, json }: Reply): void {
    if (status === 201) {
      this.acknowledged.push({ ...json, sent: digestOf(sent) });
      return;
    }
    const code = String(json?.code);
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
    const isClear = headers["content-type"] === "application/problem+json" && json.request_id && json.remedy !== "";
    if (status !== 503 || !isClear) this.wrong.push({ status, json });
  }
}

describeWith(["tmpfs"], "a full disk", () => {
  beforeAll(() => {
    mount = mkdtempSync(join(tmpdir(), "charter-disk-"));
    const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${diskBytes}`, "none", mount], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`mount: ${stderr}`);
    writeFileSync(join(mount, "in-the-way"), Buffer.alloc(ballastBytes, 1));
  });
  afterAll(async () => {
    if (mount === "") return;
    spawnSync("umount", ["-l", mount]);
    await rm(mount, { recursive: true, force: true });
  });

  it("refuses writes, serves reads, loses nothing and recovers without a restart", { timeout: 900_000 }, async () => {
    const random = seededRandom(announcedSeed("full-disk"));
    const dataDir = join(mount, "data");
    const tally = new Tally();
    let adminKey = "";
    {
      await using server = await spawnCharter({ dataDir });
      adminKey = server.adminKey;
      await writeUntilFull(server, tally, random);
      expect(tally.wrong).toEqual([]);
      expect([...tally.refusals.keys()].some((code) => code.endsWith(".full") || code === "content.storage_full")).toBe(
        true,
      );
      // Still full a while later, also for the smallest write, and still alive.
      await sleep(1500);
      await writeUntilFull(server, tally, random, 64);
      expect(tally.wrong).toEqual([]);
      expect(server.ended).toBe(false);
      expect((await server.ask("/health")).status).toBe(200);
      await expectAllThere(server, tally.acknowledged);

      rmSync(join(mount, "in-the-way"));
      const first = await firstStored(server, tally);
      expect(first.status, JSON.stringify(first.json)).toBe(201);
      expect((await server.ask("/ready")).status).toBe(200);
      for (let i = 0; i < 20; i++) await writeOne(server, tally, random() < 0.2 ? 1_200_000 : 4096);
      expect(tally.wrong).toEqual([]);
      const count = tally.acknowledged.length;
      expect(count).toBeGreaterThan(20);
      expect(await server.stop()).toBe(0);
    }
    await expectSound(dataDir);
    await using server = await spawnCharter({ dataDir, adminKey });
    const leaves = await everyEntry(server);
    expectEachIntentClosed(leaves);
    for (const each of tally.acknowledged) expectInLedger(leaves, each);
    const listed = await expectAllThere(server, tally.acknowledged);
    await expectQuotasAddUp(server, listed);
    await server.stop();
    expect(await expectSound(dataDir)).toMatchObject({ openIntents: 0 });
    process.stderr.write(
      `full-disk: ${tally.acknowledged.length} acknowledged, ${listed.length} stored, refused ${JSON.stringify(Object.fromEntries(tally.refusals))}\n`,
    );
  });
});

let written = 0;

async function writeOne(server: CharterProcess, tally: Tally, bytes: number): Promise<Reply> {
  const body = Buffer.alloc(bytes, `${written++} `);
  const reply = await server.ask(path, { body, headers: { "content-type": "text/plain" } });
  tally.add(body, reply);
  return reply;
}

/** Eight writers of mixed sizes, each until it has been refused ten times. */
async function writeUntilFull(
  server: CharterProcess,
  tally: Tally,
  random: () => number,
  mostBytes = 1_500_000,
): Promise<void> {
  const writer = async (): Promise<void> => {
    for (let refused = 0; refused < 10;) {
      const bytes = Math.min(mostBytes, random() < 0.3 ? 1_500_000 : 1 + Math.floor(random() * 20_000));
      const { status } = await writeOne(server, tally, bytes);
      if (status !== 201) refused += 1;
    }
  };
  await Promise.all(Array.from({ length: 8 }, writer));
}

/** The first write that is stored once there is room; the server tries its disk again within seconds. */
async function firstStored(server: CharterProcess, tally: Tally): Promise<Reply> {
  let reply = await writeOne(server, tally, 4096);
  for (const endMs = performance.now() + patienceMs; reply.status !== 201 && performance.now() < endMs;) {
    await sleep(250);
    reply = await writeOne(server, tally, 4096);
  }
  return reply;
}
