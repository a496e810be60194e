// The record in the hands of a third party: the ledger is copied out, the server is stopped, and what is left is checked
// by the independent verifier, by the Go checksum database's code, and by hand for one artifact.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sizeText } from "../../src/cli/quantity.ts";
import { tileFiles } from "../../src/cli/tile-layout.ts";
import { verifyProof } from "../../src/ledger/verify/index.ts";
import { goPath } from "../../test/support/servers/packages.ts";
import { requirement } from "../../test/support/servers/requires.ts";
import type { Throwaway } from "../../test/support/servers/throwaway.ts";
import { ask, charter, runProgram } from "./caller.ts";
import type { Ran } from "./caller.ts";
import type { Claims } from "./claims.ts";
import { projectRoot } from "./products.ts";
import type { Screen } from "./screen.ts";
import { sha256Hex } from "./storing.ts";
import type { StoredFile } from "./storing.ts";

/** Entries of a full bundle (C2SP tlog-tiles). */
const bundleEntries = 256;

/** An artifact's evidence as it was fetched while the server ran. */
interface Evidence {
  readonly leaf: string;
  readonly record: string;
  readonly proof: string;
  readonly verifier_key: string;
}

/** What was taken from the server. */
export interface Taken {
  /** The copy of the ledger. */
  readonly folder: string;
  readonly size: number;
  readonly evidence: Evidence;
}

/** Copies the ledger out with `charter ledger export` and fetches the proof of one artifact. */
export async function takeAway(screen: Screen, claims: Claims, server: Throwaway, chosen: StoredFile): Promise<Taken> {
  const { url, adminKey: key, workDir } = server;
  screen.line("  $ charter ledger export ./ledger-copy");
  const exported = await charter(["ledger", "export", "./ledger-copy"], workDir, { url, key });
  claims.check(exported.status === 0, "the ledger is exported", exported.output);
  screen.quote(exported.output);
  screen.line();
  const folder = join(workDir, "ledger-copy");
  const size = Number((await readFile(join(folder, "checkpoint"), "utf8")).split("\n")[1]);
  const { status, json } = await ask(url, `/v1/artifacts/${chosen.artifactId}/proof`, { key: chosen.product.key });
  claims.check(status === 200, "an artifact's proof is given", status);
  await server.stop();
  screen.holds("the server is stopped; nothing below needs it");
  return { folder, size, evidence: json as unknown as Evidence };
}

/** Verifies the copy as a whole. */
export async function verifyCopy(screen: Screen, claims: Claims, { folder, size }: Taken): Promise<void> {
  const workDir = join(folder, "..");
  screen.line("  $ charter ledger verify --from ./ledger-copy --verifier-key ./ledger-copy/verifier-key");
  const verdict = await verifyFrom("./ledger-copy", workDir);
  claims.check(verdict.status === 0 && verdict.output.startsWith("PASS"), "the copy verifies", verdict.output);
  claims.check(verdict.output.includes(`${size} entries`), "every entry was verified", verdict.output);
  screen.quote(verdict.output);
  screen.line();
}

/** The verifier's sources import only each other and Node. */
export function verifierStandsAlone(claims: Claims): void {
  const folder = join(projectRoot, "src/ledger/verify");
  const sources = readdirSync(folder).filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
  const imported = sources.flatMap((name) =>
    [...readFileSync(join(folder, name), "utf8").matchAll(/ from "([^"]+)";/g)].map(([, module = ""]) => module),
  );
  const foreign = imported.filter((module) => !module.startsWith("./") && !module.startsWith("node:"));
  claims.check(imported.length > 0 && foreign.length === 0, "the verifier imports nothing of the server", foreign);
}

function verifyFrom(folder: string, workDir: string): Promise<Ran> {
  return charter(["ledger", "verify", "--from", folder, "--verifier-key", "./ledger-copy/verifier-key"], workDir);
}

/** Follows one artifact from the bytes on this disk to the signature. */
export function proveOne(screen: Screen, claims: Claims, chosen: StoredFile, evidence: Evidence): void {
  const { leaf, record, proof, verifier_key: verifierKey } = evidence;
  const fileDigest = `sha256:${sha256Hex(chosen.file.bytes)}`;
  const { content_hash } = JSON.parse(record) as { content_hash: string };
  claims.check(content_hash === fileDigest, "the record holds the file's digest", content_hash);
  const recordDigest = `sha256:${sha256Hex(record)}`;
  const { digest, kind, outcome } = JSON.parse(leaf) as { digest: string; kind: string; outcome: string };
  claims.check(kind === "outcome" && outcome === "committed", "the leaf says that the write was committed", leaf);
  claims.check(digest === recordDigest, "the leaf holds the record's digest", digest);
  const report = verifyProof(proof, Buffer.from(leaf), verifierKey);
  claims.check(report.ok, "the leaf is in the signed tree", report);
  if (!report.ok) return;
  claims.check(report.index === chosen.outcomeIndex, "the proof is of the receipt's own entry", report.index);
  const short = (digest: string): string => `${digest.slice(0, 23)}...`;
  screen.lines([
    `${chosen.file.path} on this disk, ${sizeText(chosen.file.bytes.length)}`,
    `  its SHA-256                ${short(fileDigest)}  is the content_hash of the record`,
    `  the record's SHA-256       ${short(recordDigest)}  is the digest in ledger entry ${report.index}`,
    `  entry ${String(report.index).padEnd(20)} is in the tree of ${report.size} entries, by the tlog-proof`,
    `  the tree's root            ${report.root.slice(0, 23)}...  is signed by ${report.origin}`,
  ]);
  screen.line();
  const other = Buffer.from(leaf.replace('"committed"', '"refused"'));
  claims.check(!verifyProof(proof, other, verifierKey).ok, "a leaf that was altered fails the proof");
  screen.holds("the same proof fails when one word of the entry is changed");
}

/** Changes one byte of one entry in a second copy: the verifier fails and names the entry. */
export async function showTampering(screen: Screen, claims: Claims, taken: Taken, index: number): Promise<void> {
  const workDir = join(taken.folder, "..");
  const altered = join(workDir, "altered-copy");
  await cp(taken.folder, altered, { recursive: true });
  const { file, offset } = await flipByte(altered, taken.size, index);
  screen.line(`  One bit of byte ${offset} of ${file} is flipped in a second copy.`);
  screen.line();
  screen.line("  $ charter ledger verify --from ./altered-copy --verifier-key ./ledger-copy/verifier-key");
  const verdict = await verifyFrom("./altered-copy", workDir);
  claims.check(verdict.status === 1 && verdict.output.startsWith("FAIL"), "the altered copy fails", verdict.output);
  claims.check(verdict.output.includes(`entry ${index}:`), `the failure names entry ${index}`, verdict.output);
  screen.quote(verdict.output, "red");
  screen.line();
}

/** Flips a bit in the middle of an entry of a copy. Entries lie in bundles behind a length of two bytes (tlog-tiles). */
async function flipByte(folder: string, size: number, index: number): Promise<{ file: string; offset: number }> {
  const bundles = [...tileFiles(size)].filter(({ path }) => path.startsWith("tile/entries/"));
  const file = bundles[Math.floor(index / bundleEntries)]?.path;
  if (file === undefined) throw new Error(`the ledger has no entry ${index}`);
  const bytes = await readFile(join(folder, file));
  let start = 0;
  for (let before = index % bundleEntries; before > 0; before--) start += 2 + bytes.readUInt16BE(start);
  const offset = start + 2 + Math.floor(bytes.readUInt16BE(start) / 2);
  bytes[offset] = (bytes[offset] ?? 0) ^ 1;
  await writeFile(join(folder, file), bytes);
  return { file, offset };
}

/** Verifies the copy and rejects the altered one with the Go checksum database's packages, where Go is installed. */
export async function verifyWithGo(screen: Screen, claims: Claims, { folder }: Taken): Promise<boolean> {
  const go = requirement("go");
  if (!go.available) {
    screen.prose(`Not shown: ${go.reason}. The program is test/foreign/verify.go.`);
    return false;
  }
  const workDir = join(folder, "..");
  const program = join(workDir, "verify");
  const source = join(projectRoot, "test/foreign/verify.go");
  const env = { ...process.env, GO111MODULE: "off", GOPATH: goPath, GOFLAGS: "", GOCACHE: join(workDir, "go-cache") };
  const built = await screen.live(
    () => "compiling test/foreign/verify.go",
    () => runProgram("go", ["build", "-o", program, source], env, workDir),
  );
  claims.check(built.status === 0 && existsSync(program), "the Go program compiles", built.output);
  const key = (await readFile(join(folder, "verifier-key"), "utf8")).trim();
  for (const [copy, word, status] of [
    ["ledger-copy", "PASS", 0],
    ["altered-copy", "FAIL", 1],
  ] as const) {
    screen.line(`  $ verify -vkey "$(cat ledger-copy/verifier-key)" ./${copy}`);
    const ran = await runProgram(program, ["-vkey", key, `./${copy}`], process.env, workDir);
    const isAsClaimed = ran.status === status && ran.output.startsWith(word);
    claims.check(isAsClaimed, `the Go program says ${word} to ${copy}`, ran.output);
    screen.quote(ran.output);
  }
  return true;
}
