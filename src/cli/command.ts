// What a command is: its syntax, examples that work, and a function from a call to an exit code.
import type { Client } from "./client.ts";
import type { Io } from "./io.ts";
import type { Options } from "./options.ts";
import type { Example, Syntax } from "./syntax.ts";

/** One use of a command that works on this machine alone. */
export interface LocalCall {
  readonly io: Io;
  readonly options: Options;
  readonly positionals: readonly string[];
  /** Whether the answer goes to stdout as JSON, one document and nothing else. */
  readonly json: boolean;
}

/** One use of a command that asks a server. */
export interface Call extends LocalCall {
  /** The client for the server and the credential that --url, --key, --profile and their variables name. */
  readonly client: Client;
}

interface Written extends Omit<Syntax, "name" | "isLocal"> {
  readonly examples: readonly Example[];
}

interface LocalBody extends Written {
  /** It asks no server, and so takes neither --url nor --key. */
  readonly isLocal: true;
  /** Does the work; resolves with the exit code. Throws `UsageError` or a `Fault`. */
  run(call: LocalCall): Promise<number>;
}

interface RemoteBody extends Written {
  readonly isLocal?: never;
  /** Does the work; resolves with the exit code. Throws `UsageError`, `RefusalError` or a `Fault`. */
  run(call: Call): Promise<number>;
}

/** What the file of a command exports: how it is written and what it does. */
export type CommandBody = LocalBody | RemoteBody;

/** A command as the list knows it, before its file is read. */
export interface CommandEntry {
  /** One or two words: `put`, `ledger verify`. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  readonly load: () => Promise<CommandBody>;
}

/** A command whose file was read. */
export type Command = CommandBody & Omit<CommandEntry, "load">;
