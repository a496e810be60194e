// The npm peer that Charter's gateway is compared with: @portkey-ai/gateway, installed into a folder of its own outside this
// checkout and kept there between runs. A fresh install of it cannot stream; three of its dependencies are held at versions
// with which it can.
import { execFile } from "node:child_process";
import { access, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "../test/support/servers/servers.ts";
import { spawnNode } from "./load/model-process.ts";
import type { Spawned } from "./load/model-process.ts";

const name = "@portkey-ai/gateway";
/** The version that was the newest when the comparison was written. */
const version = "1.15.2";
const manifest = {
  private: true,
  dependencies: { [name]: version },
  overrides: { "@hono/node-server": "1.13.5", hono: "4.9.7", "@hono/node-ws": "1.2.0" },
};

/** Longest time that the installation may take, milliseconds. */
const installMs = 120_000;
/** Longest wait for it to answer, milliseconds. */
const startMs = 20_000;

/** The peer, running. */
export interface Peer {
  readonly name: string;
  readonly url: string;
  readonly process: Spawned;
  /** Headers that make it forward to an upstream that speaks OpenAI's dialect. */
  headers(upstream: string): Record<string, string>;
}

async function installed(): Promise<string> {
  const folder = join(tmpdir(), `charter-bench-peer-${version}`);
  const server = (at: string): string => join(at, "node_modules", name, "build", "start-server.js");
  try {
    await access(server(folder));
    return server(folder);
  } catch {
    // Not there yet, or not whole: it is made next to its place and moved there when it is complete.
    const draft = await mkdtemp(`${folder}-`);
    await writeFile(join(draft, "package.json"), JSON.stringify(manifest));
    const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    await promisify(execFile)("npm", args, { cwd: draft, timeout: installMs });
    await access(server(draft));
    await rm(folder, { recursive: true, force: true });
    await rename(draft, folder);
    return server(folder);
  }
}

/** Installs the peer where it is not yet, and starts it. @throws Error with the reason when it cannot be had. */
export async function startPeer(): Promise<Peer> {
  const server = await installed();
  const port = await freePort();
  const peer = spawnNode([server, `--port=${port}`, "--headless"], "ignore");
  const url = `http://127.0.0.1:${port}`;
  for (const endMs = performance.now() + startMs; performance.now() < endMs; await sleep(100)) {
    if (peer.child.exitCode !== null) throw new Error(`it ended with ${peer.child.exitCode}`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true) {
      const headers = (upstream: string): Record<string, string> => ({
        authorization: "Bearer none",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": `${upstream}/v1`,
      });
      return { name: `${name} ${version}`, url, process: peer, headers };
    }
  }
  await peer[Symbol.asyncDispose]();
  throw new Error("it did not answer in time");
}
