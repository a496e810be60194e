// wapiti: the whole API with a key, the page that asks a person to sign in without one, and the headers of every kind of
// answer over TLS, where all of them must be there.
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { operations } from "../../src/http/index.ts";
import type { Bench, Check, Finding, Look } from "./check.ts";
import type { House } from "./house.ts";
import { runProgram } from "./program.ts";
import { countOf, startTap, statusText } from "./tap.ts";
import { targetsOf, unmarked } from "./targets.ts";
import type { WeakServers } from "./vulnerable.ts";

/** Longest run of one scan, seconds: finding the pages, and each of its attacks on all of them. */
const longestScanSeconds = 60;
const longestAttackSeconds = 30;
/** What is attacked with text; requests that ssrf and xxe provoke come to our own lure. */
const attacks = "backup,blindsql,crlf,exec,file,htaccess,methods,permanentxss,redirect,shellshock,sql,ssrf,xss,xxe";
/** What is looked at and not attacked. */
const manners = "cookieflags,csp,csrf,http_headers";

/** What wapiti reports. */
interface Report {
  readonly vulnerabilities: Readonly<Record<string, readonly Entry[]>>;
  readonly anomalies: Readonly<Record<string, readonly Entry[]>>;
}

interface Entry {
  readonly method: string;
  readonly path: string;
  readonly parameter: string;
  readonly info: string;
}

/** The check. */
export const wapiti: Check = {
  name: "wapiti",
  programs: ["wapiti"],
  question: "can pages and operations be made to say or do what an attacker wants?",

  async prove(weak: WeakServers, bench: Bench) {
    const paths = ["/", "/hello?name=you", "/items?name=tea", "/go?to=there", "/fetch?url=there"];
    const start = paths.map((path) => weak.pages + path);
    const findings = await scan({ name: "weak", start, modules: `redirect,sql,ssrf,xss,${manners}` }, bench);
    const lured = "Server Side Request Forgery";
    const wanted = [
      "SQL Injection",
      "Cross Site Scripting",
      "Open Redirect",
      lured,
      "Content Security Policy Configuration",
    ];
    const missed = wanted.filter((id) => !findings.some((finding) => finding.id === id));
    return { found: `${wanted.length - missed.length} of ${wanted.length} kinds of weakness`, missed };
  },

  async look(house: House, bench: Bench): Promise<Look> {
    await using tap = await startTap(house.plain.url);
    const findings: Finding[] = [];
    const reads = targetsOf(house.document, house.contents).filter(
      ({ method, needsKey }) => method === "GET" && needsKey,
    );
    const start = [`${tap.url}/`, ...new Set(reads.map((target) => tap.url + unmarked(target).path))];
    const header = `Authorization: Bearer ${house.plain.adminKey}`;
    findings.push(...(await scan({ name: "api", start, modules: attacks, header }, bench)));
    const page = [tap.url + house.contents.page];
    findings.push(
      ...(await scan({ name: "page", start: page, scope: "folder", modules: `${attacks},${manners}` }, bench)),
    );
    const { url } = house.tls.server;
    const kinds = [operations["index.read"].path, operations["ledger.checkpoint"].path, "/nothing", "/v1/keys"];
    for (const [i, path] of kinds.entries()) {
      findings.push(...(await scan({ name: `tls-${i}`, start: [url + path], modules: manners }, bench)));
    }
    for (const line of tap.broken) findings.push({ id: "server-error", where: line, what: "an internal error" });
    const tried = `${tap.requests} requests to ${start.length + 1} pages (${statusText(tap.statuses)}), 4 kinds of answers over TLS`;
    if (countOf(tap.statuses, 2) < start.length) findings.push({ id: "unreached", where: "wapiti", what: tried });
    return { tried, findings };
  },
};

/** One scan. */
interface Scan {
  readonly name: string;
  readonly start: readonly string[];
  readonly modules: string;
  /** `url`: the starting points alone; `folder`: also the forms and links they lead to. */
  readonly scope?: "url" | "folder";
  readonly header?: string;
}

/** Runs one scan. */
async function scan({ name, start, modules, scope = "url", header }: Scan, { folder }: Bench): Promise<Finding[]> {
  const report = join(folder, `wapiti-${name}.json`);
  const config = join(folder, "wapiti");
  stockConfig(config);
  await using lure = await startLure();
  const [first = "", ...others] = start;
  const target = ["-u", first, ...others.flatMap((url) => ["-s", url]), "-m", modules, "--scope", scope];
  const times = ["--max-scan-time", `${longestScanSeconds}`, "--max-attack-time", `${longestAttackSeconds}`];
  const strength = ["-l", "1", "-S", "normal", ...times, "-t", "10"];
  const places = ["--store-session", join(folder, name), "--store-config", config, "--endpoint", lure.url];
  const output = ["--flush-session", "--no-bugreport", "-v", "1", "-f", "json", "-o", report];
  const args = [...target, ...strength, ...places, ...output, ...(header === undefined ? [] : ["-H", header])];
  const timeoutMs = 1000 * (longestScanSeconds + longestAttackSeconds * modules.split(",").length);
  const { said } = await runProgram("wapiti", args, { folder, log: `wapiti-${name}.txt`, timeoutMs });
  if (!said.includes("A report has been generated")) throw new Error(`wapiti made no report: ${said.slice(-400)}`);
  if (/^(Traceback|Downloading|\w+Error )/m.test(said)) throw new Error(`wapiti went astray, see wapiti-${name}.txt`);
  const { vulnerabilities, anomalies } = JSON.parse(readFileSync(report, "utf8")) as Report;
  const reported = Object.entries({ ...vulnerabilities, ...anomalies }).flatMap(([id, entries]) =>
    entries.map(({ method, path, parameter, info }) => ({ id, where: `${method} ${path} ${parameter}`, what: info })),
  );
  const went = lure.visits.map((line) => ({
    id: "Server Side Request Forgery",
    where: `${name} scan`,
    what: `the server was made to ask for ${line}`,
  }));
  return [...reported, ...went];
}

/** Puts lists of programs and known files there, empty ones: it would fetch them from the network. */
function stockConfig(folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "apps.json"), '{"technologies":{},"categories":{}}');
  writeFileSync(join(folder, "nikto_db"), "");
}

/** A server that nobody has a reason to ask anything of, but the program itself, for what it calls results. */
async function startLure(): Promise<AsyncDisposable & { readonly url: string; readonly visits: readonly string[] }> {
  const visits: string[] = [];
  const server = createServer(({ method = "", url = "" }, response) => {
    if (!/^\/get_(ssrf|xxe)\.php\?/.test(url)) visits.push(`${method} ${url}`);
    response.setHeader("content-type", "application/json").end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    visits,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
