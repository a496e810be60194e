import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  folderOf,
  merkleTreeHash,
  naiveCheckpoint,
  naiveFrame,
  naiveLeaf,
  naiveLog,
  noteKey,
} from "../../../test/support/ledger/naive-log.ts";
import { verifyLedger } from "./index.ts";

const origin = "charter.test/log";
const { verifierKey } = noteKey(origin);
const entries = Array.from({ length: 40 }, (_, i) => naiveLeaf(i));

/** Frames over [from, to) in commits of these sizes, the last one as long as needed. */
function frames(from: number, to: number, sizes: readonly number[] = [3, 1, 5]): Buffer {
  const parts: Buffer[] = [];
  for (let at = from, i = 0; at < to; i++) {
    const end = Math.min(to, at + (sizes[i] ?? to - at));
    parts.push(naiveFrame(at, entries.slice(at, end), naiveCheckpoint(entries.slice(0, end), origin)));
    at = end;
  }
  return Buffer.concat(parts);
}

function ledgerWith(published: number, segments: Readonly<Record<number, Buffer>>): Map<string, Buffer> {
  const files = naiveLog(entries.slice(0, published), origin);
  for (const [first, bytes] of Object.entries(segments)) {
    files.set(`journal/${first.padStart(16, "0")}.frames`, bytes);
  }
  return files;
}

async function verifyFiles(files: ReadonlyMap<string, Uint8Array>, options: object = {}) {
  await using folder = await folderOf(files);
  return await verifyLedger({ source: folder.path, verifierKey, ...options });
}

describe("a ledger whose journal is ahead of its tiles", () => {
  it("passes with the journal's newest checkpoint as its root", async () => {
    const root = merkleTreeHash(entries).toString("base64");
    const whole = { ok: true, size: 40, root, tornBytes: 0 };
    expect(await verifyFiles(ledgerWith(20, { 20: frames(20, 40) }))).toMatchObject({ ...whole, published: 20 });
    expect(await verifyFiles(ledgerWith(20, { 11: frames(11, 40) }))).toMatchObject({ ...whole, published: 20 });
    expect(await verifyFiles(ledgerWith(20, { 11: frames(11, 20), 20: frames(20, 40) }))).toMatchObject(whole);
    expect(await verifyFiles(ledgerWith(40, { 11: frames(11, 30) }))).toMatchObject({ ...whole, published: 40 });
    expect(await verifyFiles(ledgerWith(40, { 40: Buffer.alloc(0) }))).toMatchObject(whole);
  });

  it("passes when it was killed before its first checkpoint was published", async () => {
    const files = ledgerWith(0, { 0: frames(0, 9) });
    files.delete("checkpoint");
    expect(await verifyFiles(files)).toMatchObject({ ok: true, size: 9, published: 0 });
  });

  it("fails when the folder that signs the log has lost its journal, which a copy for strangers never has", async () => {
    const copy = naiveLog(entries.slice(0, 20), origin);
    expect(await verifyFiles(copy)).toMatchObject({ ok: true, size: 20 });
    const own = new Map(copy).set("key.pem", Buffer.from("secret"));
    expect(await verifyFiles(own)).toMatchObject({ ok: false, index: 20 });
    own.set("journal/0000000000000020.frames", Buffer.alloc(0));
    expect(await verifyFiles(own)).toMatchObject({ ok: true, size: 20 });
  });

  it("shows that the journal extends an earlier checkpoint", async () => {
    const earlierCheckpoint = naiveCheckpoint(entries.slice(0, 33), origin);
    const files = ledgerWith(20, { 20: frames(20, 40) });
    expect(await verifyFiles(files, { earlierCheckpoint })).toMatchObject({ ok: true, extends: 33 });
    expect(await verifyFiles(ledgerWith(20, {}), { earlierCheckpoint })).toMatchObject({ ok: false, index: null });
  });

  it("reads a last frame cut anywhere as a commit that never was", async () => {
    const before = frames(20, 30, [10]);
    const all = Buffer.concat([before, frames(30, 40, [10])]);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: before.length + 1, max: all.length - 1 }), async (cut) => {
        const report = await verifyFiles(ledgerWith(20, { 20: all.subarray(0, cut) }));
        expect(report).toMatchObject({ ok: true, size: 30, tornBytes: cut - before.length });
      }),
      { numRuns: 30 },
    );
  });

  it("reads a last frame that a power cut left as zeros as a commit that never was", async () => {
    const before = frames(20, 30, [10]);
    const last = frames(30, 40, [10]);
    for (const written of [0, 3, 27, 28, 100, last.length - 5]) {
      const blank = Buffer.alloc(last.length + 700);
      blank.set(last.subarray(0, written));
      const report = await verifyFiles(ledgerWith(20, { 20: Buffer.concat([before, blank]) }));
      expect(report, String(written)).toMatchObject({ ok: true, size: 30, tornBytes: blank.length });
    }
    const inside = Buffer.concat([Buffer.alloc(before.length), last]);
    expect(await verifyFiles(ledgerWith(20, { 20: inside }))).toMatchObject({ ok: false, index: 20 });
  });

  it("fails on every flipped bit and names the commit's first entry or an earlier one of it", async () => {
    const first = frames(20, 30, [10]);
    const all = Buffer.concat([first, frames(30, 40, [10])]);
    await fc.assert(
      fc.asyncProperty(fc.nat(all.length * 8 - 1), async (bit) => {
        const bytes = Buffer.from(all);
        bytes[Math.floor(bit / 8)]! ^= 1 << (bit % 8);
        const index = bit / 8 < first.length ? 20 : 30;
        expect(await verifyFiles(ledgerWith(20, { 20: bytes }))).toMatchObject({ ok: false, index });
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ["begins after the tiles end", ledgerWith(20, { 25: frames(25, 40) }), 20],
    ["lacks a segment in the middle", ledgerWith(20, { 20: frames(20, 25), 30: frames(30, 40) }), 25],
    ["is cut short inside", ledgerWith(20, { 20: frames(20, 25).subarray(0, -1), 25: frames(25, 40) }), 24],
    ["skips entries between frames", ledgerWith(20, { 20: Buffer.concat([frames(20, 22), frames(23, 40)]) }), 22],
  ])("fails when the journal %s", async (_name, files, index) => {
    expect(await verifyFiles(files)).toMatchObject({ ok: false, index });
  });

  it("fails when the journal tells another story than the published tree", async () => {
    const changed = entries.with(13, naiveLeaf(13, { note: "rewritten" }));
    const frame = naiveFrame(11, changed.slice(11, 20), naiveCheckpoint(entries.slice(0, 20), origin));
    expect(await verifyFiles(ledgerWith(20, { 11: frame }))).toMatchObject({ ok: false, index: 13 });
  });

  it("fails when a frame's checkpoint is not of its tree, or not signed by the key", async () => {
    const part = entries.slice(20, 30);
    const notes = [
      naiveCheckpoint(entries.slice(0, 29), origin),
      naiveCheckpoint(entries.slice(0, 30).with(3, entries[4]!), origin),
      naiveCheckpoint(entries.slice(0, 30), origin, 2),
    ];
    for (const note of notes) {
      expect(await verifyFiles(ledgerWith(20, { 20: naiveFrame(20, part, note) }))).toMatchObject({ ok: false });
    }
  });

  it("checks what the entries say there, too", async () => {
    const bad = [...entries.slice(0, 20), naiveLeaf(20, { kind: "outcome", intent: 3, outcome: "committed" })];
    const frame = naiveFrame(20, bad.slice(20), naiveCheckpoint(bad, origin));
    expect(await verifyFiles(ledgerWith(20, { 20: frame }))).toMatchObject({ ok: false, index: 20 });
  });
});
