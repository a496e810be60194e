// What no honest text of a model holds where it is used as data: statements, markup, commands and paths that only serve to
// break out of the place the text was meant for. Single characters such as `;` or `$` are not an attack; what is done with them
// is for the context to say.
import type { Refusal } from "./refusal.ts";

/** A kind of attack. Patterns are bounded: their time grows with the length of the text only. */
interface Attack {
  readonly rule: string;
  readonly pattern: RegExp;
  readonly reason: string;
}

const sql: Attack = {
  rule: "sql",
  pattern:
    /(?:;|['"`]\)?)[\s)]{0,8}(?:(?:drop|truncate|alter)\s{1,8}(?:table|database|schema|view|index|user|role|function|procedure|trigger|column)\b|truncate\s{1,8}\w{1,64}\s{0,4}(?:;|--|$)|delete\s{1,8}from\s{1,8}[\w."[]|insert\s{1,8}into\s{1,8}[\w."[]|update\s{1,8}[\w."[\]]{1,64}\s{1,8}set\b|create\s{1,8}(?:table|database|user|role)\s{1,8}[\w."[\]]{1,64}\s{0,8}[(;]|grant\s{1,8}\w{1,32}\s{1,8}(?:privileges\s{1,8})?on\b|exec(?:ute)?\s{1,8}(?:xp_|sp_)|waitfor\s{1,4}delay\b|select\s{1,8}[\w*,.\s]{1,80}\sfrom\s)|\bunion\s{1,8}(?:all\s{1,8})?select\b|['"]\s{0,4}\)?\s{0,4}(?:or|and)\s{1,4}['"]?\w{1,32}['"]?\s{0,4}=\s{0,4}['"]?\w{1,32}|['"]\s{0,4};\s{0,4}--/i,
  reason: "holds a database statement that breaks out of its place",
};
const script: Attack = {
  rule: "script",
  pattern:
    /<\s{0,4}\/?\s{0,4}(?:script|iframe|object|embed|applet|meta|base|link|svg|math|form|style)\b|<[a-z][^>]{0,200}[\s/"']on[a-z]{3,24}\s{0,4}=|(?:java|vb)script\s{0,4}:|data\s{0,4}:\s{0,4}text\/html|&#(?:x0{0,6}3c|0{0,6}60);?\s{0,4}script/i,
  reason: "holds markup that a browser would run",
};
const shell: Attack = {
  rule: "shell",
  pattern:
    /(?:;|&&|\|\|?|\$\(|`)\s{0,8}(?:sudo\s{1,4})?(?:rm\s{1,4}-|curl\s|wget\s|nc\s|ncat\s|(?:ba|z|da|k)?sh\b\s{0,4}(?:-|$|[|;&<])|bash\s|chmod\s|chown\s|mkfs|dd\s{1,4}if=|cat\s{1,4}\/|kill(?:all)?\s{1,4}-|eval\s|python3?\s{1,4}-c|perl\s{1,4}-e|powershell|shutdown\s|reboot\b|whoami\b|id\s{0,4}[`)])|\$\{?IFS\b|>\s{0,4}\/(?:dev\/(?:tcp|sd)|etc\/)|:\(\)\s{0,4}\{/i,
  reason: "holds a command that breaks out of its place",
};
const traversal: Attack = {
  rule: "path_traversal",
  pattern:
    /(?:\.\.[\\/]){2}|\.\.[\\/](?:etc|proc|root|home|windows|var|usr)\b|(?:%2e|\.){2}(?:%2f|%5c)|%252e%252e|%c0%af|\.\.;\//i,
  reason: "holds a path that climbs out of its folder",
};
/** Every control character but tab, line feed and carriage return. */
// oxlint-disable-next-line no-control-regex -- these are the characters that are looked for
const control = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** Kinds of attack by name. */
export const attacks = { sql, script, shell, traversal } as const;

/** What of the kinds given the text holds; NUL and control characters always count. */
export function attacksIn(text: string, at: string, kinds: readonly Attack[]): readonly Refusal[] {
  const refusals: Refusal[] = [];
  if (control.test(text)) {
    const reason = text.includes("\0") ? "holds a NUL" : "holds a control character";
    refusals.push({ at, rule: "control_character", reason });
  }
  if (!text.isWellFormed()) refusals.push({ at, rule: "lone_surrogate", reason: "holds half of a character" });
  for (const { rule, pattern, reason } of kinds) {
    if (pattern.test(text)) refusals.push({ at, rule, reason });
  }
  return refusals;
}
