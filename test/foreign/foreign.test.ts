// A real ledger under other people's code: verify.go (the Go checksum database's note and tlog packages) and our own
// independent verifier must accept what Charter wrote, and both must reject it after any one bit has changed.
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifyLedger } from "../../src/ledger/verify/index.ts";
import { oldLedger } from "../support/ledger/old-ledger.ts";
import { goPath } from "../support/servers/packages.ts";
import { writeRealLedger } from "../support/ledger/real-ledger.ts";
import type { RealLedger } from "../support/ledger/real-ledger.ts";
import { describeWith } from "../support/servers/requires.ts";

const run = promisify(execFile);
const acts = 450;

interface Verdict {
  readonly status: number;
  readonly output: string;
}

/** Every tile, bundle and checkpoint of a ledger, relative to its folder. */
async function publishedFiles(folder: string): Promise<string[]> {
  const tiles = await readdir(join(folder, "tile"), { recursive: true, withFileTypes: true });
  const files = tiles.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return [join(folder, "checkpoint"), ...files].map((file) => file.slice(folder.length + 1)).sort();
}

/** Flips one bit in the middle of a file. */
async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[Math.floor(bytes.length / 2)]! ^= 0x10;
  await writeFile(path, bytes);
}

describe("our independent verifier and a real ledger", () => {
  let ledger: RealLedger;
  beforeAll(async () => {
    ledger = await writeRealLedger(acts);
  });
  afterAll(() => ledger[Symbol.asyncDispose]());

  it("passes, and shows that it extends the checkpoint seen half-way", async () => {
    const { path, verifierKey, size, olderCheckpoint } = ledger;
    const report = await verifyLedger({ source: path, verifierKey, earlierCheckpoint: olderCheckpoint });
    expect(report).toMatchObject({ ok: true, size, published: size, openIntents: 0, tornBytes: 0, keyTrust: "given" });
    expect(size).toBe(2 * acts);
    expect(await verifyLedger({ source: path })).toMatchObject({ ok: true, keyTrust: "found" });
  });

  it("passes at every moment of a ledger that is open and growing, journal included", async () => {
    const sizes: number[] = [];
    let journalled = 0;
    const afterEach = async (path: string): Promise<void> => {
      const report = await verifyLedger({ source: path });
      expect(report).toMatchObject({ ok: true });
      if (!report.ok) return;
      sizes.push(report.size);
      journalled += report.size - report.published;
    };
    await using grown = await writeRealLedger(200, { afterEach });
    expect(sizes.length).toBeGreaterThan(3);
    expect(sizes).toEqual(sizes.toSorted((left, right) => left - right));
    expect(sizes.at(-1)).toBe(grown.size);
    expect(journalled).toBeGreaterThan(0);
  });

  it("fails after one flipped bit in any published file that the tree needs", async () => {
    const copy = await ledger.copy();
    for (const file of await neededFiles(copy, ledger.size)) {
      const original = await readFile(join(copy, file));
      await flip(join(copy, file));
      expect
        .soft(await verifyLedger({ source: copy, verifierKey: ledger.verifierKey }), file)
        .toMatchObject({ ok: false });
      await writeFile(join(copy, file), original);
    }
    expect(await verifyLedger({ source: copy, verifierKey: ledger.verifierKey })).toMatchObject({ ok: true });
  });
});

/** The files of the present tree; partial tiles of older sizes may lie beside them and prove nothing. */
async function neededFiles(folder: string, size: number): Promise<string[]> {
  const stale = (file: string): boolean => {
    const [, level = "", width = ""] = /^tile\/([^/]+)\/.*\.p\/([0-9]+)$/.exec(file) ?? [];
    const now = level === "entries" ? size % 256 : Math.floor(size / 256 ** Number(level)) % 256;
    return width !== "" && Number(width) !== now;
  };
  const needed = (await publishedFiles(folder)).filter((file) => !stale(file));
  expect(needed.length).toBeGreaterThan(5);
  return needed;
}

describeWith(["go"], "the Go checksum database's code and a real ledger", () => {
  let ledger: RealLedger;
  let tools: string;

  beforeAll(async () => {
    tools = await mkdtemp(join(tmpdir(), "charter-go-"));
    const source = fileURLToPath(new URL("verify.go", import.meta.url));
    const env = { ...process.env, GO111MODULE: "off", GOPATH: goPath, GOFLAGS: "", GOCACHE: join(tools, "cache") };
    await run("go", ["build", "-o", join(tools, "verify"), source], { env, timeout: 170_000 });
    ledger = await writeRealLedger(acts);
  });
  afterAll(async () => {
    await rm(tools, { recursive: true, force: true });
    await ledger?.[Symbol.asyncDispose]();
  });

  async function verify(place: string, env: NodeJS.ProcessEnv = {}, known = ledger): Promise<Verdict> {
    const older = join(tools, "older");
    await writeFile(older, known.olderCheckpoint);
    const args = ["-vkey", known.verifierKey, "-older", older, place];
    try {
      const { stdout } = await run(join(tools, "verify"), args, { env: { ...process.env, ...env }, timeout: 170_000 });
      return { status: 0, output: stdout };
    } catch (error) {
      const { code, stdout } = error as { code: number; stdout: string };
      return { status: code, output: stdout };
    }
  }

  it("verify note, entries, tiles, inclusion and consistency from the folder", async () => {
    const { status, output } = await verify(ledger.path);
    expect(output).toMatch(/^PASS 900 entries, \d+ tiles, \d+ inclusion proofs, 4 consistency proofs\n$/);
    expect(status).toBe(0);
  });

  it("verify a ledger that was begun in format 1, and again after it went on in format 2", async () => {
    await using old = await oldLedger();
    const known = { ...ledger, verifierKey: old.verifierKey, olderCheckpoint: old.checkpoint };
    expect(await verify(old.path, {}, known)).toMatchObject({
      status: 0,
      output: expect.stringMatching(/^PASS 14 entries/),
    });
    await old.grow();
    expect(await verify(old.path, {}, known)).toMatchObject({
      status: 0,
      output: expect.stringMatching(/^PASS 20 entries/),
    });
  });

  it("verify it over HTTP with a bearer key", async () => {
    const server = createServer((request, response) => {
      const allowed = request.headers.authorization === "Bearer secret";
      const path = join(ledger.path, (request.url ?? "").replace("/ledger/", ""));
      readFile(path).then(
        (bytes) => (allowed ? response.end(bytes) : response.writeHead(401).end()),
        () => response.writeHead(404).end(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const prefix = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ledger/`;
      expect(await verify(prefix, { CHARTER_KEY: "secret" })).toMatchObject({ status: 0 });
      expect(await verify(prefix, { CHARTER_KEY: "wrong" })).toMatchObject({ status: 1 });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it("reject one flipped bit in any published file that the tree needs", async () => {
    const copy = await ledger.copy();
    for (const file of await neededFiles(copy, ledger.size)) {
      const original = await readFile(join(copy, file));
      await flip(join(copy, file));
      const { status, output } = await verify(copy);
      expect.soft({ file, status, verdict: output.slice(0, 4) }).toEqual({ file, status: 1, verdict: "FAIL" });
      await writeFile(join(copy, file), original);
    }
    expect(await verify(copy)).toMatchObject({ status: 0 });
  });

  it("reject an older checkpoint of another history", async () => {
    await using other = await writeRealLedger(acts - 1);
    const { verifierKey, olderCheckpoint } = other;
    await writeFile(join(tools, "other"), olderCheckpoint);
    const args = ["-vkey", verifierKey, "-older", join(tools, "other"), ledger.path];
    await expect(run(join(tools, "verify"), args)).rejects.toMatchObject({ code: 1 });
  });
});
