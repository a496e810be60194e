// Debian packages that the suites need. On Debian as root what is missing is installed; anywhere else the reason is
// returned and the suites that need it say so.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** One package and how to see that what it brings is there already. */
export interface Package {
  readonly name: string;
  readonly present: () => boolean;
}

/** What became of an installation; the reason is one sentence. */
export type Installation =
  | { readonly ok: true; readonly installed: readonly string[] }
  | { readonly ok: false; readonly reason: string };

/** Longest time for one apt-get command, milliseconds. */
const aptTimeoutMs = 10 * 60 * 1000;
/** A service manager asks this file whether it may start a service; 101 means no (Debian policy-rc.d). */
const policyFile = "/usr/sbin/policy-rc.d";
const clusterFile = "/etc/postgresql-common/createcluster.conf";

/** Where the sources of golang-golang-x-mod-dev lie. */
export const goPath = "/usr/share/gocode";

/** The packages that the whole test run can use. */
export const packages: readonly Package[] = [
  { name: "postgresql", present: () => postgresFolder() !== undefined },
  { name: "golang-go", present: () => hasCommand("go") },
  { name: "golang-golang-x-mod-dev", present: () => existsSync(`${goPath}/src/golang.org/x/mod/sumdb/tlog`) },
  { name: "redis-server", present: () => hasCommand("redis-server") },
  { name: "openssl", present: () => hasCommand("openssl") },
  { name: "xxd", present: () => hasCommand("xxd") },
  { name: "curl", present: () => hasCommand("curl") },
  { name: "nginx", present: () => hasCommand("nginx") },
  { name: "caddy", present: () => hasCommand("caddy") },
  { name: "prometheus", present: () => hasCommand("promtool") },
  { name: "util-linux", present: () => hasCommand("prlimit") && hasCommand("unshare") },
];

/** The packages that attack a live server, for `npm run test:security`. */
export const securityPackages: readonly Package[] = [
  { name: "sqlmap", present: () => hasCommand("sqlmap") },
  { name: "wapiti", present: () => hasCommand("wapiti") },
  { name: "ffuf", present: () => hasCommand("ffuf") },
  { name: "slowhttptest", present: () => hasCommand("slowhttptest") },
  { name: "testssl.sh", present: () => hasCommand("testssl") },
  { name: "sslscan", present: () => hasCommand("sslscan") },
];

/** Whether a command is on the path. */
export function hasCommand(name: string): boolean {
  return spawnSync("sh", ["-c", 'command -v "$1"', "sh", name], { stdio: "ignore" }).status === 0;
}

/** The folder that holds initdb and postgres: of the path, or Debian's newest; undefined when there is none. */
export function postgresFolder(): string | undefined {
  const script =
    'for d in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -Vr); do [ -x "$d/initdb" ] && echo "$d" && exit; done; dirname "$(command -v initdb)"';
  const found = spawnSync("sh", ["-c", script], { encoding: "utf8" }).stdout.trim();
  return existsSync(`${found}/initdb`) && existsSync(`${found}/postgres`) ? found : undefined;
}

/** Installs the wanted packages that are missing, when this is Debian and we are root. Never throws. */
export function aptInstall(wanted: readonly Package[]): Installation {
  const missing = wanted.filter(({ present }) => !present()).map(({ name }) => name);
  if (missing.length === 0) return { ok: true, installed: [] };
  const names = missing.join(", ");
  if (!existsSync("/etc/debian_version") || !hasCommand("apt-get")) {
    return { ok: false, reason: `${names}: not installed, and this is not Debian` };
  }
  if (process.getuid?.() !== 0) return { ok: false, reason: `${names}: not installed, and only root may install them` };
  const undo = forbidServices();
  try {
    const problem = apt(["update"]) ?? apt(["install", "-y", "--no-install-recommends", ...missing]);
    return problem === undefined ? { ok: true, installed: missing } : { ok: false, reason: `${names}: ${problem}` };
  } finally {
    undo();
  }
}

/** Runs apt-get; gives the last thing it said when it failed. */
function apt(args: readonly string[]): string | undefined {
  const options = ["-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=30", "-o", "DPkg::Lock::Timeout=300"];
  const keep = ["-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Options::=--force-confdef"];
  const run = spawnSync("apt-get", ["-q", ...options, ...keep, ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", UCF_FORCE_CONFFOLD: "1" },
    encoding: "utf8",
    timeout: aptTimeoutMs,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (run.status === 0) return undefined;
  const said = `${run.stdout}\n${run.stderr}`.trim().split("\n").at(-1) ?? "";
  return `apt-get ${args[0] ?? ""} failed: ${run.error?.message ?? said}`;
}

/** Keeps packages from creating a database cluster or starting a service; gives what takes that back. */
function forbidServices(): () => void {
  const undo: (() => void)[] = [];
  if (!existsSync(clusterFile)) {
    mkdirSync(dirname(clusterFile), { recursive: true });
    writeFileSync(clusterFile, "create_main_cluster = false\nstart_conf = 'manual'\n");
    undo.push(() => {
      // The package left its own file beside ours; the machine's owner gets that one.
      const own = [`${clusterFile}.dpkg-dist`, `${clusterFile}.ucf-dist`].find((file) => existsSync(file));
      if (own === undefined) rmSync(clusterFile, { force: true });
      else renameSync(own, clusterFile);
    });
  }
  if (!existsSync(policyFile)) {
    writeFileSync(policyFile, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
    undo.push(() => rmSync(policyFile, { force: true }));
  }
  return () => {
    for (const step of undo) step();
  };
}
