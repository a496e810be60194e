// A server in a process of its own, somebody in another process who asks for its health all the time, and requests that
// would hold it up. What is measured of each request:
//
// - `cpuMs`: the most processor time that the server's main thread used between two turns of its event loop. It does not
//   grow when other programs take the processor, so a loaded machine may be held to it.
// - `pollMs`: the longest wait for an answer to `/health`, by the wall. It is what a caller feels, and on a loaded machine it
//   is mostly the machine's.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { writeRigFiles } from "../gateway/gateway.ts";
import type { ProviderRow } from "../gateway/gateway.ts";
import type { LoopReport } from "./loop-probe.ts";
import { spawnCharter } from "../app/process.ts";
import type { CharterProcess } from "../app/process.ts";
import { startUpstream } from "../gateway/upstream.ts";
import type { WorstRequest } from "./worst-requests.ts";

/** What one request did to everybody else. */
export interface Stall {
  readonly status: number;
  /** The code of a refusal, and the limit that it names. */
  readonly code: string | undefined;
  readonly limit: string | undefined;
  readonly cpuMs: number;
  readonly pollMs: number;
}

/** A server that is watched. */
export interface StallRig extends AsyncDisposable {
  readonly server: CharterProcess;
  readonly productKey: string;
  /** Sends requests at the same time and measures until the last is answered. */
  measure(requests: readonly WorstRequest[], key?: string): Promise<readonly Stall[]>;
  /** The same while nothing is asked of the server but its health. */
  rest(): Promise<Pick<Stall, "cpuMs" | "pollMs">>;
  /** The server's main thread since the last question. */
  report(): Promise<LoopReport>;
}

/** Starts a server whose budgets hold every call. @param providers Beside those of a gateway's rig. */
export async function startStallRig(providers: Readonly<Record<string, ProviderRow>> = {}): Promise<StallRig> {
  const upstream = await startUpstream();
  const files = await writeRigFiles(upstream.url, {
    constitution: [[["gateway", "defaultBudgetTokens"], 1_000_000_000_000]],
    providers: () => providers,
  });
  const dataDir = await mkdtemp(join(tmpdir(), "charter-stall-"));
  const portFile = join(dataDir, "loop-probe");
  const server = await spawnCharter({
    dataDir,
    args: Object.entries(files.flags).flatMap(([name, value]) => [`--${name}`, value]),
    env: {
      NODE_OPTIONS: `--import=${resolve("test/support/attack/loop-probe.ts")}`,
      CHARTER_TEST_LOOP_PROBE: portFile,
    },
  });
  const probe = `http://127.0.0.1:${(await readFile(portFile, "utf8")).trim()}`;
  const poller = fork(resolve("test/support/attack/health-poller.ts"), [server.url], { stdio: "ignore" });
  const productKey = await server.keyFor("product", "AI_ASSISTANT");

  const report = async (): Promise<LoopReport> => (await fetch(probe)).json() as Promise<LoopReport>;
  const longestPollMs = async (): Promise<number> => {
    poller.send("tell");
    const [longestMs] = (await once(poller, "message")) as [number];
    return longestMs;
  };
  return {
    server,
    productKey,
    report,
    async measure(requests, key = productKey) {
      upstream.seen.length = 0;
      await Promise.all([report(), longestPollMs()]);
      const answers = await Promise.all(requests.map((request) => sent(server.url, request, key)));
      const [{ cpuMs }, pollMs] = await Promise.all([report(), longestPollMs()]);
      return answers.map((answer) => ({ ...answer, cpuMs, pollMs }));
    },
    async rest() {
      await Promise.all([report(), longestPollMs()]);
      await sleep(restMs);
      const [{ cpuMs }, pollMs] = await Promise.all([report(), longestPollMs()]);
      return { cpuMs, pollMs };
    },
    async [Symbol.asyncDispose]() {
      poller.disconnect();
      await server[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
      for (const dir of [dataDir, files.dir]) await rm(dir, { recursive: true, force: true });
    },
  };
}

/** How long a rest is measured, milliseconds. */
const restMs = 500;

/** A pause in words. */
export function figures({ cpuMs, pollMs }: Pick<Stall, "cpuMs" | "pollMs">): string {
  return `${cpuMs.toFixed(1)} ms of the processor, ${pollMs.toFixed(1)} ms for a caller`;
}

type Answered = Pick<Stall, "status" | "code" | "limit">;

/** Sends one request; status 0 for one whose connection the server cut off. */
function sent(url: string, request: WorstRequest, key: string): Promise<Answered> {
  const { method, target, headers } = request;
  const body = request.body?.();
  const { promise, resolve } = Promise.withResolvers<Answered>();
  const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
  const ask = httpRequest(
    url + target,
    { method, headers: { authorization: `Bearer ${key}`, ...length, ...headers } },
    (answer) => {
      const start: Buffer[] = [];
      answer.on("data", (piece: Buffer) => start.length < 4 && start.push(piece));
      answer.once("close", () => resolve({ status: answer.statusCode ?? 0, ...refusalIn(Buffer.concat(start)) }));
    },
  );
  ask.once("error", () => resolve({ status: 0, code: undefined, limit: undefined }));
  ask.end(body);
  return promise;
}

function refusalIn(body: Buffer): Pick<Stall, "code" | "limit"> {
  try {
    const { code, limit } = JSON.parse(body.toString()) as { code?: string; limit?: string };
    return { code, limit };
  } catch {
    return { code: undefined, limit: undefined };
  }
}

/** Longest that any request may hold the event loop, milliseconds. */
export const mostMs = 50;
/** How often a request is measured again that took longer: a garbage collection of what came before may fall into it. */
const maxRetries = 3;

/** Measures a request, again where it held the loop too long, and gives the shortest. */
export async function shortestStall(rig: StallRig, request: WorstRequest, key?: string): Promise<Stall> {
  let best: Stall | undefined;
  for (let retry = 0; retry <= maxRetries; retry++) {
    const [stall] = await rig.measure([request], key);
    if (stall !== undefined && (best === undefined || stall.cpuMs < best.cpuMs)) best = stall;
    if (best !== undefined && best.cpuMs < mostMs) break;
  }
  if (best === undefined) throw new Error("nothing was measured");
  return best;
}
