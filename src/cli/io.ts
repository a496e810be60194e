// The terminal as a command sees it: three streams, the environment and the current folder, all passed in.
import { styleText } from "node:util";
import { publicNames } from "../kernel/json-case.ts";

/** Everything a command may touch of the process it runs in. */
export interface Io {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** Writes lines to stdout. */
export function print(io: Io, ...lines: readonly string[]): void {
  io.stdout.write(lines.map((line) => `${line}\n`).join(""));
}

/** Writes lines to stdout; resolves when they have left this process, and rejects where they cannot. */
export function printed(io: Io, lines: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    io.stdout.write(lines.map((line) => `${line}\n`).join(""), (error) => (error ? reject(error) : resolve()));
  });
}

/** Writes lines to stderr. */
export function complain(io: Io, ...lines: readonly string[]): void {
  io.stderr.write(lines.map((line) => `${line}\n`).join(""));
}

/** Writes a value as one JSON document; indented for a person at a terminal, one line otherwise. */
export function printJson(io: Io, value: unknown): void {
  print(io, JSON.stringify(value, null, io.stdout.isTTY ? 2 : undefined));
}

/** Writes a value that this program made itself, whose names become snake_case, as one JSON document. */
export function printReport(io: Io, report: object): void {
  printJson(io, publicNames(report));
}

/** Colours text when the stream is a terminal and NO_COLOR is not set. */
export function tint(io: Io, colour: "green" | "yellow" | "red" | "bold" | "dim", text: string): string {
  const plain = !io.stdout.isTTY || (io.env["NO_COLOR"] ?? "") !== "";
  return plain ? text : styleText(colour, text, { validateStream: false });
}

/** Text from elsewhere made safe for a terminal: control characters, which could move the cursor or hide text, become `?`. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "?");
}
