// ffuf: what answers without a credential, how guarded operations may be walked around, and whether guessing is counted.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { operations } from "../../src/http/index.ts";
import type { Operation } from "../../src/http/index.ts";
import type { Bench, Check, Finding, Look } from "./check.ts";
import { disguisesOf } from "./disguises.ts";
import type { Shot } from "./disguises.ts";
import type { House } from "./house.ts";
import { runProgram } from "./program.ts";
import type { Values } from "./samples.ts";
import { statusText } from "./tap.ts";
import { hidden } from "./vulnerable.ts";
import type { WeakServers } from "./vulnerable.ts";

/** Longest run, milliseconds. */
const timeoutMs = 100_000;
/** Statuses by which a request gets nothing. */
const refusals: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 429]);
/** Where the words are looked for. */
const folders = ["/", "/v1/", "/api/v1/", "/ledger/"];
/** Requests with a wrong credential; many times what an address may make in a minute. */
const guesses = 120;
/** A page for everybody. */
const lobby = "/";

/** An answer to a request. */
export interface Answer extends Shot {
  readonly status: number;
  /** Of the body, bytes. */
  readonly length: number;
}

/** The check. */
export const ffuf: Check = {
  name: "ffuf",
  programs: ["ffuf"],
  question: "is anything reached without a credential that should not be?",

  async prove(weak: WeakServers, bench: Bench) {
    const words = await run(weak.pages, { name: "ffuf-weak-words", ...discovery() }, bench);
    const disguises = disguisesOf({ verb: "GET", path: hidden.guarded }, lobby);
    const welcome = lengthOf(words, lobby);
    const through = slips(await run(weak.pages, { name: "ffuf-weak-guard", shots: disguises }, bench), welcome);
    const missed: string[] = [];
    if (!words.some(({ path, status }) => path === hidden.file && status === 200)) missed.push("the hidden file");
    for (const kind of ["path", "verb", "header"] as const) {
      if (!through.some((slip) => slip.kind === kind)) missed.push(`the way around the guard by ${kind}`);
    }
    return { found: `the hidden file, ${through.length} ways around the guard`, missed };
  },

  async look(house: House, bench: Bench): Promise<Look> {
    const guarded = guardedShots(house.contents.values);
    const { plain } = house;
    const found = await run(
      plain.url,
      { name: "ffuf-words", shots: [...discovery().shots, ...openShots(house.contents.values)] },
      bench,
    );
    const bare = await run(plain.url, { name: "ffuf-bare", shots: guarded }, bench);
    const known = await run(plain.url, { name: "ffuf-known", shots: withKey(guarded, plain.adminKey) }, bench);
    const disguises = guarded.flatMap((shot) => disguisesOf(shot, lobby));
    const disguised = await run(plain.url, { name: "ffuf-disguised", shots: disguises }, bench);
    const guessed = await guess(house, bench);
    const answers = [...found, ...bare, ...disguised, ...known, ...guessed.answers];
    const findings = [
      ...found.filter(isOpen).map((answer) => finding("open", answer)),
      ...bare.filter(({ status }) => status !== 401).map((answer) => finding("unguarded", answer)),
      ...known.filter(({ status }) => status >= 300).map((answer) => finding("unreached", answer)),
      ...slips(disguised, lengthOf(found, lobby)).map((answer) => finding("around", answer)),
      ...answers.filter(({ status }) => status >= 500).map((answer) => finding("server-error", answer)),
      ...guessed.findings,
    ];
    const statuses = new Map<number, number>();
    for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    const tried = `${found.length} paths, ${disguised.length} disguises of ${guarded.length} guarded operations, ${guesses} guesses (${statusText(statuses)})`;
    return { tried, findings };
  },
};

/** Guesses credentials at a server with ordinary limits, each time as somebody else. */
async function guess({ limited }: House, bench: Bench): Promise<{ answers: Answer[]; findings: Finding[] }> {
  const { headers } = await limited.ask("/v1/artifacts", { key: null });
  const limit = Number(/;q=(\d+)/.exec(String(headers["ratelimit-policy"]))?.[1]);
  const shots = Array.from({ length: guesses }, (_, i): Shot => {
    const wrong = `Bearer charter_ad_${String(i).padStart(8, "0")}_${"x".repeat(43)}`;
    const header = i % 2 === 0 ? (["Authorization", wrong] as const) : (["X-Forwarded-For", `10.0.0.${i}`] as const);
    return { verb: "GET", path: i % 3 === 0 ? "/v1/keys" : "/v1/artifacts", header };
  });
  const answers = await run(limited.url, { name: "ffuf-guesses", shots }, bench);
  const passed = answers.filter(({ status }) => status !== 429);
  if (passed.length <= limit) return { answers, findings: [] };
  const what = `${passed.length} of ${guesses} guesses were looked at; the limit is ${limit} a minute`;
  return { answers, findings: [{ id: "uncounted", where: "wrong credentials", what }] };
}

/** Answers to disguised requests that give something other than a refusal or what the lobby gives to everybody. */
function slips<T extends Answer>(answers: readonly T[], welcome: number): T[] {
  return answers.filter(({ verb, path, status, length }) => {
    if (refusals.has(status)) return false;
    return !(verb === "GET" && path === lobby && status === 200 && length === welcome);
  });
}

function lengthOf(answers: readonly Answer[], wanted: string): number {
  return answers.find(({ verb, path, status }) => verb === "GET" && path === wanted && status === 200)?.length ?? -1;
}

function finding(id: string, { verb, path, header, status, length }: Answer): Finding {
  const extra = header === undefined || /^(authorization|accept)$/i.test(header[0]) ? "" : ` with ${header.join(": ")}`;
  return { id, where: `${verb} ${path}${extra}`, what: `is answered ${status} with ${length} bytes` };
}

/** Whether something answers that is not for everybody. */
function isOpen({ verb, path, status }: Answer): boolean {
  return !refusals.has(status) && operationAt(verb, path.replace(/\?.*/, ""))?.access !== "public";
}

/** The operation that a request is for: among those whose path fits, the one with the fewest parameters. */
function operationAt(verb: string, path: string): Operation | undefined {
  const fitting = Object.values<Operation>(operations).filter((row) => row.method === verb && fits(row.path, path));
  const parameters = (row: Operation): number => row.path.split("{").length;
  return fitting.toSorted((a, b) => parameters(a) - parameters(b))[0];
}

function fits(template: string, path: string): boolean {
  const [wanted, given] = [template.split("/"), path.split("/")];
  if (wanted.at(-1) === "{path}") given.splice(wanted.length - 1, Infinity, "");
  return wanted.length === given.length && wanted.every((part, i) => part.startsWith("{") || part === given[i]);
}

/** A request for every path that servers often have. */
export function discovery(): { readonly shots: readonly Shot[] } {
  const words = readFileSync(join(import.meta.dirname, "words.txt"), "utf8")
    .trim()
    .split("\n");
  const paths = folders.flatMap((folder) => ["", ...words].map((word) => `${folder}${word}`));
  return { shots: [...new Set(paths)].map((path) => ({ verb: "GET", path })) };
}

/** The operations that need a credential. */
function guardedShots(values: Values): Shot[] {
  return shotsOf(values, ({ access }) => access !== "public");
}

/** The operations that need none; with the others' paths they are all there is. */
function openShots(values: Values): Shot[] {
  return shotsOf(values, ({ access }) => access === "public");
}

function shotsOf(values: Values, isWanted: (operation: Operation) => boolean): Shot[] {
  const rows = Object.entries<Operation>(operations).filter(([, operation]) => isWanted(operation));
  return rows.map(([operation, { method, path }]) => {
    const valueOf = (name: string): string => {
      const value = values[`${operation}/${name}`] ?? values[name];
      return typeof value === "string" ? value : "x";
    };
    return { verb: method, path: path.replaceAll(/\{(\w+)\}/g, (_, name: string) => valueOf(name)) };
  });
}

/** Reads as an admin: what they reach shows that the paths which are refused without a credential are real ones. */
function withKey(shots: readonly Shot[], key: string): Shot[] {
  const reads = shots.filter(({ verb }) => verb === "GET");
  return reads.map((shot) => ({ ...shot, header: ["Authorization", `Bearer ${key}`] }));
}

/** What the report of the program holds. */
interface Report {
  readonly results: readonly {
    readonly position: number;
    readonly status: number;
    readonly length: number;
  }[];
}

/** Sends requests; `name` is what its files begin with. @throws Error when some get no answer. */
export async function run<T extends Shot>(
  url: string,
  { name, shots }: { readonly name: string; readonly shots: readonly T[] },
  { folder }: Bench,
): Promise<(T & Answer)[]> {
  // The program writes the names of headers with one capital, and finds its keywords there only if they are so themselves.
  const list = (part: string, lineOf: (shot: T) => string): string => {
    const file = join(folder, `${name}.${part}`);
    writeFileSync(file, shots.map((shot) => `${lineOf(shot)}\n`).join(""));
    return `${file}:Xx${part}xx`;
  };
  const header = ({ header }: T): readonly [string, string] => header ?? ["Accept", "*/*"];
  const lists = [
    list("verb", ({ verb }) => verb),
    list("path", ({ path }) => path),
    list("name", (shot) => header(shot)[0]),
    list("value", (shot) => header(shot)[1]),
  ];
  const report = join(folder, `${name}.json`);
  const request = ["-X", "Xxverbxx", "-u", `${url}Xxpathxx`, "-H", "Xxnamexx: Xxvaluexx"];
  // With more threads than one it loses some of its results.
  const manners = ["-mode", "pitchfork", "-mc", "all", "-s", "-t", "1", "-timeout", "10", "-maxtime", "90"];
  const args = [...request, ...lists.flatMap((each) => ["-w", each]), ...manners, "-of", "json", "-o", report];
  const { said } = await runProgram("ffuf", args, { folder, log: `${name}.txt`, timeoutMs });
  const { results } = readReport(report, said);
  const answers = results.flatMap(({ position, status, length }) => {
    const shot = shots[position - 1];
    return shot ? [{ ...shot, status, length }] : [];
  });
  if (answers.length !== shots.length) {
    const answered = new Set(results.map(({ position }) => position));
    const first = shots.find((_, i) => !answered.has(i + 1));
    const example = first && `${first.verb} ${first.path} ${first.header?.join(": ") ?? ""}`;
    throw new Error(`ffuf: ${answers.length} of ${shots.length} requests were answered, not ${example}`);
  }
  return answers;
}

function readReport(file: string, said: string): Report {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Report;
  } catch (cause) {
    throw new Error(`ffuf left no report: ${said.slice(-400)}`, { cause });
  }
}
