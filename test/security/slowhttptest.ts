// slowhttptest: hundreds of connections that send or read as slowly as they can. What counts is not that they get nothing, but
// that everybody else is served meanwhile, that the server lets go of them by itself, and that one address cannot have all.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { residentBytes } from "./aftermath.ts";
import type { Bench, Check, Finding, Look } from "./check.ts";
import type { House } from "./house.ts";
import { runProgram } from "./program.ts";
import type { WeakServers } from "./vulnerable.ts";

/** Slowest answer to an ordinary client, milliseconds: a thousand times what it takes in peace, for machines that are busy. */
const slowestMs = 5000;
/** Pause of the ordinary client between two requests, milliseconds. */
const pauseMs = 200;
/** How long connections may stay after the attack, milliseconds. */
const releaseMs = 5000;
/** Length of an attack, seconds: the ten that slow clients are given, and what their being noticed takes, with a margin. */
const lengthSeconds = 20;
/** Length of an attack on the weak server, which never lets go, seconds. */
const weakSeconds = 8;
/** Connections of an attack that stays below the limit per address (512). */
const manyConnections = 300;
/** Connections of the attack that goes beyond the limit, and the limit that Charter ships with. */
const tooManyConnections = 700;
const connectionLimit = 512;
/** Connections that are not the attack's: the ordinary client's and the program's own probe. */
const strangers = 4;
/** When all connections of an attack are open, and when none can have been cut off yet, milliseconds. */
const settled = { fromMs: 4000, toMs: 8000 };

/** One way of being slow. */
interface Way {
  readonly name: string;
  readonly args: readonly string[];
  /** Path that is attacked. */
  readonly path: string;
  readonly connections: number;
  /** Connections that must have been open at one time; fewer, and the attack was none. */
  readonly least: number;
}

/** What is attacked, by whom, and what an ordinary client asks meanwhile. */
interface Scene {
  readonly name: string;
  readonly url: string;
  readonly key: string;
  readonly paths: readonly string[];
  /** Loopback address of the ordinary client; the attack comes from 127.0.0.1. */
  readonly clientAddress: string;
  readonly seconds: number;
}

/** How an ordinary client fared. */
interface Service {
  asked: number;
  slowestMs: number;
  /** What was wrong with answers that were not 200 in time. */
  readonly bad: string[];
}

/** What an attack led to. */
interface Outcome {
  readonly way: Way;
  readonly service: Service;
  /** Most connections of the attack at one time, and most once they had settled. */
  readonly peak: number;
  readonly settled: number;
  /** Connections that the attack still had when its time was over; 0 when the server had closed them before. */
  readonly held: number;
  /** Connections that were there some seconds later. */
  readonly left: number;
}

/** The check. */
export const slowhttptest: Check = {
  name: "slowhttptest",
  programs: ["slowhttptest"],
  question: "do slow clients starve the others?",

  async prove(weak: WeakServers, bench: Bench) {
    const scene = { name: "slow-weak", url: weak.patient, key: "", paths: ["/"], seconds: weakSeconds };
    const ways = waysTo({ headers: "/", body: "/", range: "/", read: "/big" }, 1);
    const missed: string[] = [];
    for (const way of ways) {
      const { service } = await attack({ ...scene, clientAddress: "127.0.0.1" }, way, bench);
      if (service.bad.length === 0)
        missed.push(`that ${way.name} starve an ordinary client (${service.asked} answers)`);
    }
    return { found: `${ways.length - missed.length} of ${ways.length} ways starve it`, missed };
  },

  async look({ plain, contents }: House, bench: Bench): Promise<Look> {
    const scene = { name: "slow", url: plain.url, key: plain.adminKey, seconds: lengthSeconds };
    const paths = ["/health", "/v1/products"];
    const content = `/v1/artifacts/${contents.bigArtifact}/content`;
    const body = "/v1/artifacts?product=AI_ASSISTANT&type=ConversationArtifact";
    const ways = waysTo({ headers: "/v1/products", body, range: content, read: content }, manyConnections - strangers);
    const outcomes: Outcome[] = [];
    const megabytes: number[] = [];
    for (const way of ways) {
      outcomes.push(await attack({ ...scene, paths, clientAddress: "127.0.0.1" }, way, bench));
      megabytes.push(Math.round(residentBytes(plain.pid) / 1024 ** 2));
    }
    const [headers] = ways;
    if (headers === undefined) throw new Error("there is no way of being slow");
    const beyond = {
      ...headers,
      name: "headers beyond the limit",
      connections: tooManyConnections,
      least: connectionLimit - strangers,
    };
    const last = await attack({ ...scene, paths, clientAddress: "127.0.0.2" }, beyond, bench);
    const findings = [...outcomes, last].flatMap(findingsOf);
    if (last.settled > connectionLimit + strangers) {
      findings.push({ id: "unlimited", where: beyond.name, what: `one address has ${last.settled} connections` });
    }
    const asked = [...outcomes, last].reduce((sum, { service }) => sum + service.asked, 0);
    const slowest = Math.max(...[...outcomes, last].map(({ service }) => service.slowestMs));
    const peaks = [...outcomes, last].map(({ way, peak }) => `${way.name} ${peak}`).join(", ");
    const memory = megabytes.join(", ");
    return {
      tried: `connections: ${peaks}; ${asked} other answers, slowest ${Math.round(slowest)} ms; ${memory} MiB`,
      findings,
    };
  },
};

/** The ways of being slow. An upload is refused when too many are under way, and ranges are soon sent: `least` is low there. */
function waysTo(at: { headers: string; body: string; range: string; read: string }, least: number): Way[] {
  const most = { connections: manyConnections, least };
  const some = { connections: manyConnections, least: Math.min(least, 50) };
  return [
    { name: "headers", args: ["-H", "-i", "3"], path: at.headers, ...most },
    { name: "body", args: ["-B", "-i", "2", "-x", "10", "-f", "text/plain"], path: at.body, ...some },
    { name: "ranges", args: ["-R", "-a", "5", "-b", "1500", "-t", "GET"], path: at.range, ...some },
    // One request after the other, five bytes a second from a window of at most 512.
    { name: "reading", args: ["-X", "-n", "1", "-z", "5", "-w", "1", "-y", "512"], path: at.read, ...most },
  ];
}

/** Runs one attack beside an ordinary client. */
async function attack(scene: Scene, way: Way, bench: Bench): Promise<Outcome> {
  const { url, key, seconds } = scene;
  const before = peersOf(url);
  const counted = (): number => [...peersOf(url)].filter((peer) => !before.has(peer)).length;
  const over = new AbortController();
  const serving = serveMeanwhile(scene, over.signal);
  const counting = countMeanwhile(counted, over.signal);
  // The program has no option for a header of one's own; it sends the text of a cookie as it stands.
  const credential = key === "" ? [] : ["-j", `slow=1\r\nAuthorization: Bearer ${key}`];
  const size = ["-c", `${way.connections}`, "-r", `${way.connections / 2}`, "-l", `${seconds}`, "-p", "3"];
  const args = [...way.args, ...size, ...credential, "-u", url + way.path, "-v", "1"];
  const log = `${scene.name}-${way.name.replaceAll(" ", "-")}.txt`;
  let said: string;
  try {
    const options = { folder: bench.folder, log, timeoutMs: (seconds + 40) * 1000 };
    ({ said } = await runProgram("slowhttptest", args, options));
  } finally {
    over.abort();
  }
  const service = await serving;
  const counts = await counting;
  const wasCutOff = said.includes("No open connections left");
  const held = wasCutOff ? 0 : (counts.at(-1)?.open ?? 0);
  if (!/Exit status:\s*(No open|Hit test)/.test(said)) throw new Error(`slowhttptest did not end: ${said.slice(-500)}`);
  const late = counts.filter(({ atMs }) => atMs >= settled.fromMs && atMs <= settled.toMs);
  return {
    way,
    service,
    peak: Math.max(0, ...counts.map(({ open }) => open)),
    settled: Math.max(0, ...late.map(({ open }) => open)),
    held,
    left: await leftOf(counted),
  };
}

/** Asks one request after the other, each over a connection of its own, until the signal. */
async function serveMeanwhile({ url, key, paths, clientAddress }: Scene, signal: AbortSignal): Promise<Service> {
  const service: Service = { asked: 0, slowestMs: 0, bad: [] };
  const agent = new Agent({ localAddress: clientAddress });
  const headers = key === "" ? {} : { authorization: `Bearer ${key}` };
  try {
    while (!signal.aborted) {
      const path = paths[service.asked++ % paths.length] ?? "/";
      const startedMs = performance.now();
      const said = await request(url + path, {
        dispatcher: agent,
        headers,
        reset: true,
        signal: AbortSignal.timeout(slowestMs),
      }).then(
        async ({ statusCode, body }) => {
          await body.dump();
          return statusCode === 200 ? "" : `${statusCode}`;
        },
        (error: unknown) => (error as Error).message,
      );
      const tookMs = performance.now() - startedMs;
      service.slowestMs = Math.max(service.slowestMs, tookMs);
      if (said !== "") service.bad.push(`${path}: ${said}`);
      else if (tookMs > slowestMs) service.bad.push(`${path}: after ${Math.round(tookMs)} ms`);
      await sleep(pauseMs);
    }
  } finally {
    await agent.destroy();
  }
  return service;
}

/** Counts connections several times a second until the signal. */
async function countMeanwhile(counted: () => number, signal: AbortSignal): Promise<{ atMs: number; open: number }[]> {
  const counts: { atMs: number; open: number }[] = [];
  const startedMs = performance.now();
  while (!signal.aborted) {
    counts.push({ atMs: performance.now() - startedMs, open: counted() });
    await sleep(pauseMs / 2);
  }
  return counts;
}

/** Connections that are left when the server has had some seconds, or 0 as soon as there are none. */
async function leftOf(counted: () => number): Promise<number> {
  const endMs = performance.now() + releaseMs;
  while (counted() > 0 && performance.now() < endMs) await sleep(pauseMs);
  return counted();
}

/** The peers of the established connections of a server on loopback, as the kernel writes them (proc(5), /proc/net/tcp). */
function peersOf(url: string): Set<string> {
  const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, "0");
  const rows = readFileSync("/proc/net/tcp", "utf8").matchAll(/^\s*\d+: [0-9A-F]{8}:([0-9A-F]{4}) (\S+) 01 /gm);
  return new Set([...rows].filter(([, local]) => local === port).map(([, , peer = ""]) => peer));
}

function findingsOf({ way, service, peak, held, left }: Outcome): Finding[] {
  const findings: Finding[] = [];
  const found = (id: string, what: string): number => findings.push({ id, where: `slow ${way.name}`, what });
  const [first] = service.bad;
  if (first !== undefined)
    found("starved", `${service.bad.length} of ${service.asked} answers were bad, first ${first}`);
  if (peak < way.least) found("unreached", `at most ${peak} connections were open, not ${way.least}`);
  if (held > strangers) found("held", `${held} connections were held until the attack ended`);
  if (left > 0) found("leaked", `${left} connections are there ${releaseMs / 1000} s after the attack`);
  return findings;
}
