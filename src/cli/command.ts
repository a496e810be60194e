// What a command is: a name, its options, examples that work, and a function from a call to an exit code.
import type { Client } from "./client.ts";
import type { Io } from "./io.ts";
import type { Options } from "./options.ts";

/** The three ways a command ends. */
export const exitCodes = { ok: 0, refused: 1, usage: 2 } as const;

/** One option of a command. */
export interface OptionSpec {
  /** Long name without the dashes. */
  readonly name: string;
  /** Single letter. */
  readonly short?: string;
  /** What the value is called in help; an option without one is a switch. */
  readonly value?: string;
  /** May be given several times. */
  readonly many?: true;
  readonly summary: string;
}

/** An example as it is typed after `charter `, and what it does. */
export interface Example {
  readonly line: string;
  readonly does: string;
}

/** One use of a command. */
export interface Call {
  readonly io: Io;
  readonly options: Options;
  readonly positionals: readonly string[];
  /** Whether the answer goes to stdout as JSON, one document and nothing else. */
  readonly json: boolean;
  /** The client for the server that --url and --key name. */
  readonly client: Client;
}

/** A command of the program. */
export interface Command {
  /** One or two words: `put`, `ledger verify`. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** The positional arguments, as help shows them. */
  readonly usage: string;
  /** Fewest and most positional arguments. */
  readonly arity: readonly [least: number, most: number];
  readonly options: readonly OptionSpec[];
  readonly examples: readonly Example[];
  /** Does the work; resolves with the exit code. Throws `UsageError`, `RefusalError` or a `Fault`. */
  run(call: Call): Promise<number>;
}

/** The command line was not understood; exit 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Options that every command takes. */
export const commonOptions: readonly OptionSpec[] = [
  { name: "url", value: "URL", summary: "server to talk to (CHARTER_URL; default http://127.0.0.1:8000)" },
  { name: "key", value: "KEY", summary: "API key to send (CHARTER_KEY)" },
  { name: "json", summary: "answer as JSON on stdout" },
  { name: "help", short: "h", summary: "show this help" },
];
