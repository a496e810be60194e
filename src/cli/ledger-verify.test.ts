// `charter ledger verify` on proofs and folders of the naive log, and where it sends the key.
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { folderOf, naiveLeaf, naiveLog, naiveProof, noteKey } from "../../test/support/ledger/naive-log.ts";
import { serveLog } from "../../test/support/ledger/log-server.ts";
import { Client } from "./client.ts";
import { runProgram } from "./program.ts";

const origin = "charter.test/log";
const { verifierKey } = noteKey(origin);
const entries = Array.from({ length: 9 }, (_, at) => naiveLeaf(at));
let folder: Awaited<ReturnType<typeof folderOf>>;

beforeEach(async () => {
  folder = await folderOf(naiveLog(entries, origin));
});
afterEach(() => folder[Symbol.asyncDispose]());

async function charter(...args: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const [out, err] = [buffer(stdout), buffer(stderr)];
  const io = { stdin: Readable.from([]), stdout, stderr, env: {}, cwd: folder.path };
  const code = await runProgram(["ledger", "verify", ...args], io as never);
  stdout.end();
  stderr.end();
  return { code, out: (await out).toString("utf8"), err: (await err).toString("utf8") };
}

describe("ledger verify --proof", () => {
  it("passes for the entry that the proof is of, and fails for another one and under another key", async () => {
    await writeFile(join(folder.path, "five.tlog-proof"), naiveProof(entries, 5, origin));
    await writeFile(join(folder.path, "five.json"), entries[5]!);
    await writeFile(join(folder.path, "six.json"), entries[6]!);
    const proof = ["--proof", "five.tlog-proof", "--leaf"];
    const passed = await charter(...proof, "five.json", "--verifier-key", verifierKey);
    expect(passed).toMatchObject({ code: 0, out: expect.stringContaining("PASS  entry 5 of 9") });
    expect(await charter(...proof, "six.json", "--verifier-key", verifierKey)).toMatchObject({ code: 1 });
    const other = noteKey(origin, 2).verifierKey;
    expect(await charter(...proof, "five.json", "--verifier-key", other)).toMatchObject({ code: 1 });
  });

  it("is a usage error without the entry, and together with a whole ledger", async () => {
    expect(await charter("--proof", "five.tlog-proof")).toMatchObject({ code: 2 });
    expect(await charter("--proof", "a", "--leaf", "b", "--from", ".")).toMatchObject({ code: 2 });
  });
});

describe("ledger verify --from", () => {
  it("fails on an entry whose bytes are lost, and with --allow-lost passes and names it", async () => {
    const bundle = join(folder.path, "tile/entries/000.p/9");
    const framed = entries.map((entry, at) => {
      const kept = at === 4 ? Buffer.alloc(0) : entry;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(kept.length);
      return Buffer.concat([length, kept]);
    });
    await writeFile(bundle, Buffer.concat(framed));
    expect(await charter("--from", ".")).toMatchObject({ code: 1, out: expect.stringContaining("entry 4") });
    const passed = await charter("--from", ".", "--allow-lost");
    expect(passed).toMatchObject({ code: 0, out: expect.stringMatching(/PASS[^]*LOST {2}entries 4/) });
    await rm(bundle);
    expect(await charter("--from", ".", "--allow-lost")).toMatchObject({ code: 1 });
  });

  it("takes a data folder and the address of a server as well, whose ledger lies below", async () => {
    const files = naiveLog(entries, origin);
    await using data = await folderOf(new Map([...files].map(([name, bytes]) => [`ledger/${name}`, bytes])));
    await using server = await serveLog((path) => files.get(path) ?? 404);
    for (const place of [data.path, join(data.path, "ledger"), server.url, `${server.url}/`, server.prefix]) {
      expect(await charter("--from", place)).toMatchObject({
        code: 0,
        out: expect.stringContaining("PASS  9 entries"),
      });
    }
  });

  it("says that there is no ledger, which is no verdict on one", async () => {
    await using server = await serveLog(() => 404);
    for (const place of ["./nowhere", "./tile", server.url, server.prefix]) {
      const { code, out, err } = await charter("--from", place);
      expect([code, out]).toEqual([1, ""]);
      expect(err).toContain("there is no ledger at ");
      expect(err).toContain(place.replace("./", ""));
    }
  });

  it("accuses no entry that it may not read, and says what helps", async () => {
    const files = naiveLog(entries, origin);
    await using server = await serveLog((path, authorization) =>
      path.startsWith("tile/entries") && authorization !== "Bearer k" ? 401 : (files.get(path) ?? 404),
    );
    const { code, out } = await charter("--from", server.url);
    expect([code, out]).toEqual([
      1,
      expect.stringMatching(/^could not be verified: .*\/tile\/entries\/000.p\/9 answered 401\n/),
    ]);
    expect(out).toContain("entry bundles need --key of a credential that may read the whole ledger");
    expect(out).not.toMatch(/FAIL|entry 0/);
    const json = JSON.parse((await charter("--from", server.url, "--json")).out);
    expect(json).toMatchObject({ ok: false, index: null, unread: "refused", remedy: expect.stringContaining("--key") });
    expect(await charter("--from", server.url, "--key", "k")).toMatchObject({ code: 1 });
    expect((await charter("--from", server.url, "--key", "k")).out).toContain("only to the server of --url");
    expect(await charter("--from", server.url, "--url", server.url, "--key", "k")).toMatchObject({ code: 0 });
  });
});

describe("the key", () => {
  it("belongs to one origin and what lies below the server's path, however the address is spelled", () => {
    const client = new Client("http://charter.example/base/", "secret");
    const ours = [
      "http://charter.example/base",
      "HTTP://CHARTER.example:80/base/ledger",
      "http://charter.example/base/x/../ledger",
    ];
    const others = [
      "https://charter.example/base/ledger",
      "http://charter.example:8080/base/ledger",
      "http://charter.example.evil/base/ledger",
      "http://charter.example@evil/base/ledger",
      "http://charter.example/base/../other/ledger",
      "http://charter.example/base/%2e%2e/other/ledger",
      "http://charter.example/baseless",
      "./ledger",
    ];
    expect(ours.filter((url) => !client.owns(url))).toEqual([]);
    expect(others.filter((url) => client.owns(url))).toEqual([]);
  });
});
