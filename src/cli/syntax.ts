// How commands are spelled: their names, options and arguments, and the error for a line that is not understood.

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
  /** The heading under which help lists it; those without one come first. */
  readonly group?: string;
}

/** An example as it is typed after `charter `, and what it does. */
export interface Example {
  readonly line: string;
  readonly does: string;
}

/** How one command is written. */
export interface Syntax {
  /** One or two words: `put`, `ledger verify`. */
  readonly name: string;
  /** The positional arguments, as help shows them. */
  readonly usage: string;
  /** Fewest and most positional arguments. */
  readonly arity: readonly [least: number, most: number];
  readonly options: readonly OptionSpec[];
  /** It works on this machine alone: it asks no server. */
  readonly isLocal?: true;
}

/** The command line was not understood; exit 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Where a server listens that was told nothing. */
export const defaultUrl = "http://127.0.0.1:8000";

/** Options that every command takes. */
export const commonOptions: readonly OptionSpec[] = [
  { name: "json", summary: "answer as JSON on stdout" },
  { name: "help", short: "h", summary: "show this help" },
];

/** Options of the commands that ask a server. */
export const serverOptions: readonly OptionSpec[] = [
  { name: "url", value: "URL", summary: `server to talk to (CHARTER_URL; that of the profile; ${defaultUrl})` },
  { name: "key", value: "KEY", summary: "API key to send (CHARTER_KEY; without one, the session of the profile)" },
  { name: "profile", value: "NAME", summary: "whose session of charter login to use (CHARTER_PROFILE; default)" },
];

/** Everything that a command can be told. */
export function optionsOf({ options, isLocal }: Syntax): readonly OptionSpec[] {
  return [...options, ...(isLocal === true ? [] : serverOptions), ...commonOptions];
}
