// JSON.parse, but for one mistake of the engine (V8 13.6): where a record begins like one that was parsed before, a key that
// is written with an escape may be taken for the other record's next key, because as many raw characters are compared as
// the key has without its escapes. So what one caller has sent could change how another caller's keys are read.
// Texts with an escape in a key are therefore read here, key by key, and so are those in which digits would get lost; all
// others by the engine.
import { exactNumber } from "./json-number.ts";
import type { RawNumber } from "./json-number.ts";

/** The value of a JSON text. @throws SyntaxError as JSON.parse does; RangeError for a nesting of many thousands. */
export function parseExactly(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return text.includes("\\") && hasEscapedKey(text) ? exactValue(text) : value;
}

/** The same, with a `RawNumber` for each number that a double cannot hold. */
export function parseLossless(text: string): unknown {
  const value = parseExactly(text);
  return mayLoseDigits.test(text) ? exactValue(text, exactNumber) : value;
}

/** Whether a text may hold a number that a double cannot hold; texts and keys may look like one. */
const mayLoseDigits = /[\d.]{16}|\de/i;

/** The value of a text that JSON.parse has accepted. */
export function exactValue(text: string, numberOf: (text: string) => number | RawNumber = Number): unknown {
  return new ExactReader(text, numberOf).value();
}

/** Whether a key of a text that JSON.parse has accepted is written with an escape. Goes through it once. */
function hasEscapedKey(text: string): boolean {
  let backslash = text.indexOf("\\");
  for (let open = text.indexOf('"'); open !== -1 && backslash !== -1;) {
    let end = text.indexOf('"', open + 1);
    let isEscaped = false;
    while (backslash !== -1 && backslash < end) {
      isEscaped = true;
      if (backslash + 1 === end) end = text.indexOf('"', end + 1);
      backslash = text.indexOf("\\", backslash + 2);
    }
    let after = end + 1;
    while (isSpace(text.charCodeAt(after))) after++;
    if (isEscaped && text[after] === ":") return true;
    open = text.indexOf('"', after);
  }
  return false;
}

/** As JSON.parse sets a key: `__proto__` is one like any other. */
export function addKey(record: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== "__proto__") record[key] = value;
  else Object.defineProperty(record, key, { value, enumerable: true, writable: true, configurable: true });
}

/** Reads a text that is known to be JSON. */
class ExactReader {
  readonly #text: string;
  readonly #numberOf: (text: string) => number | RawNumber;
  #at = 0;

  constructor(text: string, numberOf: (text: string) => number | RawNumber) {
    this.#text = text;
    this.#numberOf = numberOf;
  }

  value(): unknown {
    const first = this.#next();
    if (first === "{") return this.#record();
    if (first === "[") return this.#list();
    return first === '"' ? this.#string() : this.#word();
  }

  /** The character at the next place that is not white space. */
  #next(): string {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++;
    return this.#text.charAt(this.#at);
  }

  #record(): Record<string, unknown> {
    const record: Record<string, unknown> = {};
    this.#at++;
    while (this.#next() !== "}") {
      const key = this.#string();
      this.#next();
      this.#at++;
      addKey(record, key, this.value());
      if (this.#next() === ",") this.#at++;
    }
    this.#at++;
    return record;
  }

  #list(): unknown[] {
    const list: unknown[] = [];
    this.#at++;
    while (this.#next() !== "]") {
      list.push(this.value());
      if (this.#next() === ",") this.#at++;
    }
    this.#at++;
    return list;
  }

  #string(): string {
    const start = this.#at++;
    for (let character = this.#text.charAt(this.#at); character !== '"'; character = this.#text.charAt(this.#at)) {
      this.#at += character === "\\" ? 2 : 1;
    }
    this.#at++;
    return JSON.parse(this.#text.slice(start, this.#at)) as string;
  }

  #word(): unknown {
    const word = /[^\s,\]}]+/y;
    word.lastIndex = this.#at;
    const [found = ""] = word.exec(this.#text) ?? [];
    this.#at += found.length;
    return /^[\d-]/.test(found) ? this.#numberOf(found) : JSON.parse(found);
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
