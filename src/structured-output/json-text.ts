// Reads JSON out of a model's answer, strictly: what two readers could understand differently is refused.
//
// 1. The answer is one JSON document, or holds exactly one fenced block that is one. Nothing is searched for or repaired.
// 2. No key twice in one object, no `__proto__`, no integer beyond 2^53-1, no lone surrogate.
// 3. Size, depth and number of values are bounded.
import { maxJsonDepth } from "../kernel/limits.ts";
import { below, refused } from "./refusal.ts";
import type { Parsed, Refusal } from "./refusal.ts";

/** Largest answer that is read as data, characters; a model's longest reply is below. */
export const maxDataChars = 1024 * 1024;

/** Most values in an answer that is read as data: it is read in one go, some microseconds for each. */
const maxDataNodes = 20_000;

const fence = /^[ \t]{0,3}```([\w-]{0,16})[ \t]*$/gm;

/** The JSON value that an answer is, or holds in its one fenced block. */
export function jsonOfAnswer(text: string): Parsed<unknown> {
  if (text.length > maxDataChars) return refused("", "too_large", `is longer than ${maxDataChars} characters`);
  const fences = Array.from(text.matchAll(fence));
  if (fences.length === 0 || /^\s*[[{"]/.test(text)) return strictJson(text);
  const [open, close] = fences;
  if (open === undefined || close === undefined || fences.length > 2 || close[1] !== "") {
    return refused("", "not_json", "is neither one JSON document nor a text with exactly one fenced block");
  }
  if (!/^(?:json)?$/i.test(open[1] ?? "")) return refused("", "not_json", "holds a fenced block that is not JSON");
  return strictJson(text.slice(open.index + open[0].length, close.index));
}

/** Parses one JSON document (RFC 8259) strictly. */
export function strictJson(text: string): Parsed<unknown> {
  if (text.length > maxDataChars) return refused("", "too_large", `is longer than ${maxDataChars} characters`);
  try {
    return { valid: true, value: new Reader(text).document() };
  } catch (error) {
    if (error instanceof Stop) return { valid: false, refusals: [error.refusal] };
    throw error;
  }
}

/** Leaves the reader with a refusal. */
class Stop extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.reason);
    this.refusal = refusal;
  }
}

const white = /[ \t\n\r]*/y;
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const word = /true|false|null/y;
const words: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null };

/** A recursive descent; the depth is bounded, so the stack is. */
class Reader {
  readonly #text: string;
  #at = 0;
  #nodes = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): unknown {
    const value = this.#value("", 0);
    this.#skip();
    if (this.#at < this.#text.length) this.#stop("", "not_json", `goes on behind the JSON document, at ${this.#at}`);
    return value;
  }

  #value(at: string, depth: number): unknown {
    if (++this.#nodes > maxDataNodes) this.#stop(at, "too_many", `holds more than ${maxDataNodes} values`);
    this.#skip();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(at, depth + 1);
      case "[":
        return this.#array(at, depth + 1);
      case '"':
        return this.#string(at);
      default:
        return this.#scalar(at);
    }
  }

  #object(at: string, depth: number): object {
    this.#enter(at, depth);
    const entries = new Map<string, unknown>();
    while (!this.#ends("}", entries.size)) {
      this.#skip();
      if (this.#text[this.#at] !== '"') this.#broken(at);
      const key = this.#string(at);
      const here = below(at, key);
      if (key === "__proto__") this.#stop(here, "forbidden_key", "is a key that no data has");
      if (entries.has(key)) this.#stop(here, "duplicate_key", "stands twice in one object");
      if (!this.#takes(":")) this.#broken(here);
      entries.set(key, this.#value(here, depth));
    }
    return Object.fromEntries(entries);
  }

  #array(at: string, depth: number): unknown[] {
    this.#enter(at, depth);
    const items: unknown[] = [];
    while (!this.#ends("]", items.length)) items.push(this.#value(below(at, items.length), depth));
    return items;
  }

  #enter(at: string, depth: number): void {
    if (depth > maxJsonDepth) this.#stop(at, "too_deep", `is nested deeper than ${maxJsonDepth}`);
    this.#at++;
  }

  /** Whether the list ends here; if not, takes the comma before the next item. */
  #ends(end: string, count: number): boolean {
    if (this.#takes(end)) return true;
    if (count > 0 && !this.#takes(",")) this.#broken("");
    return false;
  }

  #string(at: string): string {
    const start = this.#at;
    for (let i = start + 1; i < this.#text.length; i++) {
      const code = this.#text.charCodeAt(i);
      if (code === 92) i++;
      else if (code === 34) {
        this.#at = i + 1;
        return this.#decoded(at, this.#text.slice(start, i + 1));
      }
    }
    return this.#broken(at);
  }

  #decoded(at: string, literal: string): string {
    let text: string;
    try {
      text = JSON.parse(literal) as string;
    } catch {
      return this.#broken(at);
    }
    if (!text.isWellFormed()) this.#stop(at, "lone_surrogate", "holds half of a character");
    return text;
  }

  #scalar(at: string): unknown {
    const literal = this.#match(word);
    if (literal !== undefined) return words[literal];
    const digits = this.#match(number);
    if (digits === undefined) return this.#broken(at);
    const value = Number(digits);
    if (!Number.isFinite(value)) this.#stop(at, "number_too_large", "is a number that cannot be held");
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      this.#stop(at, "number_too_large", "is an integer beyond 2^53-1");
    }
    return value;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #skip(): void {
    this.#match(white);
  }

  #takes(character: string): boolean {
    this.#skip();
    const there = this.#text[this.#at] === character;
    if (there) this.#at++;
    return there;
  }

  #broken(at: string): never {
    return this.#stop(at, "not_json", `is not JSON at character ${this.#at}`);
  }

  #stop(at: string, rule: string, reason: string): never {
    throw new Stop({ at, rule, reason });
  }
}
