// The one form in which names of parameters are compared. Servers differ in what they take for the same name: some read
// camelCase as well as snake_case, those written in Go read any case and fold two letters beyond ASCII. Whatever one of them
// could take for a name counts as that name.

/** Longest name that is looked at as a whole; no parameter of any API has half of it. */
const maxName = 128;

/** A name without case, separators and lookalikes: `serviceTier`, `SERVICE-TIER` and `ſervice_tier` are `servicetier`. */
export function canonicalName(name: string): string {
  const head = name.length > maxName ? name.slice(0, maxName) : name;
  if (isPlain(head)) return head;
  // oxlint-disable-next-line no-control-regex -- ASCII, which the form leaves as it is
  const folded = /^[\0-\x7f]*$/.test(head) ? head : head.normalize("NFKC");
  return folded.toLowerCase().replaceAll(/[^a-z0-9]+/g, "");
}

/** Whether a name is its own canonical form. */
function isPlain(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code < 0x30 || code > 0x7a || (code > 0x39 && code < 0x61)) return false;
  }
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

/** Characters of a text in which an address begins, behind white space. */
const beginning = 4096;

/** Whether a text begins with what a pattern says, which looks at its beginning alone; in time that does not grow with the rest. */
export function beginsWith(pattern: RegExp, text: string): boolean {
  return pattern.test(text.length <= beginning ? text : text.trimStart().slice(0, beginning));
}
