// sqlmap: every parameter of every operation, one after another, with statements of SQLite, which is what the server under
// attack runs on. Requests are marked by us, so that none of them is left out by a heuristic of the program.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench, Check, Finding, Look } from "./check.ts";
import type { House } from "./house.ts";
import { runProgram } from "./program.ts";
import { attackedOn } from "./samples.ts";
import { countOf, startTap, statusText } from "./tap.ts";
import { targetsOf, unmarked } from "./targets.ts";
import type { Mark, Target } from "./targets.ts";
import { injectable } from "./vulnerable.ts";
import type { WeakServers } from "./vulnerable.ts";

/** Longest run over some targets, milliseconds, and for each of their parameters; on a quiet machine it takes a fifth of that. */
const leastTimeoutMs = 120_000;
const timeoutMsPerMark = 10_000;
/** `--level` 2 tries more closings of a statement than the default; `--risk` 2 adds heavy queries that take time. */
const strength = ["--level=2", "--risk=2", "--dbms=SQLite", "--time-sec=2"];
const manners = [
  "--ignore-stdin",
  "--batch",
  "--disable-coloring",
  "--flush-session",
  "--skip-waf",
  "--keep-alive",
  "--ignore-code=*",
  "--timeout=10",
  "--retries=1",
  "--answers=skip further tests=N,keep testing the others=Y,Do you want to quit=N,process it=Y,process them too=N,how do you want to proceed=C",
];

/** Where a header alone is attacked, the body beside it is left as it is. */
const headerManners = ["--answers=process it=Y,JSON data found=N,process them too=N,how do you want to proceed=C"];

/** What it says about one target. */
export interface Verdict {
  readonly target: Target;
  readonly tested: number;
  readonly injectable: readonly { readonly mark: string; readonly how: string }[];
}

/** The check. */
export const sqlmap: Check = {
  name: "sqlmap",
  programs: ["sqlmap"],
  question: "does any parameter reach a statement as text?",

  async prove(weak: WeakServers, bench: Bench) {
    const verdicts = await attack(weak.pages, "", weakTargets(), "sqlmap-weak", bench);
    const missed = verdicts.filter(({ injectable }) => injectable.length === 0).map(({ target }) => target.operation);
    return { found: `${verdicts.length - missed.length} of 4 injectable places`, missed };
  },

  async look(house: House, bench: Bench): Promise<Look> {
    const { adminKey } = house.plain;
    const targets = [...targetsOf(house.document, house.contents), ...doorTargets()];
    const findings = [...(await unreached(house, targets)), ...unattacked(targets)];
    await using tap = await startTap(house.plain.url);
    const verdicts = await attack(tap.url, adminKey, targets, "sqlmap", bench);
    for (const { target, tested, injectable } of verdicts) {
      const where = `${target.operation} (${target.method} ${unmarked(target).path})`;
      for (const { mark, how } of injectable) findings.push({ id: "injectable", where: `${where} ${mark}`, what: how });
      if (tested < target.marks.length) {
        findings.push({ id: "untested", where, what: `${tested} of ${target.marks.length} parameters were tested` });
      }
    }
    for (const line of tap.broken) findings.push({ id: "server-error", where: line, what: "an internal error" });
    const parameters = targets.reduce((sum, { marks }) => sum + marks.length, 0);
    const operations = new Set(targets.map(({ operation }) => operation)).size;
    const tried = `${tap.requests} requests, ${parameters} parameters of ${operations} operations (${statusText(tap.statuses)})`;
    if (countOf(tap.statuses, 2) < targets.length) findings.push({ id: "unreached", where: "sqlmap", what: tried });
    return { tried, findings };
  },
};

/** Headers that are read before any operation: the credential and what every request may carry. */
function doorTargets(): Target[] {
  const get = { method: "GET", needsKey: true };
  const headers = {
    authorization: "Bearer charter_pr_00000000_x*",
    "x-request-id": "01a1fc4b-0fc2-77bf-8811-a33093c64276*",
    "x-forwarded-for": "127.0.0.1*",
    "user-agent": "sqlmap*",
  };
  return Object.entries(headers).map(([name, value]) => {
    const marks: Mark[] = [{ place: "header", name }];
    const isRefused = name === "authorization";
    return { ...get, operation: "product.list", path: "/v1/products", headers: { [name]: value }, marks, isRefused };
  });
}

function weakTargets(): Target[] {
  const target = (place: Mark["place"], part: Partial<Target>): Target => {
    const marks = [{ place, name: "name" }];
    const get = { method: "GET", path: "/", headers: {}, needsKey: false, isRefused: false };
    return { ...get, operation: `weak ${place}`, marks, ...part };
  };
  const type = { "content-type": "application/json" };
  return [
    target("query", { path: `${injectable.query}tea*` }),
    target("path", { path: `${injectable.path}tea*` }),
    target("body", { method: "POST", path: injectable.body, headers: type, body: '{"name":"tea*"}' }),
    target("header", { path: injectable.header, headers: { "x-name": "tea*" } }),
  ];
}

/** Targets whose request is refused although nothing is wrong with it: what lies behind would go untried. */
async function unreached(house: House, targets: readonly Target[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const target of targets) {
    const { path, ...ask } = unmarked(target);
    if (target.isRefused) continue;
    const { status, json } = await house.plain.ask(path, { ...ask, ...(target.needsKey ? {} : { key: null }) });
    if (status < 400) continue;
    const what = `the good request is answered ${status} ${JSON.stringify(json?.detail ?? "")} ${ask.body ?? ""}`;
    findings.push({ id: "unreached", where: `${target.operation} (${target.method} ${path})`, what });
  }
  return findings;
}

/** Headers that no target attacks, since the operation that should do it for all has them no more. */
function unattacked(targets: readonly Target[]): Finding[] {
  const isAttacked = ([name, operation]: readonly [string, string]): boolean =>
    targets.some((target) => target.operation === operation && target.marks.some((mark) => mark.name === name));
  const missed = Object.entries(attackedOn).filter((entry) => !isAttacked(entry));
  return missed.map(([name, operation]) => ({ id: "unattacked", where: operation, what: `does not read ${name}` }));
}

/** Runs the program over targets; one verdict for each. */
export async function attack(
  url: string,
  key: string,
  targets: readonly Target[],
  name: string,
  bench: Bench,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const [i, batch] of batchesOf(targets).entries()) {
    const marks = batch.reduce((sum, target) => sum + target.marks.length, 0);
    const run = { name: `${name}-${i}`, timeoutMs: leastTimeoutMs + marks * timeoutMsPerMark };
    verdicts.push(...(await attackBatch(url, key, batch, run, bench)));
  }
  return verdicts;
}

/** The program takes a second request to the same path for the first and passes over it; such ones get a run of their own. */
function batchesOf(targets: readonly Target[]): Target[][] {
  const batches: { paths: Set<string>; isHeader: boolean; targets: Target[] }[] = [];
  for (const target of targets) {
    const isHeader = isHeaderOnly(target);
    const path = target.path.replace(/\?.*/, "");
    let batch = batches.find((each) => each.isHeader === isHeader && !each.paths.has(path));
    if (!batch) batches.push((batch = { paths: new Set(), isHeader, targets: [] }));
    batch.paths.add(path);
    batch.targets.push(target);
  }
  return batches.map((batch) => batch.targets);
}

function isHeaderOnly({ marks, body }: Target): boolean {
  return body !== undefined && marks.every(({ place }) => place === "header");
}

async function attackBatch(
  url: string,
  key: string,
  targets: readonly Target[],
  { name, timeoutMs }: { name: string; timeoutMs: number },
  { folder }: Bench,
): Promise<Verdict[]> {
  const list = join(folder, `${name}.list`);
  writeFileSync(list, targets.map((target) => burpEntry(url, key, target)).join(""));
  const results = [`--output-dir=${join(folder, name)}`, `--results-file=${join(folder, name)}.csv`];
  const own = targets.every(isHeaderOnly) ? headerManners : [];
  const args = ["-l", list, ...strength, ...manners, ...own, ...results];
  const { said } = await runProgram("sqlmap", args, { folder, log: `${name}.txt`, timeoutMs });
  const [, ...sections] = said.split(/^\[\d+\/\d+\] URL:$/m);
  if (targets.length > 1 && sections.length !== targets.length) {
    throw new Error(`sqlmap took ${sections.length} of ${targets.length} requests: ${said.slice(-400)}`);
  }
  return targets.map((target, i) => verdictOf(target, sections[i] ?? said));
}

/** A request in the form of a log of the Burp proxy, the one form of sqlmap that holds many requests with bodies. */
function burpEntry(url: string, key: string, { method, path, headers, body, needsKey }: Target): string {
  const rule = "=".repeat(54);
  const all = { host: new URL(url).host, ...(needsKey ? { authorization: `Bearer ${key}` } : {}), ...headers };
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\n`);
  const text = `${method} ${path} HTTP/1.1\n${head.join("")}\n${body ?? ""}`;
  return `${rule}\n00:00:00  ${url}\n${rule}\n${text}\n${rule}\n\n`;
}

function verdictOf(target: Target, said: string): Verdict {
  const tested = said.match(/testing for SQL injection on /g)?.length ?? 0;
  const blocks = [...said.matchAll(/^Parameter: (.+)\n((?: {4}.*\n?|\n(?= {4}))+)/gm)];
  const injectable = blocks.map(([, mark = "", how = ""]) => ({
    mark: markName(target, mark),
    how: `is injectable: ${[...how.matchAll(/Title: (.+)/g)].map(([, title]) => title).join("; ")}`,
  }));
  return { target, tested, injectable };
}

/** Our name for a mark that sqlmap counts: `#2* (URI)`, `JSON #1* ((custom) POST)`. */
function markName({ marks }: Target, mark: string): string {
  const number = Number(/#(\d+)\*/.exec(mark)?.[1] ?? 1);
  const wanted = /URI|GET/.test(mark) ? ["path", "query"] : /HEADER/.test(mark) ? ["header"] : ["body"];
  const found = marks.filter(({ place }) => wanted.includes(place))[number - 1];
  return found ? `${found.place} ${found.name}` : mark;
}
