// Marks of a prefix that the provider is to keep for an hour: writing it costs more than a token of text does.
import { isRecord } from "./json.ts";
import type { Json } from "./json.ts";

/** Where a body asks for it first, as a JSON pointer; undefined when it does not. */
export function hourMark(raw: Json): string | undefined {
  if (isMarked(raw)) return "/cache_control";
  for (const field of ["system", "tools", "messages"]) {
    const at = markIn(raw[field], `/${field}`);
    if (at !== undefined) return at;
  }
  return undefined;
}

/** Looks through a list of blocks, tools or messages, and through the content of each. */
function markIn(list: unknown, at: string): string | undefined {
  if (!Array.isArray(list)) return undefined;
  for (const [i, item] of list.entries()) {
    if (!isRecord(item)) continue;
    if (isMarked(item)) return `${at}/${i}/cache_control`;
    const inner = item["content"];
    const found = typeof inner === "object" ? markIn(inner, `${at}/${i}/content`) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function isMarked({ cache_control: control }: Json): boolean {
  return isRecord(control) && control["ttl"] !== undefined && control["ttl"] !== null && control["ttl"] !== "5m";
}
