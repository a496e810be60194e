// kill -9 under write load, fifty times on one data folder: nothing acknowledged is lost, nothing half-made is visible,
// and the ledger verifies after every kill.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../../src/kernel/hash.ts";
import { announcedSeed, seededRandom, spawnCharter } from "../support/app/process.ts";
import type { CharterProcess, Reply } from "../support/app/process.ts";
import {
  everyEntry,
  expectAllThere,
  expectEachIntentClosed,
  expectInLedger,
  expectQuotasAddUp,
  expectSound,
} from "../support/ledger/record.ts";
import type { Acknowledged } from "../support/ledger/record.ts";
import { eventually } from "../support/wait.ts";

const kills = 50;
const writers = 24;
const products = [
  { product: "AI_ASSISTANT", type: "ConversationArtifact" },
  { product: "GURUKUL", type: "ContentArtifact" },
] as const;

/** One write that a client wants done, under a tag of its own. */
interface Write {
  readonly tag: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | Buffer;
  /** The bytes that become the artifact's content. */
  readonly content: Buffer;
}

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "charter-crash-"));
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

/** Some bytes of a length, different for every name. */
function bytesOf(name: string, length: number): Buffer {
  return Buffer.alloc(length, `${digestOf(name)}\n`);
}

/** A write of one of three sizes: an envelope, 4 KiB into a pack, or 1.5 MiB into a file of its own. */
function writeOf(tag: string, random: () => number): Write {
  const { product, type } = products[random() < 0.5 ? 0 : 1];
  const key: Record<string, string> = random() < 0.5 ? { "idempotency-key": tag } : {};
  if (random() < 0.3) {
    const payload = { said: tag };
    const body = JSON.stringify({ product_id: product, artifact_type: type, payload, tags: [tag] });
    const content = Buffer.from(JSON.stringify(payload));
    return { tag, path: "/v1/artifacts", headers: { ...key, "content-type": "application/json" }, body, content };
  }
  const content = bytesOf(tag, random() < 0.06 ? 1_500_000 : 4096);
  const path = `/v1/artifacts?product=${product}&type=${type}&tag=${tag}`;
  return { tag, path, headers: { ...key, "content-type": "text/plain" }, body: content, content };
}

/** What all the clients have learned so far. */
class Memory {
  readonly acknowledged: Acknowledged[] = [];
  readonly unexpected: unknown[] = [];
  /** Writes with a key whose answer never came: the next round sends them again. */
  unanswered: Write[] = [];

  answered(write: Write, { status, json }: Reply): void {
    const isRepeat = status === 200 && json.replayed && write.headers["idempotency-key"] !== undefined;
    if (status === 201 || isRepeat) this.acknowledged.push({ ...json, sent: digestOf(write.content) });
    else this.unexpected.push({ status, json, tag: write.tag });
  }
}

/** Writes without pause until the server is gone. */
async function writeUntilKilled(server: CharterProcess, next: () => Write, memory: Memory): Promise<void> {
  for (;;) {
    const write = next();
    try {
      memory.answered(write, await server.ask(write.path, write));
    } catch {
      if (write.headers["idempotency-key"] !== undefined) memory.unanswered.push(write);
      return;
    }
  }
}

describe("kill -9 under write load", () => {
  it("loses nothing that was acknowledged, in fifty kills", { timeout: 1_800_000 }, async () => {
    const random = seededRandom(announcedSeed("crash"));
    const memory = new Memory();
    let adminKey = "";
    for (let round = 0; round < kills; round++) {
      await using server = await spawnCharter({ dataDir, adminKey });
      adminKey = server.adminKey;
      const known = memory.acknowledged;
      const sample = Array.from(
        { length: 8 },
        (_, i) => known[i < 4 ? known.length - 1 - i : Math.floor(random() * known.length)],
      );
      for (const each of sample) {
        if (each === undefined) continue;
        const { status, bytes } = await server.ask(`/v1/artifacts/${each.artifact.artifact_id}/content`);
        expect([status, digestOf(bytes)], `after kill ${round}`).toEqual([200, each.sent]);
      }
      const again = memory.unanswered;
      memory.unanswered = [];
      let count = 0;
      const next = (): Write => again.pop() ?? writeOf(`r${round}-${count++}`, random);
      const writing = Array.from({ length: writers }, () => writeUntilKilled(server, next, memory));
      await sleep(50 + random() * 350);
      // On a busy machine a round may have answered nothing yet; one write for each kill is what is counted below.
      await eventually(() => memory.acknowledged.length > round + 1);
      await server.kill();
      await Promise.all(writing);
      await expectSound(dataDir, `after kill ${round + 1}`);
      // What was not sent again this time is sent in a later round.
      memory.unanswered.push(...again);
    }
    expect(memory.unexpected).toEqual([]);
    expect(memory.acknowledged.length).toBeGreaterThan(kills);

    await using server = await spawnCharter({ dataDir, adminKey });
    for (const write of memory.unanswered) memory.answered(write, await server.ask(write.path, write));
    expect(memory.unexpected).toEqual([]);
    const leaves = await everyEntry(server);
    expectEachIntentClosed(leaves);
    expect(leaves.filter(({ outcome }) => outcome === "interrupted").length).toBeGreaterThan(0);
    for (const each of memory.acknowledged) expectInLedger(leaves, each);
    const listed = await expectAllThere(server, memory.acknowledged);
    // Nobody sends a write twice without a key, and a key stands for one artifact: so each tag has at most one.
    const tags = listed.flatMap((artifact) => artifact.tags);
    expect(new Set(tags).size).toBe(tags.length);
    await expectQuotasAddUp(server, listed);
    await server.stop();
    expect(await expectSound(dataDir)).toMatchObject({ openIntents: 0 });
    process.stderr.write(
      `crash: ${kills} kills, ${memory.acknowledged.length} acknowledged, ${listed.length} stored, ${leaves.length} leaves\n`,
    );
  });
});

/** A Node of this machine that is too old to run Charter itself. */
function olderNode(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));
  return [...folders, "/usr/local/bin", "/usr/bin"]
    .map((folder) => join(folder, "node"))
    .find((node) => {
      const version = existsSync(node) ? spawnSync(node, ["-v"], { encoding: "utf8" }).stdout : "";
      return Number(/^v(\d+)/.exec(version)?.[1] ?? 24) < 24;
    });
}

/** Whether somebody listens at an address. */
async function listens(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(Number(port), hostname, () => resolve(true)).on("error", () => resolve(false));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

const older = olderNode();
if (older === undefined) process.stderr.write("skipped: kill -9 of the launcher: there is no older Node here\n");

describe.skipIf(older === undefined)("kill -9 of the launcher on an older Node", () => {
  it("leaves no server behind, and the folder opens again at once", async () => {
    const folder = await mkdtemp(join(tmpdir(), "charter-launcher-"));
    try {
      await using server = await spawnCharter({ dataDir: folder, ...(older ? { node: older } : {}) });
      expect(await listens(server.url)).toBe(true);
      await server.kill();
      await eventually(async () => !(await listens(server.url)));
      await using next = await spawnCharter({ dataDir: folder, adminKey: server.adminKey });
      expect((await next.ask("/ready")).status).toBe(200);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
