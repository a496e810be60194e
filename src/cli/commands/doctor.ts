// `charter doctor`: looks at everything a Charter on this machine stands on, and says what to do about what it finds.
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { buffer } from "node:stream/consumers";
import { fail, ok, warn } from "../check.ts";
import type { Check, CheckState } from "../check.ts";
import { checkDatabase, checkFolder, checkKey, checkLedger, newestWriteMs } from "../checks/data.ts";
import { checkSecretFiles } from "../checks/secret-files.ts";
import { checkClock, checkRuntime, checkSpace, checkSync } from "../checks/machine.ts";
import type { LoadedConfig } from "../../config/index.ts";
import type { Client } from "../client.ts";
import { exitCodes } from "../syntax.ts";
import type { Call, CommandBody } from "../command.ts";
import { print, printable, printJson, tint } from "../io.ts";
import { loadLocalConfig, settingOptions } from "../local-config.ts";
import { fieldText } from "../record.ts";
import { RefusalError } from "../refusal.ts";

/** `charter doctor` */
export const doctor: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: settingOptions(["data", "database"]),
  examples: [
    { line: "doctor", does: "checks ./charter-data; exits 1 when something fails" },
    { line: "doctor --data /var/lib/charter --json", does: "checks another data folder and answers with JSON" },
  ],
  run,
};

async function run({ io, options, json, client }: Call): Promise<number> {
  const checks = await examine(loadLocalConfig(io, options), client);
  if (json) printJson(io, { checks });
  else print(io, ...checks.flatMap((check) => checkLines(check, (state) => tint(io, colours[state], state))));
  return checks.some((check) => check.state === "fail") ? exitCodes.refused : exitCodes.ok;
}

async function examine(loaded: LoadedConfig, client: Client): Promise<Check[]> {
  const dataDir = loaded.config.data.dir;
  const databaseUrl = loaded.config.database.url;
  const server = await askServer(client);
  const checks = [checkRuntime(), checkClock(Date.now(), await newestWriteMs(dataDir), server.date)];
  const folder = await guarded("data folder", () => checkFolder(dataDir));
  checks.push(folder, await guarded("disk space", () => checkSpace(existingParent(dataDir))));
  if (folder.state !== "fail" && existsSync(dataDir)) checks.push(await guarded("fsync", () => checkSync(dataDir)));
  checks.push(await guarded("signing key", () => checkKey(dataDir)));
  checks.push(await guarded("secret files", () => checkSecretFiles(loaded)));
  checks.push(await guarded("ledger", () => checkLedger(dataDir)));
  checks.push(await guarded("database", () => checkDatabase(databaseUrl, dataDir)));
  return [...checks, server.check];
}

/** Whether the server of --url takes writes, and its clock. */
async function askServer(client: Client): Promise<{ check: Check; date: string | undefined }> {
  try {
    const answer = await client.open({ path: "/ready" });
    await buffer(answer.body);
    return { check: ok("server", `${client.url} is ready`), date: answer.headers.date };
  } catch (error) {
    if (!(error instanceof RefusalError)) {
      const remedy = "start it with charter serve, or name another one with --url";
      return { check: warn("server", `nothing answers at ${client.url}`, remedy), date: undefined };
    }
    const reason = fieldText(error.problem, "reason") ?? error.message;
    const remedy = "see the ledger and disk lines; the server's log says more";
    return { check: fail("server", `${client.url} refuses writes: ${reason}`, remedy), date: undefined };
  }
}

/** A check that could not be made is a failed one. */
async function guarded(name: string, check: () => Promise<Check>): Promise<Check> {
  try {
    return await check();
  } catch (error) {
    return fail(name, (error as Error).message, "run charter doctor as the user who runs charter serve");
  }
}

function existingParent(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : existingParent(dirname(path));
}

const colours = { ok: "green", warn: "yellow", fail: "red" } as const satisfies Record<CheckState, string>;

function checkLines({ name, state, found, remedy }: Check, shown: (state: CheckState) => string): string[] {
  const line = `${shown(state)}${" ".repeat(4 - state.length)}  ${name.padEnd(12)}  ${printable(found)}`;
  return remedy === undefined ? [line] : [line, `      ${" ".repeat(12)}  ${printable(remedy)}`];
}
