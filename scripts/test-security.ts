// `npm run test:security [check...] [-- --json]`: attacks a live Charter on loopback with the programs of the distribution.
//
// 1. Each program must first find what is wrong with servers that are weak on purpose.
// 2. What it then finds in Charter fails the run, unless test/security/accepted.ts names it with a reason.
// 3. Afterwards the servers must live, remember everything, and have failed at nothing inside.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { table } from "../src/cli/table.ts";
import { accepted } from "../test/security/accepted.ts";
import { aftermath } from "../test/security/aftermath.ts";
import type { Bench, Check, Finding } from "../test/security/check.ts";
import { openHouse } from "../test/security/house.ts";
import type { House } from "../test/security/house.ts";
import { ffuf } from "../test/security/ffuf.ts";
import { limits } from "../test/security/limits.ts";
import { slowhttptest } from "../test/security/slowhttptest.ts";
import { sqlmap } from "../test/security/sqlmap.ts";
import { sslscan, testssl } from "../test/security/testssl.ts";
import { wapiti } from "../test/security/wapiti.ts";
import { startWeakServers } from "../test/security/vulnerable.ts";
import type { WeakServers } from "../test/security/vulnerable.ts";
import { aptInstall, hasCommand, securityPackages } from "../test/support/servers/packages.ts";

const checks: readonly Check[] = [sqlmap, wapiti, ffuf, limits, slowhttptest, testssl, sslscan];

/** One line of the table. */
interface Row {
  readonly check: string;
  readonly seconds: number;
  readonly proof: string;
  readonly tried: string;
  readonly findings: readonly Finding[];
  readonly accepted: readonly Finding[];
}

/** Runs one check: first against the weak servers, then against Charter. */
async function runCheck(check: Check, servers: { weak: WeakServers; house: House }, bench: Bench): Promise<Row> {
  const startedMs = performance.now();
  const findings: Finding[] = [];
  let [proof, tried] = ["", ""];
  try {
    bench.say(`${check.name}: ${check.question}`);
    const proved = await check.prove(servers.weak, bench);
    proof = proved.found;
    for (const missed of proved.missed)
      findings.push({ id: "blind", where: "the weak servers", what: `missed ${missed}` });
    const look = await check.look(servers.house, bench);
    tried = look.tried;
    findings.push(...look.findings);
    bench.say(`  ${proof}; ${tried}`);
  } catch (error) {
    findings.push({ id: "broken", where: check.name, what: (error as Error).message });
  }
  return rowOf(check.name, { proof, tried, findings, startedMs });
}

/** A line with its findings held against the list of accepted ones. */
function rowOf(
  check: string,
  { proof, tried, findings, startedMs }: { proof: string; tried: string; findings: Finding[]; startedMs: number },
): Row {
  const rules = accepted.filter((rule) => rule.check === check);
  const matches = (finding: Finding) => (rule: (typeof rules)[number]) =>
    rule.id === finding.id && rule.matches.test(`${finding.where} ${finding.what}`);
  const known = findings.filter((finding) => rules.some(matches(finding)));
  const stale = rules.filter((rule) => !findings.some((finding) => matches(finding)(rule)));
  const outlived = stale.map(({ id, matches }) => ({
    id: "outlived",
    where: `${id} ${matches}`,
    what: "no longer found",
  }));
  return {
    check,
    seconds: Math.round((performance.now() - startedMs) / 1000),
    proof,
    tried,
    findings: [...findings.filter((finding) => !known.includes(finding)), ...outlived],
    accepted: known,
  };
}

/** Runs the checks and gives their lines. */
async function runAll(wanted: readonly Check[], bench: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  await using weak = await startWeakServers();
  await using house = await openHouse(bench.folder);
  for (const check of wanted) rows.push(await runCheck(check, { weak, house }, bench));
  const startedMs = performance.now();
  const { tried, findings } = await aftermath(house);
  rows.push(rowOf("afterwards", { proof: "", tried, findings: [...findings], startedMs }));
  return rows;
}

function print(rows: readonly Row[]): void {
  const head = ["check", "s", "found in weak servers", "tried on Charter", "accepted", "findings"];
  const cells = rows.map(({ check, seconds, proof, tried, findings, accepted }) => [
    check,
    `${seconds}`,
    proof,
    tried,
    `${accepted.length}`,
    `${findings.length}`,
  ]);
  for (const line of table(head, cells)) console.log(line);
  for (const { check, findings } of rows) {
    for (const { id, where, what } of findings) console.log(`${check}: ${id}: ${where}: ${what}`);
  }
}

/** The checks that the arguments name; all when they name none. */
function wantedChecks(names: readonly string[]): readonly Check[] {
  const unknown = names.find((name) => !checks.some((check) => check.name === name));
  if (unknown !== undefined) {
    throw new Error(`there is no check ${unknown}; there are ${checks.map(({ name }) => name).join(", ")}`);
  }
  return names.length === 0 ? checks : checks.filter(({ name }) => names.includes(name));
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: "boolean" }, keep: { type: "boolean" } },
  });
  const wanted = wantedChecks(positionals);
  const say = (line: string): void => console.error(line);
  const installation = aptInstall(securityPackages);
  if (!installation.ok) say(`not installed: ${installation.reason}`);
  const missing = wanted.flatMap(({ programs }) => programs).filter((name) => !hasCommand(name));
  if (missing.length > 0) throw new Error(`these programs are needed: ${missing.join(", ")}`);
  const folder = mkdtempSync(join(tmpdir(), "charter-security-"));
  try {
    const rows = await runAll(wanted, { folder, say });
    if (values.json) console.log(JSON.stringify(rows, null, 2));
    else print(rows);
    process.exitCode = rows.every(({ findings }) => findings.length === 0) ? 0 : 1;
  } finally {
    if (values.keep) say(`files are in ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}
