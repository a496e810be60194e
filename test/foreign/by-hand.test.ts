// Runs the scripts of docs/operating/verify-by-hand.md as they stand there: on a real ledger they must say PASS, on
// any damage FAIL.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { verifyProof } from "../../src/ledger/verify/index.ts";
import { oldLedger } from "../support/ledger/old-ledger.ts";
import { writeRealLedger } from "../support/ledger/real-ledger.ts";
import type { RealLedger } from "../support/ledger/real-ledger.ts";
import { describeWith } from "../support/servers/requires.ts";

const run = promisify(execFile);
const recipe = new URL("../../docs/operating/verify-by-hand.md", import.meta.url);
const indexes = [0, 1, 255, 256, 300, 598, 599];

describeWith(["openssl", "xxd"], "the recipe for verifying by hand", () => {
  let folder: string;
  let ledger: RealLedger;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "charter-hand-"));
    const scripts = [...(await readFile(recipe, "utf8")).matchAll(/^```sh\n([^]*?)^```$/gm)].map((block) => block[1]!);
    expect(scripts).toHaveLength(2);
    await writeFile(join(folder, "entry.sh"), scripts[0]!);
    await writeFile(join(folder, "verify.sh"), scripts[1]!);
    ledger = await writeRealLedger(300, { proofs: indexes });
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await ledger?.[Symbol.asyncDispose]();
  });

  /** Entry and proof as files, for the recipe and to be damaged. */
  async function files(index: number, { path, proofs }: Pick<RealLedger, "path" | "proofs"> = ledger) {
    const { stdout } = await run("sh", [join(folder, "entry.sh"), path, String(index)], { encoding: "buffer" });
    const [entry, proof] = [join(folder, `${index}.json`), join(folder, `${index}.tlog-proof`)];
    await writeFile(entry, stdout);
    await writeFile(proof, proofs.get(index)!);
    return { entry, proof, key: join(path, "public.pem") };
  }

  async function verify({ key, proof, entry }: { key: string; proof: string; entry: string }) {
    try {
      const { stdout } = await run("sh", [join(folder, "verify.sh"), key, proof, entry]);
      return { status: 0, output: stdout.trim() };
    } catch (error) {
      const { code, stdout } = error as { code: number; stdout: string };
      return { status: code, output: stdout.trim() };
    }
  }

  it.each(indexes)("accepts entry %i of a real ledger, as our own proof check does", async (index) => {
    const given = await files(index);
    const output = `PASS entry ${index} of charter.test/ledger, signed tree of ${ledger.size} entries`;
    expect(await verify(given)).toEqual({ status: 0, output });
    const report = verifyProof(ledger.proofs.get(index)!, await readFile(given.entry), ledger.verifierKey);
    expect(report).toMatchObject({ ok: true, index, size: ledger.size });
  });

  it("accepts entries of both formats of a ledger that was begun in format 1", async () => {
    await using old = await oldLedger();
    await old.grow();
    const proofs = new Map<number, string>();
    await old.withOpen(async (opened) => {
      for (const index of [8, 19]) proofs.set(index, await opened.proof(index));
    });
    const formats: number[] = [];
    for (const index of proofs.keys()) {
      const given = await files(index, { path: old.path, proofs });
      const output = `PASS entry ${index} of charter.local/ledger, signed tree of 20 entries`;
      expect(await verify(given)).toEqual({ status: 0, output });
      formats.push(JSON.parse(await readFile(given.entry, "utf8")).v);
    }
    expect(formats).toEqual([1, 2]);
  });

  it("refuses every kind of damage", async () => {
    const given = await files(300);
    const other = await files(299 + 299);
    const proof = await readFile(given.proof, "utf8");
    const lines = proof.split("\n");
    const path = lines[3]!;
    const changed = (text: string) => (text.startsWith("A") ? "B" : "A") + text.slice(1);
    const damages: Record<string, string> = {
      "a hash of the path": proof.replace(path, changed(path)),
      "a hash left out": lines.toSpliced(3, 1).join("\n"),
      "a hash too many": lines.toSpliced(3, 0, path).join("\n"),
      "another index": proof.replace("index 300", "index 301"),
      "an index outside the tree": proof.replace("index 300", "index 900"),
      "another size": proof.replace(`\n${ledger.size}\n`, `\n${ledger.size + 1}\n`),
      "another signature": proof.replace(/[^ ]{8}(==?)?\n$/, "AAAAAA==\n"),
      "no signature": proof.slice(0, proof.lastIndexOf("\u2014")),
      nothing: "",
    };
    for (const [name, text] of Object.entries(damages)) {
      expect(text, name).not.toBe(proof);
      await writeFile(given.proof, text);
      expect.soft(await verify(given), name).toMatchObject({ status: 1, output: expect.stringMatching(/^FAIL /) });
    }
    await writeFile(given.proof, proof);
    expect(await verify({ ...given, entry: other.entry })).toMatchObject({ status: 1 });
    const entry = await readFile(given.entry);
    entry[20]! ^= 1;
    await writeFile(given.entry, entry);
    expect(await verify(given)).toMatchObject({ status: 1, output: expect.stringContaining("not at this place") });
  });

  it("refuses a flipped bit in a copy of the ledger", async () => {
    const copy = await ledger.copy();
    const bundle = join(copy, "tile/entries/001");
    const bytes = await readFile(bundle);
    bytes[60]! ^= 4;
    await writeFile(bundle, bytes);
    const { proof, key } = await files(256);
    const entry = join(folder, "flipped.json");
    await writeFile(entry, (await run("sh", [join(folder, "entry.sh"), copy, "256"], { encoding: "buffer" })).stdout);
    expect(await verify({ key, proof, entry })).toMatchObject({ status: 1 });
  });

  it("refuses another key", async () => {
    const { entry, proof } = await files(1);
    await run("openssl", ["genpkey", "-algorithm", "ed25519", "-out", join(folder, "other.pem")]);
    const key = join(folder, "other-public.pem");
    await run("openssl", ["pkey", "-in", join(folder, "other.pem"), "-pubout", "-out", key]);
    expect(await verify({ key, proof, entry })).toMatchObject({
      status: 1,
      output: expect.stringContaining("this key"),
    });
  });
});
