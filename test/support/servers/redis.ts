// A throwaway Redis for one suite: its own folder, its own password, a free loopback port, nothing written to disk, gone
// afterwards.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./servers.ts";

/** Longest wait for a server to answer, milliseconds. */
const patienceMs = 30_000;

/** A running server. */
export interface RedisServer extends AsyncDisposable {
  /** Connection URL with the password. */
  readonly url: string;
  /** Stops answering, with all connections open, until `resume`. */
  pause(): void;
  resume(): void;
  /** `kill -9`; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts again, empty, on the same port. */
  restart(): Promise<void>;
}

/** Starts a throwaway Redis. @throws Error with one sentence when it cannot be started. */
export async function startRedis(): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "charter-redis-"));
  const port = await freePort();
  const password = randomBytes(16).toString("hex");
  const config = join(folder, "redis.conf");
  // The password stands in a file, so that no list of processes shows it.
  const lines = ["bind 127.0.0.1", `port ${port}`, `dir ${folder}`, 'save ""', `requirepass ${password}`];
  writeFileSync(config, lines.join("\n"), { mode: 0o600 });
  let server = await serve(config);
  const kill = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, "exit");
    server.kill("SIGKILL");
    await gone;
  };
  return {
    url: `redis://:${password}@127.0.0.1:${port}`,
    pause: () => void server.kill("SIGSTOP"),
    resume: () => void server.kill("SIGCONT"),
    kill,
    async restart() {
      await kill();
      server = await serve(config);
    },
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function serve(config: string): Promise<ChildProcess> {
  // Its own process group: a Ctrl-C at the terminal must reach the tests first, the server last.
  const server = spawn("redis-server", [config], { detached: true, stdio: ["ignore", "pipe", "ignore"] });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const late = setTimeout(() => reject(new Error("Redis did not start in time")), patienceMs);
  let said = "";
  server.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (said.length < 16_384) said += text;
    if (said.includes("Ready to accept connections")) resolve();
  });
  server.once("error", reject);
  server.once("exit", () => reject(new Error(`Redis ended at once: ${said.trim()}`)));
  try {
    await promise;
    return server;
  } catch (error) {
    server.kill("SIGKILL");
    throw error;
  } finally {
    clearTimeout(late);
  }
}
