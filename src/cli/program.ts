// From arguments to an exit code: finds the command, reads its options, runs it, and explains what went wrong.
import { Fault } from "../kernel/fault.ts";
import { nearestName } from "../kernel/nearest.ts";
import { commonOptions, exitCodes, serverOptions, UsageError } from "./syntax.ts";
import type { Command, CommandEntry, LocalCall } from "./command.ts";
import { commands } from "./commands.ts";
import { commandHelp, groupHelp, programHelp } from "./help.ts";
import { complain, print, printable, printJson } from "./io.ts";
import type { Io } from "./io.ts";
import { parseCall } from "./options.ts";
import { ForeignServerError, refusalLines, RefusalError, UnreachableError } from "./refusal.ts";
import { programVersion } from "./version.ts";

/** Runs one command line; resolves with the exit code and never rejects for anything a user can cause. */
export async function runProgram(args: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(commonOptionsLast(args), io);
  } catch (error) {
    // The one line that a server prints says that it is ready; why it is not stands elsewhere.
    return explain(error, io, args.includes("--json") && !args.includes("serve"));
  }
}

async function dispatch(args: readonly string[], io: Io): Promise<number> {
  const [first = "--help", second] = args;
  if (first === "--version" || first === "version") {
    print(io, programVersion());
    return exitCodes.ok;
  }
  if (first === "--help" || first === "-h") {
    print(io, programHelp(programVersion(), commands));
    return exitCodes.ok;
  }
  if (first === "help")
    return helpOn(
      args.slice(1).filter((word) => !word.startsWith("-")),
      io,
    );
  const group = groupOf(first);
  if (group.length > 0 && (second === undefined || second.startsWith("-"))) {
    const asked = second === "--help" || second === "-h";
    (asked ? print : complain)(io, groupHelp(first, await Promise.all(group.map(loaded))));
    return asked ? exitCodes.ok : exitCodes.usage;
  }
  const command = await loaded(findCommand(first, second));
  return runCommand(command, args.slice(command.name.split(" ").length), io);
}

async function runCommand(command: Command, args: readonly string[], io: Io): Promise<number> {
  const { options, positionals } = parseCall(command, args);
  if (options.has("help")) {
    print(io, commandHelp(command));
    return exitCodes.ok;
  }
  const call: LocalCall = { io, options, positionals, json: options.has("json") };
  if (command.isLocal === true) return command.run(call);
  // Only now, so that help and the commands of this machine do not wait for it.
  const { clientFor } = await import("./session.ts");
  const client = clientFor(call);
  try {
    return await command.run({ ...call, client });
  } finally {
    client.close();
  }
}

async function loaded({ name, summary, load }: CommandEntry): Promise<Command> {
  return { name, summary, ...(await load()) };
}

async function helpOn(words: readonly string[], io: Io): Promise<number> {
  const [first, second] = words;
  const group = groupOf(first);
  if (first === undefined) print(io, programHelp(programVersion(), commands));
  else if (second === undefined && group.length > 0) print(io, groupHelp(first, await Promise.all(group.map(loaded))));
  else print(io, commandHelp(await loaded(findCommand(first, second))));
  return exitCodes.ok;
}

/** The commands that share a first word which is no command itself. */
function groupOf(first: string | undefined): readonly CommandEntry[] {
  if (first === undefined || commandOf(first) !== undefined) return [];
  return commands.filter((command) => command.name.startsWith(`${first} `));
}

function commandOf(words: string): CommandEntry | undefined {
  return commands.find(({ name }) => name === words);
}

function findCommand(first: string, second: string | undefined): CommandEntry {
  const found = commandOf(`${first} ${second}`) ?? commandOf(first);
  if (found !== undefined) return found;
  const names = commands.map((command) => command.name);
  const group = names.filter((name) => name.startsWith(`${first} `));
  const words =
    group.length > 0
      ? group.map((name) => name.slice(first.length + 1))
      : names.map((name) => name.split(" ")[0] ?? "");
  const unknown = group.length > 0 ? (second ?? "") : first;
  const nearest = nearestName(unknown, new Set(words));
  const prefix = group.length > 0 ? `${first} ` : "";
  const known = group.length > 0 ? `; charter ${first} takes ${words.join(", ")}` : "";
  const hint = nearest === undefined ? known : `; did you mean charter ${prefix}${nearest}?`;
  throw new UsageError(`unknown command ${JSON.stringify(prefix + unknown)}${hint}`);
}

/** `charter --json ls` means `charter ls --json`: common options in front of the command are moved behind it. */
function commonOptionsLast(args: readonly string[]): readonly string[] {
  let taken = 0;
  for (;;) {
    const word = args[taken];
    const spec = [...serverOptions, ...commonOptions].find(
      ({ name }) => name !== "help" && (word === `--${name}` || word?.startsWith(`--${name}=`)),
    );
    if (spec === undefined) break;
    taken += spec.value === undefined || word?.includes("=") === true ? 1 : 2;
  }
  const rest = args.slice(taken);
  return rest.length === 0 ? ["--help"] : [...rest, ...args.slice(0, taken)];
}

function explain(error: unknown, io: Io, json: boolean): number {
  if (error instanceof UsageError) {
    complain(io, `charter: ${printable(error.message)}`, "Try charter --help, or --help after a command.");
    return exitCodes.usage;
  }
  if (error instanceof Fault && error.code.startsWith("config.")) {
    complain(io, ...error.message.split("\n").map((line) => `charter: ${printable(line)}`));
    return exitCodes.usage;
  }
  if (error instanceof RefusalError) {
    if (json) printJson(io, error.problem);
    else complain(io, ...refusalLines(error));
    return exitCodes.refused;
  }
  const problem = problemOf(error);
  if (json) printJson(io, problem);
  else {
    complain(io, `charter: ${printable(problem.detail)}`);
    if (problem.remedy !== undefined) complain(io, `  what helps: ${printable(problem.remedy)}`);
  }
  return exitCodes.refused;
}

/** A failure on this side of the wire in the shape of a server's problem document. */
function problemOf(error: unknown): { code: string; detail: string; remedy?: string } {
  if (error instanceof ForeignServerError) {
    const remedy = "name the server with --url or CHARTER_URL, without a path of its API";
    return { code: "client.foreign_server", detail: error.message, remedy };
  }
  if (error instanceof UnreachableError) {
    const remedy = "start a server with charter serve, or name another one with --url or CHARTER_URL";
    return { code: "client.unreachable", detail: error.message, remedy };
  }
  if (error instanceof Fault) {
    const { remedy } = error.facts;
    return { code: error.code, detail: error.message, ...(remedy === undefined ? {} : { remedy }) };
  }
  return { code: "client.failed", detail: error instanceof Error ? error.message : String(error) };
}
