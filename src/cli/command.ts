// What a command is: its syntax, examples that work, and a function from a call to an exit code.
import type { Client } from "./client.ts";
import type { Io } from "./io.ts";
import type { Options } from "./options.ts";
import type { Example, Syntax } from "./syntax.ts";

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
export interface Command extends Syntax {
  /** One line for the list of commands. */
  readonly summary: string;
  readonly examples: readonly Example[];
  /** Does the work; resolves with the exit code. Throws `UsageError`, `RefusalError` or a `Fault`. */
  run(call: Call): Promise<number>;
}
