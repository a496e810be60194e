// A throwaway PostgreSQL for one test run: its own folder, its own password, a free loopback port, durable writes as in
// production, gone afterwards.
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { postgresFolder } from "./packages.ts";

/** Longest wait for a server to answer or to go, milliseconds. */
const patienceMs = 60_000;
const user = "charter";

/** A running server. */
export interface PostgresServer extends AsyncDisposable {
  /** Connection URL of the superuser, database `postgres`. */
  readonly url: string;
}

interface Owner {
  readonly uid?: number;
  readonly gid?: number;
}

/** Starts a throwaway PostgreSQL. @throws Error with one sentence when it cannot be started. */
export async function startPostgres(): Promise<PostgresServer> {
  const programs = postgresFolder();
  if (programs === undefined) throw new Error("no PostgreSQL programs are installed");
  const owner = serverOwner();
  const folder = mkdtempSync(join(tmpdir(), "charter-postgres-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const password = randomBytes(16).toString("hex");
    initialise(programs, folder, owner, password);
    const port = await freePort();
    const server = await serve(programs, folder, owner, port);
    return {
      url: `postgres://${user}:${password}@127.0.0.1:${port}/postgres`,
      [Symbol.asyncDispose]: async () => {
        await stop(server);
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** PostgreSQL refuses to run as root, so root lends it the package's own user. */
function serverOwner(): Owner {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout);
  const [uid, gid] = [id("-u"), id("-g")];
  if (!(uid > 0 && gid > 0)) throw new Error("there is no user postgres to run the server as");
  return { uid, gid };
}

function initialise(programs: string, folder: string, owner: Owner, password: string): void {
  const secret = join(folder, "password");
  writeFileSync(secret, password, { mode: 0o600 });
  if (owner.uid !== undefined && owner.gid !== undefined) {
    chownSync(folder, owner.uid, owner.gid);
    chownSync(secret, owner.uid, owner.gid);
  }
  // Only the new cluster's first files are not synced; the server itself runs with fsync on.
  const flags = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"];
  const run = spawnSync(
    join(programs, "initdb"),
    ["-D", join(folder, "data"), "-U", user, `--pwfile=${secret}`, ...flags],
    { ...owner, cwd: folder, encoding: "utf8", timeout: patienceMs },
  );
  if (run.status !== 0) throw new Error(`initdb failed: ${run.error?.message ?? run.stderr.trim()}`);
}

async function serve(programs: string, folder: string, owner: Owner, port: number): Promise<ChildProcess> {
  const settings = ["fsync=on", "synchronous_commit=on", "full_page_writes=on", "max_connections=200"];
  const args = ["-D", join(folder, "data"), "-h", "127.0.0.1", "-p", String(port), "-k", folder];
  // Its own process group: a Ctrl-C at the terminal must reach the tests first, the server last.
  const server = spawn(join(programs, "postgres"), [...args, ...settings.flatMap((setting) => ["-c", setting])], {
    ...owner,
    cwd: folder,
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  const ready = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("PostgreSQL did not start in time")), patienceMs);
    server.stderr?.setEncoding("utf8").on("data", (text: string) => {
      // Only what it says while starting is kept; later lines are drained so that the pipe never fills.
      if (said.length < 16_384) said += text;
      if (/ready to accept connections/.test(said)) {
        clearTimeout(timer);
        resolve();
      }
    });
    server.once("error", reject);
    server.once("exit", () => reject(new Error(`PostgreSQL ended at once: ${said.trim()}`)));
  });
  try {
    await ready;
    return server;
  } catch (error) {
    server.kill("SIGQUIT");
    throw error;
  }
}

/** Fast shutdown (SIGINT); immediate shutdown (SIGQUIT) when that takes too long. */
async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  server.kill("SIGINT");
  const impatient = setTimeout(() => server.kill("SIGQUIT"), patienceMs / 4);
  await gone;
  clearTimeout(impatient);
}

/** A loopback port that nobody listens on right now. */
export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject()));
    });
  });
}
