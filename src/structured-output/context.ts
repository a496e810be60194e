// What a text from a model is for, and how it is made safe for that: escaped where the context can hold every text, refused
// where it cannot. Nothing is ever taken out of a text.
import { attacks, attacksIn } from "./attacks.ts";
import { strictJson } from "./json-text.ts";
import { refused } from "./refusal.ts";
import type { Parsed } from "./refusal.ts";

/** What a field is for. */
export const dataKinds = [
  "plain-text",
  "html-text",
  "sql-literal",
  "shell-argument",
  "path-segment",
  "identifier",
  "json",
] as const;
/** What a field is for. */
export type DataKind = (typeof dataKinds)[number];

/** Longest name of a file in the usual file systems, bytes. */
const maxSegmentBytes = 255;
/** PostgreSQL keeps 63 bytes of an identifier. */
const identifier = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

const htmlNames: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

type Context = (text: string, at: string) => Parsed<unknown>;

/**
 * Text for people, with no place of its own yet: nothing is escaped, so nothing that is an attack anywhere passes.
 */
const plainText: Context = (text, at) => {
  const refusals = attacksIn(text, at, [attacks.sql, attacks.script, attacks.shell, attacks.traversal]);
  return refusals.length > 0 ? { valid: false, refusals } : { valid: true, value: text };
};

/** Text between the tags of a page or in a quoted attribute; markup is shown, not run. */
const htmlText: Context = (text, at) => {
  const refusals = attacksIn(text, at, [attacks.script]);
  if (refusals.length > 0) return { valid: false, refusals };
  return { valid: true, value: text.replaceAll(/[&<>"']/g, (character) => htmlNames[character] ?? character) };
};

/** A string literal of SQL with its quotes. A bound parameter is better wherever there is one. */
const sqlLiteral: Context = (text, at) => {
  const refusals = attacksIn(text, at, [attacks.sql]);
  if (refusals.length > 0) return { valid: false, refusals };
  // Databases differ in whether a backslash escapes: no spelling is safe in all of them.
  if (text.includes("\\")) return refused(at, "backslash", "holds a backslash, which databases read differently");
  return { valid: true, value: `'${text.replaceAll("'", "''")}'` };
};

/** One word of a POSIX shell, in single quotes. An argument list without a shell is better wherever there is one. */
const shellArgument: Context = (text, at) => {
  const refusals = attacksIn(text, at, [attacks.shell]);
  if (refusals.length > 0) return { valid: false, refusals };
  if (text.startsWith("-")) return refused(at, "option", "begins like an option");
  return { valid: true, value: `'${text.replaceAll("'", String.raw`'\''`)}'` };
};

/** One name in a path. */
const pathSegment: Context = (text, at) => {
  const refusals = attacksIn(text, at, [attacks.traversal]);
  if (refusals.length > 0) return { valid: false, refusals };
  if (text === "" || text === "." || text === "..") return refused(at, "path_traversal", "is not a file name");
  if (/[/\\\n\r\t]|%2f|%5c/i.test(text)) return refused(at, "path_separator", "holds what separates names in a path");
  if (/^[~-]|[ .]$|^ /.test(text)) return refused(at, "path_name", "begins or ends with what shells or systems change");
  if (Buffer.byteLength(text) > maxSegmentBytes)
    return refused(at, "too_long", `is longer than ${maxSegmentBytes} bytes`);
  return { valid: true, value: text };
};

const name: Context = (text, at) =>
  identifier.test(text)
    ? { valid: true, value: text }
    : refused(at, "identifier", "is not an identifier of letters, digits and underscores, at most 63");

const json: Context = (text, at) => {
  const parsed = strictJson(text);
  if (parsed.valid) return parsed;
  return { valid: false, refusals: parsed.refusals.map((each) => ({ ...each, at: `${at}${each.at}` })) };
};

const contexts: Readonly<Record<DataKind, Context>> = {
  "plain-text": plainText,
  "html-text": htmlText,
  "sql-literal": sqlLiteral,
  "shell-argument": shellArgument,
  "path-segment": pathSegment,
  identifier: name,
  json,
};

/** A text made safe for what it is for, or why it cannot be. `json` gives the value that the text spells. */
export function parseText(text: string, kind: DataKind, at = ""): Parsed<unknown> {
  return contexts[kind](text, at);
}
