import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  folderOf,
  merkleTreeHash,
  naiveBundle,
  naiveCheckpoint,
  naiveLeaf as leaf,
  naiveLog,
  noteKey,
  signedNote,
} from "../../../test/support/ledger/naive-log.ts";
import { serveLog } from "../../../test/support/ledger/log-server.ts";
import { findLedger, verifyLedger } from "./index.ts";

const origin = "charter.test/log";
const { verifierKey } = noteKey(origin);

const leaves = (count: number) => Array.from({ length: count }, (_, i) => leaf(i));

async function verifyFiles(files: ReadonlyMap<string, Uint8Array>, options: object = {}) {
  await using folder = await folderOf(files);
  return await verifyLedger({ source: folder.path, verifierKey, ...options });
}

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[Math.floor(bit / 8)]! ^= 1 << (bit % 8);
  return copy;
}

describe("a whole ledger", () => {
  it.each([0, 1, 2, 255, 256, 257, 700])("passes with %i entries, and the root is the recursive one", async (size) => {
    const entries = leaves(size);
    const report = await verifyFiles(naiveLog(entries, origin));
    expect(report).toMatchObject({ ok: true, origin, size, root: merkleTreeHash(entries).toString("base64") });
    expect(report).toMatchObject({ keyTrust: "given", openIntents: 0 });
  });

  it("passes across a full tile of level 1 and names faults above and below it", async () => {
    const entries = leaves(65_536 + 300);
    const files = naiveLog(entries, origin);
    const done: number[] = [];
    await using folder = await folderOf(files);
    const onProgress = (progress: { done: number }) => void done.push(progress.done);
    const report = await verifyLedger({ source: folder.path, verifierKey, onProgress });
    expect(report).toMatchObject({ ok: true, size: entries.length, tiles: 258 + 2 + 1 });
    expect(done.at(-1)).toBe(entries.length);
    expect(done).toHaveLength(258);
    const afterFlip = async (name: string, bit: number) => {
      await writeFile(join(folder.path, name), flipped(files.get(name)!, bit));
      const failed = await verifyLedger({ source: folder.path, verifierKey });
      await writeFile(join(folder.path, name), files.get(name)!);
      return failed;
    };
    const level2 = { ok: false, index: 0, reason: expect.stringContaining("level 2") };
    expect(await afterFlip("tile/2/000.p/1", 9)).toMatchObject(level2);
    expect(await afterFlip("tile/1/001.p/1", 9)).toMatchObject({ ok: false, index: 65_536 });
    expect(await afterFlip("tile/entries/256", 8 * 40)).toMatchObject({ ok: false, index: 65_536 });
  });

  it("fails on every flipped bit and never names an entry after the damaged one", async () => {
    const entries = leaves(600);
    const files = naiveLog(entries, origin);
    const names = [...files.keys()].filter((name) => name !== "verifier-key");
    const place = fc.record({
      name: fc.constantFrom(...names),
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(place, async ({ name, at }) => {
        const bytes = files.get(name)!;
        const bit = Math.floor(at * bytes.length * 8);
        const report = await verifyFiles(new Map(files).set(name, flipped(bytes, bit)));
        expect(report.ok).toBe(false);
        if (report.ok) return;
        if (name === "checkpoint") expect(report.index).toBe(null);
        else expect(report.index).toBe(damagedEntry(name, bytes, Math.floor(bit / 8)));
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ["tile/entries/001", 256, "missing"],
    ["tile/0/000", 0, "missing"],
    ["tile/0/002.p/88", 512, "missing"],
    ["tile/1/000.p/2", 0, "missing"],
  ])("names the first entry of the missing %s", async (name, index, reason) => {
    const files = naiveLog(leaves(600), origin);
    expect(files.delete(name)).toBe(true);
    expect(await verifyFiles(files)).toMatchObject({ ok: false, index, reason: expect.stringContaining(reason) });
  });

  it("names what a torn file lacks first", async () => {
    const files = naiveLog(leaves(600), origin);
    const bundle = files.get("tile/entries/001")!;
    const torn = new Map(files).set("tile/entries/001", bundle.subarray(0, bundle.length - 1));
    expect(await verifyFiles(torn)).toMatchObject({ ok: false, index: 511 });
    const tile = files.get("tile/0/001")!;
    const short = new Map(files).set("tile/0/001", tile.subarray(0, tile.length - 32));
    expect(await verifyFiles(short)).toMatchObject({ ok: false, index: 256, reason: expect.stringContaining("short") });
    const long = new Map(files).set("tile/entries/001", Buffer.concat([bundle, Buffer.alloc(3)]));
    expect(await verifyFiles(long)).toMatchObject({
      ok: false,
      index: 256,
      reason: expect.stringContaining("goes on"),
    });
  });

  it("blames no single entry when everything but the signed root was rewritten", async () => {
    const files = naiveLog(leaves(300), origin);
    const entries = leaves(300);
    entries[7] = leaf(7, { note: "rewritten" });
    const forged = naiveLog(entries, origin).set("checkpoint", files.get("checkpoint")!);
    expect(await verifyFiles(forged)).toMatchObject({
      ok: false,
      index: null,
      reason: expect.stringContaining("root"),
    });
  });

  it("reads the full tile when the partial one is gone", async () => {
    const short = naiveLog(leaves(300), origin);
    const long = naiveLog(leaves(512), origin);
    const files = new Map(long).set("checkpoint", short.get("checkpoint")!);
    files.set("tile/1/000.p/1", short.get("tile/1/000.p/1")!);
    expect(await verifyFiles(files)).toMatchObject({ ok: true, size: 300 });
  });

  it("shows that the log extends an earlier checkpoint, and refuses one of another history", async () => {
    const entries = leaves(600);
    const files = naiveLog(entries, origin);
    const earlier = naiveCheckpoint(entries.slice(0, 413), origin);
    expect(await verifyFiles(files, { earlierCheckpoint: earlier })).toMatchObject({ ok: true, extends: 413 });
    const other = naiveCheckpoint(leaves(414).slice(1), origin);
    expect(await verifyFiles(files, { earlierCheckpoint: other })).toMatchObject({ ok: false, index: null });
    const longer = naiveCheckpoint(leaves(601), origin);
    expect(await verifyFiles(files, { earlierCheckpoint: longer })).toMatchObject({ ok: false, index: null });
  });

  it("says when it trusted the key that lay beside the data", async () => {
    const files = naiveLog(leaves(3), origin);
    expect(await verifyFiles(files, { verifierKey: undefined })).toMatchObject({ ok: true, keyTrust: "found" });
    files.delete("verifier-key");
    expect(await verifyFiles(files, { verifierKey: undefined })).toMatchObject({ ok: false, index: null });
    expect(await verifyFiles(files, { verifierKey: noteKey(origin, 2).verifierKey })).toMatchObject({ ok: false });
  });

  it("refuses an empty tree with another root than the empty one", async () => {
    const root = Buffer.alloc(32, 1).toString("base64");
    const files = new Map([["checkpoint", Buffer.from(signedNote(`${origin}\n0\n${root}\n`, origin))]]);
    expect(await verifyFiles(files)).toMatchObject({ ok: false, index: null });
  });

  it("passes over lost bytes only when told to, and names them", async () => {
    const entries = leaves(300);
    entries[7] = leaf(7, { kind: "intent" });
    entries[9] = leaf(9, { kind: "outcome", intent: 7, outcome: "committed" });
    const files = naiveLog(entries, origin);
    files.set("tile/entries/000", naiveBundle(entries.slice(0, 256).with(7, Buffer.alloc(0))));
    expect(await verifyFiles(files)).toMatchObject({ ok: false, index: 7, reason: expect.stringContaining("lost") });
    expect(await verifyFiles(files, { allowLost: true })).toMatchObject({ ok: true, size: 300, lost: [7] });
    files.set("tile/0/000", flipped(files.get("tile/0/000")!, 7 * 256));
    expect(await verifyFiles(files, { allowLost: true })).toMatchObject({ ok: false, index: 0 });
  });

  it("says so when there is no log", async () => {
    expect(await verifyFiles(new Map())).toEqual({ ok: false, index: null, reason: "there is no checkpoint" });
    const unreachable = await verifyLedger({ source: "http://127.0.0.1:1/", verifierKey });
    expect(unreachable).toMatchObject({ ok: false, index: null });
  });
});

describe("the story of the entries", () => {
  const intent = (i: number) => leaf(i, { kind: "intent" });
  const outcome = (i: number, of: number) => leaf(i, { kind: "outcome", intent: of, outcome: "committed" });
  const finding = { pattern: "p", severity: "CRITICAL", threat: "T1_STORAGE_EXHAUSTION" };
  const done = { kind: "outcome", intent: 0, outcome: "committed" };
  /** A leaf as it was written before format 2. */
  const format1 = (changes: object = {}) =>
    leaf(1, {
      v: 1,
      constitution_hash: undefined,
      principal_kind: undefined,
      request_id: undefined,
      constitutionHash: "0123456789abcdef",
      principalKind: "system",
      requestId: "r",
      ...changes,
    });
  const call = {
    attempts: 1,
    cache: "miss",
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    estimated: false,
    finish: "stop",
    inputTokens: 1,
    model: "m",
    outputTokens: 1,
    prompt: `sha256:${"0".repeat(64)}`,
    reasoningTokens: 0,
    reasons: ["a"],
    streamed: false,
    tier: 1,
  };
  const manyFacts = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`fact_${String(at).padStart(3, "0")}`, at]));

  it("may begin in format 1, with calls, and goes on in format 2, with facts", async () => {
    const facts = { a: "", b: -1, c: true, d_2: "x".repeat(8192), [`e${"_".repeat(63)}`]: 2 ** 53 - 1 };
    const entries = [
      format1({ kind: "intent" }),
      format1({ ...done, call }),
      format1(),
      leaf(3, { kind: "intent", facts: manyFacts(64) }),
      leaf(4, { ...done, intent: 3, facts }),
      leaf(5, { facts: {} }),
    ];
    expect(await verifyFiles(naiveLog(entries, origin))).toMatchObject({ ok: true, size: 6, openIntents: 0 });
  });

  it("counts intents that are still open", async () => {
    const entries = [intent(0), intent(1), leaf(2, { kind: "finding", intent: 1, finding }), outcome(3, 0)];
    expect(await verifyFiles(naiveLog(entries, origin))).toMatchObject({ ok: true, openIntents: 1 });
  });

  it.each([
    ["an outcome of a later entry", [outcome(0, 1), intent(1)], 0],
    ["an outcome of itself", [outcome(0, 0)], 0],
    ["an outcome of what is no intent", [leaf(0), outcome(1, 0)], 1],
    ["a second outcome", [intent(0), outcome(1, 0), leaf(2), outcome(3, 0)], 3],
    ["a finding of no intent", [leaf(0), leaf(1, { kind: "finding", intent: 0, finding })], 1],
    ["an outcome without an intent", [leaf(0), leaf(1, { kind: "outcome", outcome: "failed" })], 1],
    ["an unknown field", [leaf(0), leaf(1, { email: "x" })], 1],
    ["an unknown kind", [leaf(0, { kind: "note" })], 0],
    ["an inherited name as a field", [leaf(0, { toString: "x" })], 0],
    ["a time without milliseconds", [leaf(0, { time: "2026-11-21T00:00:00Z" })], 0],
    ["a day that does not exist", [leaf(0, { time: "2026-02-30T00:00:00.000Z" })], 0],
    ["white space in the JSON", [leaf(0), Buffer.from(leaf(1).toString().replace(",", ", "))], 1],
    ["a repeated key", [Buffer.from(leaf(0).toString().replace('"v":2', '"v":2,"v":2'))], 0],
    ["a number in another spelling", [Buffer.from(leaf(0).toString().replace('"v":2', '"v":2.0'))], 0],
    ["a format that nobody knows", [leaf(0), leaf(1, { v: 3 })], 1],
    ["a format that is nested very deeply", [Buffer.from(`{"v":${"[".repeat(30_000)}${"]".repeat(30_000)}}`)], 0],
    ["the names of format 2 in a leaf of format 1", [leaf(0, { v: 1 })], 0],
    ["the names of format 1 in a leaf of format 2", [leaf(0, { requestId: "r" })], 0],
    ["facts in a leaf of format 1", [format1({ facts: { steps: 1 } })], 0],
    ["a call in a leaf of format 2", [intent(0), leaf(1, { ...done, call })], 1],
    ["a call in a leaf of format 1 that is no outcome", [format1({ call })], 0],
    ["a call that lacks a field", [intent(0), format1({ ...done, call: { ...call, tier: undefined } })], 1],
    ["a fact that is a list", [leaf(0, { facts: { reasons: ["a"] } })], 0],
    ["a fact that is a map", [leaf(0, { facts: { usage: { tokens: 1 } } })], 0],
    ["a fact that is null", [leaf(0, { facts: { tokens: null } })], 0],
    ["a fact that is no integer", [leaf(0, { facts: { share: 0.5 } })], 0],
    ["a fact that is too large an integer", [leaf(0, { facts: { tokens: 2 ** 53 } })], 0],
    ["a fact with a camelCase name", [leaf(0, { facts: { inputTokens: 1 } })], 0],
    ["a fact with a name that is too long", [leaf(0, { facts: { ["a".repeat(65)]: 1 } })], 0],
    ["a fact with a text that is too long", [leaf(0, { facts: { text: "a".repeat(8193) } })], 0],
    ["too many facts", [leaf(0, { facts: manyFacts(65) })], 0],
    ["facts that are a list", [leaf(0, { facts: [] })], 0],
    ["facts out of order", [leaf(0, { facts: { b: 1, a: 1 } })], 0],
    ["bytes that are not UTF-8", [Buffer.from([0xff, 0xfe])], 0],
    ["what is not JSON", [leaf(0), leaf(1), Buffer.from("{")], 2],
    ["an empty entry", [Buffer.alloc(0)], 0],
    ["an entry nested very deeply", [Buffer.from("[".repeat(30_000) + "]".repeat(30_000))], 0],
  ])("refuses %s, by its index", async (_name, entries, index) => {
    expect(await verifyFiles(naiveLog(entries, origin))).toMatchObject({ ok: false, index });
  });
});

describe("over HTTP", () => {
  it("sends the credential, waits when told to, and reports the same as from a folder", async () => {
    const files = naiveLog(leaves(600), origin);
    let busy = 2;
    await using server = await serveLog((path, authorization) => {
      if (authorization !== "Bearer k") return 401;
      if (path === "tile/0/001" && busy-- > 0) return 503;
      return files.get(path) ?? 404;
    });
    const headers = { authorization: "Bearer k" };
    expect(await verifyLedger({ source: server.prefix, verifierKey, headers })).toMatchObject({ ok: true, size: 600 });
    files.set("tile/0/001", flipped(files.get("tile/0/001")!, 32 * 8 * 3));
    expect(await verifyLedger({ source: server.prefix, verifierKey, headers })).toMatchObject({
      ok: false,
      index: 259,
    });
    files.delete("tile/entries/000");
    expect(await verifyLedger({ source: server.prefix, verifierKey, headers })).toMatchObject({ ok: false, index: 0 });
    const refused = await verifyLedger({ source: server.prefix, verifierKey });
    expect(refused).toMatchObject({ ok: false, index: null, reason: expect.stringContaining("401") });
  });

  it.each([
    [401, "refused"],
    [403, "refused"],
    [500, "failed"],
  ])(
    "accuses no entry when its bundle is answered with %i, and says that it could not be read",
    async (status, unread) => {
      const files = naiveLog(leaves(300), origin);
      await using server = await serveLog((path) =>
        path.startsWith("tile/entries/001") ? status : (files.get(path) ?? 404),
      );
      expect(await verifyLedger({ source: server.prefix, verifierKey })).toEqual({
        ok: false,
        index: null,
        unread,
        reason: `could not be verified: ${server.prefix}/tile/entries/001.p/44 answered ${status}`,
      });
      // What is wrong before that place is still named.
      files.set("tile/0/000", flipped(files.get("tile/0/000")!, 32 * 8 * 3));
      const wrong = await verifyLedger({ source: server.prefix, verifierKey });
      expect(wrong).toMatchObject({ ok: false, index: 3 });
      expect(wrong).not.toHaveProperty("unread");
    },
  );

  it("names the entry of a bundle that is larger than any may be", async () => {
    const files = naiveLog(leaves(300), origin);
    files.set("tile/0/001.p/44", Buffer.alloc(1024 * 1024));
    await using server = await serveLog((path) => files.get(path) ?? 404);
    const report = await verifyLedger({ source: server.prefix, verifierKey });
    expect(report).toMatchObject({ ok: false, index: 256, reason: expect.stringContaining("more than") });
    expect(await verifyFiles(files)).toMatchObject({
      ok: false,
      index: 256,
      reason: expect.stringContaining("larger"),
    });
  });

  it("stops reading an answer that is too large", async () => {
    await using server = await serveLog(() => Buffer.alloc(4 * 1024 * 1024));
    const report = await verifyLedger({ source: server.prefix, verifierKey });
    expect(report).toMatchObject({ ok: false, index: null, reason: expect.stringContaining("more than") });
  });
});

describe("finding a ledger", () => {
  it("takes the place itself, or what lies below it as ledger, in a folder and over HTTP", async () => {
    const files = naiveLog(leaves(3), origin);
    await using folder = await folderOf(new Map([...files].map(([name, bytes]) => [`ledger/${name}`, bytes])));
    const ledger = join(folder.path, "ledger");
    expect(await findLedger(folder.path)).toBe(ledger);
    expect(await findLedger(ledger)).toBe(ledger);
    await using server = await serveLog((path) => files.get(path) ?? 404);
    expect(await findLedger(`${server.url}/`)).toBe(`${server.url}/ledger`);
    expect(await findLedger(server.prefix)).toBe(server.prefix);
  });

  it("finds none where there is none, and one that has lost its checkpoint", async () => {
    await using folder = await folderOf(naiveLog(leaves(3), origin));
    expect(await findLedger(join(folder.path, "tile"))).toBe(undefined);
    expect(await findLedger(join(folder.path, "nowhere"))).toBe(undefined);
    await rm(join(folder.path, "checkpoint"));
    expect(await findLedger(folder.path)).toBe(folder.path);
    await rm(join(folder.path, "tile"), { recursive: true });
    expect(await findLedger(folder.path)).toBe(undefined);
    await mkdir(join(folder.path, "journal"));
    expect(await findLedger(folder.path)).toBe(folder.path);
    await using server = await serveLog(() => 404);
    expect(await findLedger(server.prefix)).toBe(undefined);
  });

  it("leaves it to the verification to say that a place cannot be read", async () => {
    expect(await findLedger("http://127.0.0.1:1")).toBe("http://127.0.0.1:1");
  });
});

/** The entry that a damaged byte belongs to: exactly one in bundles and level 0, the first covered above. */
function damagedEntry(name: string, bytes: Buffer, at: number): number {
  const [, level = "", tile = ""] = /^tile\/([^/]+)\/([0-9]{3})/.exec(name) ?? [];
  if (level !== "entries") return (Number(tile) * 256 + Math.floor(at / 32)) * 256 ** Number(level);
  let end = 0;
  let entry = -1;
  for (; end <= at; entry++) end += 2 + bytes.readUInt16BE(end);
  return Number(tile) * 256 + entry;
}
