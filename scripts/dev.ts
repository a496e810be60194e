// `npm run dev [-- --fresh] [--folder=PATH] [options of charter serve]`: the server from source, restarted when a file changes, with a
// seeded playground to try it on. The folder is `.dev`, which git ignores, unless another is named.
//
// 1. The playground is seeded once; a restart, also of this program, keeps data and keys.
// 2. A first start that was interrupted before the playground was whole starts over at the next one.
// 3. Ctrl-C ends the server with it.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { introduction, seedPlayground } from "./dev/playground.ts";
import type { Playground } from "./dev/playground.ts";

const root = resolve(import.meta.dirname, "..");

/** What `charter serve --json` prints when it is ready. */
interface ReadyLine {
  readonly url: string;
  readonly admin_key?: string;
  readonly admin_password?: string;
}

function readPlayground(file: string): Playground | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Playground;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Keeps the keys, for this user alone; the file is there only when it is whole. */
function keepPlayground(file: string, playground: Playground): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(playground, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Shows where the server is; at the first start the playground is seeded before. */
async function welcome(ready: ReadyLine, folder: string, file: string): Promise<void> {
  let playground = readPlayground(file);
  if (playground === undefined) {
    console.log("seeding the playground");
    playground = await seedPlayground(ready.url, ready.admin_key ?? "", ready.admin_password ?? "");
    keepPlayground(file, playground);
  }
  for (const line of introduction(ready.url, folder, playground)) console.log(line);
}

/** Arguments of this program, and those that go on to `charter serve`. */
function readArgs(args: readonly string[]): {
  readonly fresh: boolean;
  readonly folder: string;
  readonly rest: string[];
} {
  const rest = args.filter((arg) => arg !== "--fresh" && !arg.startsWith("--folder="));
  const folder = args.find((arg) => arg.startsWith("--folder="))?.slice("--folder=".length);
  return { fresh: args.includes("--fresh"), folder: resolve(folder ?? join(root, ".dev")), rest };
}

/** Runs until it is interrupted; gives the exit status. */
async function main(): Promise<number> {
  const { fresh, folder, rest } = readArgs(process.argv.slice(2));
  const [data, file] = [join(folder, "data"), join(folder, "playground.json")];
  if (fresh || readPlayground(file) === undefined) {
    for (const path of [data, file]) rmSync(path, { recursive: true, force: true });
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });

  const watched = ["src", "constitution"].flatMap((name) => ["--watch-path", join(root, name)]);
  // The simulated models are there whatever keys of providers the environment holds; the last word is the caller's.
  const serve = ["serve", "--simulated", "always", ...rest, "--data", data, "--json"];
  const command = [...watched, "--watch-preserve-output", join(root, "bin/charter.cjs"), ...serve];
  const child = spawn(process.execPath, command, { stdio: ["inherit", "pipe", "inherit"] });
  const exited = new Promise<number>((done) => child.once("exit", (status) => done(status ?? 0)));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill("SIGTERM"));

  try {
    let starts = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.startsWith('{"url":')) console.log(line);
      else if (starts++ > 0) console.log(`ready again on ${(JSON.parse(line) as ReadyLine).url}`);
      else await welcome(JSON.parse(line) as ReadyLine, folder, file);
    }
  } catch (error) {
    console.error((error as Error).message);
    child.kill("SIGTERM");
    await exited;
    return 1;
  }
  return await exited;
}

process.exitCode = await main();
