// Damage to a stopped ledger: the server starts all the same, says which entry is concerned, goes on reading, refuses
// every write until an operator decides; the independent verifier names the same entry.
import { spawnSync } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launcher, spawnCharter } from "../support/app/process.ts";
import { everyEntry } from "../support/ledger/record.ts";

let root: string;
/** A data folder that was stopped in order, and one that was killed, so that its last entries are in the journal only. */
let published: string;
let journalled: string;
let adminKey: string;
let artifact: string;
let size: number;

const body = { product_id: "AI_ASSISTANT", artifact_type: "ConversationArtifact", payload: "kept" };

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "charter-damage-"));
  published = join(root, "published");
  journalled = join(root, "journalled");
  const server = await spawnCharter({ dataDir: published });
  adminKey = server.adminKey;
  artifact = (await server.ask("/v1/artifacts", { body })).json.artifact.artifact_id;
  for (let i = 0; i < 400; i += 40) {
    await Promise.all(
      Array.from({ length: 40 }, (_, j) => server.ask("/v1/artifacts", { body: { ...body, payload: i + j } })),
    );
  }
  size = await server.ledgerSize();
  await server.stop();
  await cp(published, journalled, { recursive: true });
  const again = await spawnCharter({ dataDir: journalled, adminKey });
  // On a busy machine a checkpoint may come in between and empty the journal; then some more are written.
  for (let i = 0, frames = 0; i < 5 || frames < 8; i++) {
    await again.ask("/v1/artifacts", { body: { ...body, payload: `late ${i}` } });
    const journal = await only(join(journalled, "ledger/journal"), /frames$/).catch(() => undefined);
    frames = journal === undefined ? 0 : (await readFile(journal, "latin1")).split("CLJ1").length - 1;
  }
  // A filtered question fills the derived index, so that the database has seen every entry by the time of the kill.
  await again.ask("/ledger/entries?kind=outcome");
  await again.kill();
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** `charter ledger verify` on a data folder. */
function verify(
  dataDir: string,
  ...more: string[]
): {
  status: number | null;
  report: { ok: boolean; index?: number | null; reason?: string; size?: number };
} {
  const args = ["ledger", "verify", "--from", join(dataDir, "ledger"), "--json", ...more];
  const run = spawnSync(process.execPath, [launcher, ...args], { encoding: "utf8" });
  return { status: run.status, report: JSON.parse(run.stdout) };
}

async function flipByte(path: string, share: number): Promise<void> {
  const bytes = await readFile(path);
  const at = Math.min(bytes.length - 1, Math.floor(bytes.length * share));
  bytes[at] = (bytes[at] ?? 0) ^ 0x40;
  await writeFile(path, bytes);
}

/** Widths of partial tiles are numbers: 200 comes after 50. */
const byNumber = new Intl.Collator("en", { numeric: true }).compare;

async function only(folder: string, pattern: RegExp): Promise<string> {
  const names = (await readdir(folder)).filter((name) => pattern.test(name)).sort(byNumber);
  const name = names.at(-1);
  if (name === undefined) throw new Error(`${folder} has no ${pattern}`);
  return join(folder, name);
}

/** `charter ledger repair` on a data folder. */
function repair(dataDir: string, ...more: string[]): { status: number | null; report: Record<string, unknown> } {
  const args = ["ledger", "repair", "--data", dataDir, "--reason", "the disk was replaced", "--json", ...more];
  const run = spawnSync(process.execPath, [launcher, ...args], { encoding: "utf8" });
  return { status: run.status, report: JSON.parse(run.stdout) };
}

/** Each damage, and the bytes it concerns. */
const damages: readonly (readonly [
  name: string,
  from: "published" | "journalled",
  damage: (ledger: string) => Promise<void>,
  index: (index: number) => boolean,
])[] = [
  [
    "a flipped byte in a full entry bundle",
    "published",
    (ledger) => flipByte(join(ledger, "tile/entries/000"), 0.5),
    (i) => i > 60 && i < 200,
  ],
  [
    "a flipped byte in the last entry bundle",
    "published",
    async (ledger) => flipByte(await only(join(ledger, "tile/entries/003.p"), /./), 0.9),
    (i) => i >= 768,
  ],
  [
    "a flipped byte in a hash tile",
    "published",
    (ledger) => flipByte(join(ledger, "tile/0/001"), 0.5),
    (i) => i >= 256 && i < 512,
  ],
  [
    "a flipped byte in an upper tile",
    "published",
    async (ledger) => flipByte(await only(join(ledger, "tile/1/000.p"), /./), 0.5),
    (i) => i >= 0 && i < 768,
  ],
  ["a missing entry bundle", "published", (ledger) => rm(join(ledger, "tile/entries/001")), (i) => i === 256],
  ["a missing hash tile", "published", (ledger) => rm(join(ledger, "tile/0/002")), (i) => i === 512],
  [
    "a cut entry bundle",
    "published",
    async (ledger) => {
      const path = join(ledger, "tile/entries/002");
      await writeFile(path, (await readFile(path)).subarray(0, 5000));
    },
    (i) => i >= 512 && i < 768,
  ],
];

describe.each(damages)("%s", (name, from, damage, isConcerned) => {
  it("is named by index, stops writes and not reads, and fails the verifier at the same index", async () => {
    const dataDir = await mkdtemp(join(root, "case-"));
    await cp(from === "published" ? published : journalled, dataDir, { recursive: true });
    await damage(join(dataDir, "ledger"));
    await expectDamaged(dataDir, isConcerned);
    expect(name).not.toBe("");
  });
});

/** Starts a server on damaged data and asserts all that it promises about it; resolves with the index it names. */
async function expectDamaged(dataDir: string, isConcerned: (index: number) => boolean): Promise<number | null> {
  const { status, report } = verify(dataDir);
  expect([status, report.ok]).toEqual([1, false]);
  await using server = await spawnCharter({ dataDir, adminKey });
  const ready = await server.ask("/ready", { key: null });
  expect([ready.status, ready.json.ledger]).toEqual([503, "damaged"]);
  const named = Number(/damaged":?.*?"index":(\d+)/.exec(server.log())?.[1]);
  expect(isConcerned(named), `${named}: ${ready.json.reason}`).toBe(true);
  expect(report.index, report.reason).toBe(named);

  const write = await server.ask("/v1/artifacts", { body });
  expect([write.status, write.json.code]).toEqual([503, "ledger.damaged"]);
  expect(write.json.detail).toContain(String(named));
  expect((await server.ask("/v1/keys", { body: { kind: "admin" } })).json.code).toBe("ledger.damaged");
  expect((await server.ask(`/v1/artifacts/${artifact}`, { method: "DELETE" })).status).toBe(503);
  expect((await server.ask(`/v1/artifacts/${artifact}/content`)).bytes.toString()).toBe('"kept"');
  expect((await server.ask("/v1/artifacts")).json.artifacts.length).toBe(100);
  expect((await server.ask("/health", { key: null })).status).toBe(200);
  expect((await server.ask("/ledger/checkpoint", { key: null })).status).toBe(200);
  const entries = await server.ask("/ledger/entries?limit=5&operation=key.create");
  if (entries.status !== 200) expect([entries.status, entries.json.code]).toEqual([503, "ledger.damaged"]);
  await server.stop();
  expect(verify(dataDir).report).toEqual(report);
  return named;
}

describe("damage that leaves no entry to name", () => {
  it.each([
    ["a flipped byte in the checkpoint", 0.5],
    ["a flipped byte in the checkpoint's signature", 0.95],
  ] as const)("%s stops writes, and the verifier fails", async (_name, share) => {
    const dataDir = await mkdtemp(join(root, "case-"));
    await cp(published, dataDir, { recursive: true });
    await flipByte(join(dataDir, "ledger/checkpoint"), share);
    expect(verify(dataDir).status).toBe(1);
    await using server = await spawnCharter({ dataDir, adminKey });
    expect((await server.ask("/ready", { key: null })).status).toBe(503);
    expect((await server.ask("/v1/artifacts", { body })).json.code).toBe("ledger.damaged");
    expect((await server.ask(`/v1/artifacts/${artifact}/content`)).status).toBe(200);
  });
});

describe("the journal of a killed server", () => {
  async function journalOf(dataDir: string): Promise<string> {
    return only(join(dataDir, "ledger/journal"), /frames$/);
  }

  it("that is whole opens with everything in it", async () => {
    const dataDir = await mkdtemp(join(root, "case-"));
    await cp(journalled, dataDir, { recursive: true });
    expect(verify(dataDir).report.ok).toBe(true);
    await using server = await spawnCharter({ dataDir, adminKey });
    expect(await server.ledgerSize()).toBeGreaterThan(size + 10);
    expect((await server.ask("/ready")).status).toBe(200);
  });

  it("with a flipped byte in a frame that others follow is named by index and stops writes", async () => {
    const dataDir = await mkdtemp(join(root, "case-"));
    await cp(journalled, dataDir, { recursive: true });
    await flipByte(await journalOf(dataDir), 0.3);
    await expectDamaged(dataDir, (index) => index >= size);
  });

  it("with a last frame that is gone, which somebody was answered for, is noticed because the database knows more", async () => {
    const dataDir = await mkdtemp(join(root, "case-"));
    await cp(journalled, dataDir, { recursive: true });
    const path = await journalOf(dataDir);
    const frames = await readFile(path);
    // The last two frames, which close and announce an act, each begin with this mark.
    const intent = frames.lastIndexOf("CLJ1", frames.lastIndexOf("CLJ1") - 1);
    expect(intent).toBeGreaterThan(0);
    await writeFile(path, frames.subarray(0, intent));
    await using server = await spawnCharter({ dataDir, adminKey });
    const ready = await server.ask("/ready");
    expect([ready.status, ready.json.ledger]).toEqual([503, "damaged"]);
    expect((await server.ask("/v1/artifacts", { body })).json.code).toBe("ledger.damaged");
    expect((await server.ask(`/v1/artifacts/${artifact}/content`)).status).toBe(200);
  });

  it("with a torn last frame, which nobody was answered for, opens without it", async () => {
    const dataDir = await mkdtemp(join(root, "case-"));
    await cp(journalled, dataDir, { recursive: true });
    const path = await journalOf(dataDir);
    const frames = await readFile(path);
    // The head of a frame (its mark and a length) and a part of its entries, as a write leaves them that was cut off.
    await writeFile(path, Buffer.concat([frames, frames.subarray(0, Math.min(200, frames.length - 1))]));
    await using server = await spawnCharter({ dataDir, adminKey });
    expect((await server.ask("/ready")).status).toBe(200);
    expect((await server.ask("/v1/artifacts", { body })).status).toBe(201);
    expect((await everyEntry(server)).length).toBe(await server.ledgerSize());
  });
});

describe("the operator's decision", () => {
  it("rebuilds a hash tile at no loss, and everything goes on", async () => {
    const dataDir = await mkdtemp(join(root, "case-"));
    await cp(published, dataDir, { recursive: true });
    await flipByte(join(dataDir, "ledger/tile/0/001"), 0.5);
    expect(repair(dataDir)).toMatchObject({ status: 0, report: { rewritten: ["tile/0/001"], remaining: [] } });
    expect(verify(dataDir)).toMatchObject({ status: 0, report: { ok: true } });
    await using server = await spawnCharter({ dataDir, adminKey });
    expect((await server.ask("/v1/artifacts", { body })).status).toBe(201);
  });

  it("is needed by index for an entry whose bytes are lost, and then everything but that entry goes on", async () => {
    const dataDir = await mkdtemp(join(root, "case-"));
    await cp(published, dataDir, { recursive: true });
    await flipByte(join(dataDir, "ledger/tile/entries/000"), 0.5);
    const { index } = verify(dataDir).report;
    expect(index).toEqual(expect.any(Number));
    expect(repair(dataDir)).toMatchObject({ status: 1, report: { accepted: [], remaining: [{ index }] } });
    {
      await using server = await spawnCharter({ dataDir, adminKey });
      expect((await server.ask("/v1/artifacts", { body })).json.code).toBe("ledger.damaged");
      await server.stop();
    }
    expect(repair(dataDir, "--accept", String(index))).toMatchObject({
      status: 0,
      report: { accepted: [index], remaining: [] },
    });
    await using server = await spawnCharter({ dataDir, adminKey });
    expect((await server.ask("/ready")).status).toBe(200);
    expect((await server.ask("/v1/artifacts", { body })).status).toBe(201);
    expect((await server.ask(`/ledger/proof/${index}`)).status).toBe(200);
    expect((await server.ask("/ledger/entries?kind=outcome&limit=1000")).status).toBe(200);
    await server.stop();
    // A verifier is told of the loss: it fails unless it is asked to allow for lost entries.
    expect(verify(dataDir).report).toMatchObject({ ok: false, index });
    expect(verify(dataDir, "--allow-lost").report).toMatchObject({ ok: true, lost: [index] });
    const { status, stdout } = spawnSync(process.execPath, [launcher, "doctor", "--data", dataDir, "--json"], {
      encoding: "utf8",
    });
    const { checks } = JSON.parse(stdout) as { checks: { name: string; state: string; found: string }[] };
    expect(checks.find(({ name }) => name === "ledger")).toMatchObject({
      state: "warn",
      found: expect.stringContaining(`${index} are on record as lost`),
    });
    expect(status).toBe(0);
  });

  it("is needed for a lost end that only the database tells of, and then no index is given out twice", async () => {
    const dataDir = await mkdtemp(join(root, "case-"));
    await cp(journalled, dataDir, { recursive: true });
    const path = await only(join(dataDir, "ledger/journal"), /frames$/);
    const frames = await readFile(path);
    const intent = frames.lastIndexOf("CLJ1", frames.lastIndexOf("CLJ1") - 1);
    await writeFile(path, frames.subarray(0, intent));
    const first = verify(dataDir).report.size ?? 0;
    expect(repair(dataDir)).toMatchObject({ status: 1, report: { remaining: [{ index: first, mend: "tail" }] } });
    const { status, report } = repair(dataDir, "--accept-lost-tail");
    expect([status, report["remaining"]]).toEqual([0, []]);
    expect(report["lost_tail"]).toMatchObject({ first, count: expect.any(Number) });
    await using server = await spawnCharter({ dataDir, adminKey });
    expect((await server.ask("/ready")).status).toBe(200);
    expect((await server.ask("/v1/artifacts", { body })).status).toBe(201);
    const lost = await server.ask("/ledger/entries?operation=ledger.entry_lost");
    expect(lost.json.entries[0]).toMatchObject({ index: first, leaf: { kind: "admin", resource: `entry/${first}` } });
    await server.stop();
    expect(verify(dataDir).report).toMatchObject({ ok: true });
  });
});
