// Runs the cases of the field against Charter: scripts that play a provider, call a running Charter and print PASS and FAIL
// lines. Each gets a Charter of its own, with the flags that the cases' README asks for. All play their provider on one port,
// so they run one after the other; the port is a free one, so that two runs on one machine do not meet.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { plainEnv, startServer } from "../../test/support/app/charter.ts";

/** Where the cases lie: next to the checkout, or where `CHARTER_TEST_CASES` says. */
export const casesFolder =
  process.env["CHARTER_TEST_CASES"] ?? fileURLToPath(new URL("../../../shared/cases/gateway", import.meta.url));

/** The port that the cases' catalogue names. */
const writtenPort = "127.0.0.1:19191";

/** Longest time for one case, milliseconds. */
const patienceMs = 120_000;

/** Flags of the cases that need others than the ordinary, by the number that their name begins with. */
const flagsOf: Readonly<Record<string, readonly string[]>> = {
  "06": [],
  "23": ["--rate-factor", "10000", "--cors-origins", "https://app.test"],
};
const ordinaryFlags = ["--rate-factor", "10000"];

/** What one case said. */
export interface CaseResult {
  readonly name: string;
  readonly passed: readonly string[];
  readonly failed: readonly string[];
}

/** The names of the cases, without `.mjs`; none where the folder is not there. */
export function caseNames(): readonly string[] {
  if (!existsSync(casesFolder)) return [];
  return readdirSync(casesFolder)
    .filter((file) => /^\d+.*\.mjs$/.test(file))
    .map((file) => file.slice(0, -".mjs".length))
    .toSorted();
}

/** Runs one case against a Charter of its own. A case that ends without a verdict, or not at all, has failed. */
export async function runCase(name: string): Promise<CaseResult> {
  const folder = mkdtempSync(join(tmpdir(), "charter-case-"));
  const port = await freePort();
  const catalogue = join(folder, "catalogue.yaml");
  const written = readFileSync(join(casesFolder, "catalogue.yaml"), "utf8");
  writeFileSync(catalogue, written.replaceAll(writtenPort, `127.0.0.1:${port}`));
  const flags = flagsOf[name.slice(0, 2)] ?? ordinaryFlags;
  const launcher = resolve(fileURLToPath(new URL("../../bin/charter.cjs", import.meta.url)));
  const serve = ["serve", "--port", "0", "--data", "data", "--json", "--log-level", "error"];
  const args = [launcher, ...serve, "--catalogue-file", catalogue, ...flags];
  const server = await startServer(process.execPath, args, { cwd: folder, env: plainEnv() });
  try {
    return verdictsOf(name, await outputOf(name, server.ready.url, server.ready.admin_key ?? "", port));
  } finally {
    const { process: child } = server;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a case prints, and how it ended where that was no ordinary way. */
async function outputOf(name: string, url: string, key: string, port: number): Promise<string> {
  const env = plainEnv({ UPSTREAM_PORT: String(port) });
  const child = spawn(process.execPath, [join(casesFolder, `${name}.mjs`), url, key], { env, timeout: patienceMs });
  let output = "";
  child.stdout.on("data", (piece) => (output += String(piece)));
  child.stderr.on("data", (piece) => (output += String(piece)));
  const [status, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  const saysWhy = status === 0 || (status === 1 && /^FAIL/m.test(output));
  return saysWhy ? output : `${output}\nFAIL  the case ended with ${status ?? signal}: ${output.slice(-maxShown)}`;
}

/** Most characters of a broken case's output that are shown. */
const maxShown = 400;

function verdictsOf(name: string, output: string): CaseResult {
  const lines = output.split("\n");
  const passed = lines.filter((line) => line.startsWith("PASS"));
  const failed = lines.filter((line) => line.startsWith("FAIL"));
  return { name, passed, failed: passed.length + failed.length === 0 ? ["FAIL  no verdict was printed"] : failed };
}

/** A port that nothing listens on now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
