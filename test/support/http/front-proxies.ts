// The proxies of deploy/, run as they are: only addresses, ports and the places of files are replaced, and each
// replacement must find what it replaces.
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../servers/servers.ts";
import type { CertificateFolder } from "./certificates.ts";

/** A proxy in front of a server. */
export interface FrontProxy extends AsyncDisposable {
  /** `https://localhost:<port>` */
  readonly url: string;
  /** Where plain HTTP is answered with a redirect. */
  readonly plainUrl: string;
}

/** What a proxy's own check says of its configuration: its exit status and its words. */
export interface Verdict {
  readonly status: number | null;
  readonly words: string;
}

/** A proxy, ready to be checked and started. */
export interface PreparedProxy extends Disposable {
  check(): Verdict;
  start(): Promise<FrontProxy>;
}

const patienceMs = 60_000;

/** deploy/nginx/charter.conf inside the smallest nginx.conf that can hold it. */
export async function prepareNginx(certificates: CertificateFolder, upstream: string): Promise<PreparedProxy> {
  const [port, plainPort] = [await freePort(), await freePort()];
  const site = replaced(readFileSync(resolve("deploy/nginx/charter.conf"), "utf8"), [
    ["/etc/charter/tls/server.pem", certificates.certFile],
    ["/etc/charter/tls/server.key", certificates.keyFile],
    ["127.0.0.1:8000", upstream],
    ["listen 80;", `listen 127.0.0.1:${plainPort};`],
    ["listen 443 ssl", `listen 127.0.0.1:${port} ssl`],
    ["server_name charter.example.com", "server_name localhost"],
  ]);
  const folder = mkdtempSync(join(tmpdir(), "charter-nginx-"));
  const temps = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;\nevents {}\nhttp {\naccess_log off;\n${temps.join("\n")}\n${site}\n}\n`,
  );
  const args = ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", join(folder, "error.log")];
  return prepared({ folder, port, plainPort, command: "nginx", check: ["-t", ...args], start: args, env: {} });
}

/** deploy/caddy/Caddyfile with its own variables set. */
export async function prepareCaddy(certificates: CertificateFolder, upstream: string): Promise<PreparedProxy> {
  const [port, plainPort] = [await freePort(), await freePort()];
  const text = replaced(readFileSync(resolve("deploy/caddy/Caddyfile"), "utf8"), [
    ["/etc/charter/tls/server.pem", certificates.certFile],
    ["/etc/charter/tls/server.key", certificates.keyFile],
    ["\tadmin off\n", `\tadmin off\n\thttp_port ${plainPort}\n\thttps_port ${port}\n\tdefault_bind 127.0.0.1\n`],
  ]);
  const folder = mkdtempSync(join(tmpdir(), "charter-caddy-"));
  writeFileSync(join(folder, "Caddyfile"), text);
  const args = ["--adapter", "caddyfile", "--config", join(folder, "Caddyfile")];
  const env = {
    CHARTER_DOMAIN: "localhost",
    CHARTER_UPSTREAM: upstream,
    HOME: folder,
    XDG_DATA_HOME: folder,
    XDG_CONFIG_HOME: folder,
  };
  return prepared({
    folder,
    port,
    plainPort,
    command: "caddy",
    check: ["validate", ...args],
    start: ["run", ...args],
    env,
  });
}

interface Parts {
  readonly folder: string;
  readonly port: number;
  readonly plainPort: number;
  readonly command: string;
  readonly check: readonly string[];
  readonly start: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

function prepared({ folder, port, plainPort, command, check, start, env }: Parts): PreparedProxy {
  const options = { cwd: folder, env: { ...process.env, ...env } };
  return {
    check() {
      const { status, stdout, stderr } = spawnSync(command, check, {
        ...options,
        encoding: "utf8",
        timeout: patienceMs,
      });
      return { status, words: `${stdout}${stderr}` };
    },
    async start() {
      const child = spawn(command, start, { ...options, stdio: ["ignore", "ignore", "pipe"] });
      let said = "";
      child.stderr.on("data", (piece) => (said = `${said}${String(piece)}`.slice(-8192)));
      await listening(child, port, () => said);
      return {
        url: `https://localhost:${port}`,
        plainUrl: `http://localhost:${plainPort}`,
        async [Symbol.asyncDispose]() {
          const gone = once(child, "exit");
          if (child.exitCode === null && child.signalCode === null && child.kill("SIGTERM")) await gone;
        },
      };
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function listening(child: ChildProcess, port: number, said: () => string): Promise<void> {
  for (const endMs = performance.now() + patienceMs; performance.now() < endMs; await sleep(50)) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the proxy ended at once: ${said()}`);
    const socket = connect(port, "127.0.0.1");
    const isUp = await new Promise<boolean>((settle) => {
      socket.once("connect", () => settle(true)).once("error", () => settle(false));
    });
    socket.destroy();
    if (isUp) return;
  }
  child.kill("SIGKILL");
  throw new Error(`the proxy did not listen in time: ${said()}`);
}

function replaced(text: string, changes: readonly (readonly [from: string, to: string])[]): string {
  return changes.reduce((whole, [from, to]) => {
    if (!whole.includes(from)) throw new Error(`the configuration does not hold ${from}`);
    return whole.replaceAll(from, to);
  }, text);
}
