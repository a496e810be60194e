// `npm run test:openapi`: the whole scenario suite through `prism proxy --errors`, so that every request and answer is as
// openapi.json says. Arguments are files to run instead of all of test/scenario. Ends with what went through, what was
// refused by both, and what went past the proxy and why; exits 1 when a test fails, document and server differ, or too
// little went through to mean anything.
//
// Prism stands in test/prism with its own lock file and is installed there without running any script of a package:
// one that it depends on would report the installation to a third party.
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describeApi } from "../src/http/index.ts";
import { bypassReasons, startGateway } from "../test/support/http/prism-gateway.ts";
import type { Bypass, Counts } from "../test/support/http/prism-gateway.ts";
import { freePort } from "../test/support/servers/servers.ts";

const root = resolve(import.meta.dirname, "..");
const prismFolder = join(root, "test/prism");
/** Least part of the requests that must go through prism or be refused by it and by Charter. */
const leastShare = 0.95;
/** Starts a server that has one domain more than the document. */
const otherServer = "test/scenario/adding-a-domain.test.ts";
/** Longest wait for prism to listen, milliseconds. */
const prismPatienceMs = 60_000;
const silent = { SCARF_ANALYTICS: "false", DO_NOT_TRACK: "1" };

/** Installs prism exactly as locked, unless it is there. */
function installPrism(): void {
  const wanted = readFileSync(join(prismFolder, "package.json"), "utf8");
  const { version } = readVersion(join(prismFolder, "node_modules/@stoplight/prism-cli/package.json"));
  if (version !== undefined && wanted.includes(`"${version}"`)) return;
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  const run = spawnSync("npm", args, { cwd: prismFolder, stdio: "inherit", env: { ...process.env, ...silent } });
  if (run.status !== 0) throw new Error("prism could not be installed");
}

function readVersion(file: string): { version?: string } {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as { version?: string };
  } catch {
    return {};
  }
}

/** Starts prism in front of an upstream and waits until it listens. */
async function startPrism(document: string, upstream: string): Promise<{ url: string; process: ChildProcess }> {
  const cli = createRequire(join(prismFolder, "package.json")).resolve("@stoplight/prism-cli/dist/index.js");
  const port = await freePort();
  // In one process, because its other mode does not start on Node 24; without its own answers to preflights.
  const options = ["--errors", "--cors=false", "--multiprocess=false", "-v", "silent"];
  const args = ["proxy", document, upstream, ...options, "--host", "127.0.0.1", "--port", String(port)];
  const child = spawn(process.execPath, [cli, ...args], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, ...silent },
  });
  const url = `http://127.0.0.1:${port}`;
  const until = Date.now() + prismPatienceMs;
  while (Date.now() < until && child.exitCode === null) {
    const answers = await fetch(url, { method: "OPTIONS" }).then(
      () => true,
      () => false,
    );
    if (answers) return { url, process: child };
    await sleep(200);
  }
  child.kill("SIGKILL");
  throw new Error("prism does not listen");
}

/** Runs the suite; resolves with its exit status. */
async function runSuite(files: readonly string[], gateway: string): Promise<number> {
  const vitest = join(createRequire(import.meta.url).resolve("vitest/package.json"), "../vitest.mjs");
  const chosen = files.length > 0 ? files : ["test/scenario/", "--exclude", otherServer];
  const child = spawn(process.execPath, [vitest, "run", ...chosen], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, CHARTER_TEST_PRISM: gateway },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => child.kill(signal));
  const [status] = (await once(child, "exit")) as [number | null];
  return status ?? 1;
}

/** Where tests open connections of their own, which no proxy is between. */
function ownConnections(): { sites: number; files: readonly string[] } {
  const folder = join(root, "test/scenario");
  const found = readdirSync(folder)
    .filter((name) => name.endsWith(".ts"))
    .map(
      (name) =>
        [name, readFileSync(join(folder, name), "utf8").match(/\b(charter|server)\.url\b/g)?.length ?? 0] as const,
    )
    .filter(([, sites]) => sites > 0);
  return { sites: found.reduce((sum, [, sites]) => sum + sites, 0), files: found.map(([name]) => name) };
}

/** What is wrong with a run; empty when nothing is. */
export function complaintsAbout({ through, refusedByBoth, bypassed, differences }: Counts): string[] {
  const past = Object.values(bypassed).reduce((sum, count) => sum + count, 0);
  const share = (through + refusedByBoth) / (through + refusedByBoth + past);
  return [
    ...[...differences].map(([difference, count]) => `${count} x ${difference}`),
    ...(share >= leastShare ? [] : [`only ${(share * 100).toFixed(1)} % of the requests went through prism`]),
  ];
}

function summary({ through, restored, refusedByBoth, bypassed }: Counts): string[] {
  const { sites, files } = ownConnections();
  const classes = (Object.keys(bypassReasons) as Bypass[]).filter((name) => bypassed[name] > 0);
  return [
    `through prism: ${through} (of which ${restored} sent as the test wrote them, where prism rewrites them)`,
    `refused by prism and by Charter: ${refusedByBoth}`,
    `past prism: ${Object.values(bypassed).reduce((sum, count) => sum + count, 0)}`,
    ...classes.map((name) => `  ${bypassed[name]} x ${bypassReasons[name]}`),
    `not counted: connections that tests open themselves, at ${sites} places in ${files.join(", ")}: bare sockets, half-sent requests, bytes that no proxy would pass on`,
  ];
}

if (import.meta.main) {
  installPrism();
  const folder = mkdtempSync(join(tmpdir(), "charter-openapi-"));
  let prism: ChildProcess | undefined;
  try {
    const document = await describeApi("0");
    writeFileSync(join(folder, "openapi.json"), JSON.stringify(document));
    const { paths } = document as { paths: object };
    await using gateway = await startGateway(Object.keys(paths).filter((path) => path.endsWith("{path}")));
    const started = await startPrism(join(folder, "openapi.json"), gateway.relayUrl);
    prism = started.process;
    gateway.use(started.url);
    const status = await runSuite(process.argv.slice(2), gateway.url);
    const complaints = complaintsAbout(gateway.counts);
    for (const line of [...summary(gateway.counts), ...complaints]) console.log(line);
    process.exitCode = status === 0 && complaints.length > 0 ? 1 : status;
  } finally {
    prism?.kill("SIGTERM");
    rmSync(folder, { recursive: true, force: true });
  }
}
