// Conditional reading (RFC 9110 section 13) of content that never changes: one strong entity tag, one date.

/** The headers that a caller may make a request depend on. */
export interface ConditionHeaders {
  readonly "if-match"?: string | undefined;
  readonly "if-none-match"?: string | undefined;
  readonly "if-modified-since"?: string | undefined;
  readonly "if-unmodified-since"?: string | undefined;
}

/** What the conditions of a GET or HEAD come to; only `met` sends the content. */
export type Condition = "met" | "not_modified" | "failed";

/**
 * Evaluates conditions in the order of RFC 9110 section 13.2.2. `etag` has its quotes; `modifiedMs` is compared in whole
 * seconds, as an HTTP date has no finer ones. A date that cannot be read is not a condition.
 */
export function conditionOf(headers: ConditionHeaders, etag: string, modifiedMs: number): Condition {
  const modified = Math.floor(modifiedMs / 1000) * 1000;
  const { "if-match": match, "if-none-match": noneMatch } = headers;
  if (match !== undefined) {
    if (!names(match, etag, "strong")) return "failed";
  } else if (modified > Date.parse(headers["if-unmodified-since"] ?? "")) return "failed";
  if (noneMatch !== undefined) return names(noneMatch, etag, "weak") ? "not_modified" : "met";
  return modified <= Date.parse(headers["if-modified-since"] ?? "") ? "not_modified" : "met";
}

/** Whether a list of entity tags names this one; `*` names whatever there is. A weak tag matches weakly only. */
function names(list: string, etag: string, comparison: "strong" | "weak"): boolean {
  if (list.trim() === "*") return true;
  const tags = list.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return tags.some((tag) => tag === etag || (comparison === "weak" && tag === `W/${etag}`));
}
