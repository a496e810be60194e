// Walks a value and replaces texts in it, copying only what changes: a value in which nothing is found is returned as it is.
import { maxJsonDepth } from "../../kernel/limits.ts";

/** Says what stands in a text's place; the text itself when nothing does. `at` is the text's JSON pointer. */
export type TextRule = (text: string, at: () => string) => string;

/** Where a value lies, as a list that is only written out when something is found. */
export interface Place {
  readonly key: string;
  readonly within: Place | undefined;
}

/** Shortest text that is looked at: no rule of any guard matches less. */
const shortestChars = 6;
/** Deeper values than any parser lets in; twice, because a call wraps the caller's body. */
const deepest = 2 * maxJsonDepth;

/** Keys whose values are a provider's own seals, which a change would break and which only the provider can read. */
const sealed: ReadonlySet<string> = new Set(["signature", "redacted", "encrypted_content", "thought_signature"]);
/** Keys under which bytes stand as base64. */
const binary: ReadonlySet<string> = new Set(["data", "file_data", "b64_json", "url", "image_url"]);
const looksEncoded = /^(?:data:[\w./+-]{1,80};base64,|[A-Za-z0-9+/_-]{512})/;

/** A JSON pointer (RFC 6901). */
export function pointer(place: Place | undefined): string {
  let text = "";
  for (let each = place; each !== undefined; each = each.within) {
    text = `/${each.key.replaceAll("~", "~0").replaceAll("/", "~1")}${text}`;
  }
  return text;
}

/** The value with every text and every key in it put through the rule. */
export function rewritten<Value>(value: Value, rule: TextRule, place?: Place): Value {
  return rewriteAny(value, rule, place, 0) as Value;
}

function rewriteAny(value: unknown, rule: TextRule, place: Place | undefined, depth: number): unknown {
  if (typeof value === "string") return rewriteText(value, rule, place);
  if (typeof value !== "object" || value === null || depth > deepest) return value;
  return Array.isArray(value)
    ? rewriteList(value, rule, place, depth)
    : rewriteRecord(value as Readonly<Record<string, unknown>>, rule, place, depth);
}

function rewriteText(text: string, rule: TextRule, place: Place | undefined): string {
  if (text.length < shortestChars) return text;
  const key = place?.key ?? "";
  if (sealed.has(key) || (binary.has(key) && looksEncoded.test(text))) return text;
  return rule(text, () => pointer(place));
}

function rewriteList(list: readonly unknown[], rule: TextRule, place: Place | undefined, depth: number): unknown {
  let copy: unknown[] | undefined;
  for (let i = 0; i < list.length; i++) {
    const value = list[i];
    if (typeof value === "number") continue;
    const next = rewriteAny(value, rule, { key: String(i), within: place }, depth + 1);
    if (next !== value) (copy ??= [...list])[i] = next;
  }
  return copy ?? list;
}

function rewriteRecord(
  record: Readonly<Record<string, unknown>>,
  rule: TextRule,
  place: Place | undefined,
  depth: number,
): unknown {
  let changed = false;
  const entries: [string, unknown][] = [];
  for (const key of Object.keys(record)) {
    const here: Place = { key, within: place };
    const name = key.length < shortestChars ? key : rule(key, () => pointer(place));
    const value = record[key];
    const next = rewriteAny(value, rule, here, depth + 1);
    changed ||= next !== value || name !== key;
    entries.push([name, next]);
  }
  if (!changed) return record;
  return Object.fromEntries(withoutClashes(entries));
}

/** Two keys that were redacted alike stay two keys. */
function withoutClashes(entries: readonly (readonly [string, unknown])[]): readonly (readonly [string, unknown])[] {
  const taken = new Set<string>();
  return entries.map(([key, value]) => {
    let name = key;
    for (let i = 2; taken.has(name); i++) name = `${key} ${i}`;
    taken.add(name);
    return [name, value] as const;
  });
}
