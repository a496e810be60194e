// The one form in which names of parameters are compared. Servers differ in what they take for the same name: some read
// camelCase beside snake_case, those written in Go read any case and fold two letters beyond ASCII. Whatever one of them
// could take for a name counts as that name.

/** Longest name that is looked at as a whole; no parameter of any API has half of it. */
const maxName = 128;

/** A name without case, separators and lookalikes: `serviceTier`, `SERVICE-TIER` and `ſervice_tier` are `servicetier`. */
export function canonicalName(name: string): string {
  const head = name.length > maxName ? name.slice(0, maxName) : name;
  const plain = isAscii(head) ? head : head.normalize("NFKC");
  return plain.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** A type of a tool without its date: `web_search_20250305` and `web_search` are `websearch`. */
export function canonicalType(type: string): string {
  return canonicalName(type.replace(/[_-]?(?:\d{8}|\d{4}[_-]\d{2}[_-]\d{2})$/, ""));
}

/** One step of a JSON pointer (RFC 6901), cut to what a person reads. */
export function pointerStep(key: string): string {
  const short = key.length > maxName ? `${key.slice(0, maxName)}…` : key;
  return short.toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1");
}

/** What a list of words names, each in its canonical form. */
export function namesIn(words: string): readonly string[] {
  return words
    .split(" ")
    .filter((word) => word !== "")
    .map(canonicalName);
}
