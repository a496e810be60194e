// Reads one setting's value, from text (flags and variables) or from YAML, or says which form was expected.
import type { Setting } from "./settings.ts";

/** A value, or the sentence that says what is wrong with it. */
export type Reading = { readonly value: string | number | boolean } | { readonly problem: string };

/** Reads what a flag or an environment variable gave: always text. */
export function readText(setting: Setting, text: string): Reading {
  if (setting.kind === "integer") {
    return /^-?\d{1,16}$/.test(text) ? inRange(setting, Number(text)) : unexpected(setting, JSON.stringify(text));
  }
  if (setting.kind === "boolean") {
    const known = { true: true, false: false }[text];
    return known === undefined ? unexpected(setting, JSON.stringify(text)) : { value: known };
  }
  return readWord(setting, text);
}

/** Reads what a YAML scalar gave: already typed by YAML, and not converted, so that `port: "8000"` is told apart. */
export function readScalar(setting: Setting, scalar: unknown): Reading {
  if (setting.kind === "integer") {
    return Number.isSafeInteger(scalar) ? inRange(setting, Number(scalar)) : unexpected(setting, shown(scalar));
  }
  if (setting.kind === "boolean") {
    return typeof scalar === "boolean" ? { value: scalar } : unexpected(setting, shown(scalar));
  }
  return typeof scalar === "string" ? readWord(setting, scalar) : unexpected(setting, shown(scalar));
}

/** The accepted form of a setting in words, for messages and for the documentation. */
export function expectedForm(setting: Setting): string {
  switch (setting.kind) {
    case "integer":
      return setting.range === undefined ? "an integer" : `an integer from ${setting.range[0]} to ${setting.range[1]}`;
    case "boolean":
      return "true or false";
    case "choice":
      return `one of ${setting.choices?.join(", ")}`;
    case "path":
      return "a path";
    case "file":
      return "the path of a file";
    default:
      return "text";
  }
}

function readWord(setting: Setting, text: string): Reading {
  if (setting.kind === "choice" && setting.choices?.includes(text) !== true) {
    return unexpected(setting, JSON.stringify(text));
  }
  if (setting.kind === "path" && text === "" && setting.default !== "") return unexpected(setting, "empty");
  const problem = setting.problem?.(text);
  if (problem !== undefined) return { problem: `${setting.path} ${problem}` };
  if (text.includes("\0")) return unexpected(setting, "text with a NUL character");
  return { value: text };
}

function inRange(setting: Setting, number: number): Reading {
  const [least, most] = setting.range ?? [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
  return number >= least && number <= most ? { value: number } : unexpected(setting, String(number));
}

function unexpected(setting: Setting, given: string): Reading {
  const what = setting.secret === true ? "" : `, not ${given}`;
  return { problem: `${setting.path} must be ${expectedForm(setting)}${what}` };
}

function shown(scalar: unknown): string {
  return typeof scalar === "object" && scalar !== null ? "a collection" : (JSON.stringify(scalar) ?? "nothing");
}
