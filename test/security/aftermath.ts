// What must hold after all attacks: the servers live, remember everything, have not failed inside, and have not grown.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { launcher } from "../support/app/process.ts";
import type { CharterProcess } from "../support/app/process.ts";
import type { Finding, Look } from "./check.ts";
import type { House } from "./house.ts";

/**
 * Most resident memory after the attacks, bytes. Under them it goes up and down between 430 and 570 MiB, with password
 * hashes of 19 MiB each under way; a server that keeps something of every request passes this in one run.
 */
const mostMemoryBytes = 768 * 1024 * 1024;

/** Looks at the servers after the attacks; the last thing that happens to them. */
export async function aftermath(house: House): Promise<Look> {
  const servers = { plain: house.plain, tls: house.tls.server, limited: house.limited };
  const findings: Finding[] = [];
  const sizes: number[] = [];
  const megabytes: number[] = [];
  for (const [name, server] of Object.entries(servers)) {
    const found = (id: string, what: string): number => findings.push({ id, where: `the ${name} server`, what });
    if (server.ended) {
      found("ended", `it is gone: ${server.log().slice(-2000)}`);
      continue;
    }
    const memoryBytes = residentBytes(server.pid);
    megabytes.push(Math.round(memoryBytes / 1024 ** 2));
    if (memoryBytes > mostMemoryBytes) found("memory", `it holds ${megabytes.at(-1)} MiB`);
    for (const line of failures(server)) found("server-error", `its log has ${line}`);
    const status = await server.stop();
    if (status !== 0) found("stop", `it ended with ${status} when it was told to stop`);
    const verified = verify(server);
    sizes.push(verified.size);
    if (verified.problem !== undefined) found("ledger", verified.problem);
  }
  const tried = `3 servers, ${megabytes.join(" + ")} MiB, ${sizes.join(" + ")} leaves verified`;
  return { tried, findings };
}

/** Resident memory of a process, bytes. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

/** Lines of the log about something that failed inside (pino's levels error and fatal). */
function failures(server: CharterProcess): string[] {
  const lines = server.log().split("\n");
  return [...new Set(lines.filter((line) => /"level":(50|60)/.test(line)).map((line) => line.slice(0, 400)))].slice(
    0,
    5,
  );
}

/** Verifies the ledger of a stopped server from its files. */
function verify(server: CharterProcess): { size: number; problem?: string } {
  const ledger = join(server.ready.data_dir, "ledger");
  const args = [launcher, "ledger", "verify", "--from", ledger, "--json"];
  const run = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 120_000 });
  const size = Number(/"size":\s*(\d+)/.exec(run.stdout)?.[1] ?? 0);
  if (run.status === 0 && size > 0) return { size };
  return { size, problem: `ledger verify ended with ${run.status}: ${(run.stderr || run.stdout).slice(0, 500)}` };
}
