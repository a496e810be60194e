// The text of a tool that takes free text, out of the arguments `{"input": "..."}` in which a model says it as a function's.
// It comes in pieces and goes on in pieces, as far as it is certain.
import { isObject } from "./fields.ts";

/** How the arguments of a tool of free text begin. */
const opening = /^\s*\{\s*"input"\s*:\s*"/;
const escape = /\\(?:u[\da-fA-F]{4}|["\\/bfnrt])/y;

/** Reads the arguments of one call. */
export class FreeInput {
  #state: "before" | "inside" | "over" = "before";
  /** What came and is not decided. */
  #held = "";

  /** The next piece of the arguments. @returns What it adds to the text. */
  push(piece: string): string {
    if (this.#state === "over") return "";
    this.#held += piece;
    if (this.#state === "before") {
      const [opened] = opening.exec(this.#held) ?? [];
      if (opened === undefined) return "";
      this.#state = "inside";
      this.#held = this.#held.slice(opened.length);
    }
    return this.#inside();
  }

  /** What the end of the arguments leaves to say: all of them, where they are of another form than was asked for. */
  end(): string {
    const rest = this.#held;
    const isPlain = this.#state === "before";
    this.#state = "over";
    this.#held = "";
    return isPlain ? onlyText(rest) : rest;
  }

  #inside(): string {
    const held = this.#held;
    const pieces: string[] = [];
    let at = 0;
    while (at < held.length) {
      const next = nextMark(held, at);
      pieces.push(held.slice(at, next));
      at = next;
      if (at === held.length) break;
      if (held[at] === '"') {
        this.#state = "over";
        this.#held = "";
        return pieces.join("");
      }
      escape.lastIndex = at;
      const [escaped] = escape.exec(held) ?? [];
      if (escaped !== undefined) {
        pieces.push(JSON.parse(`"${escaped}"`) as string);
        at += escaped.length;
      } else if (isCut(held, at)) break;
      else pieces.push(held[at++] ?? "");
    }
    const said = pieces.join("");
    // A character of two halves is said whole.
    const half = /[\ud800-\udbff]$/.exec(said)?.[0] ?? "";
    this.#held = half === "" ? held.slice(at) : JSON.stringify(half).slice(1, -1) + held.slice(at);
    return said.slice(0, said.length - half.length);
  }
}

/** The text of arguments that are there as a whole. */
export function freeInputOf(text: string): string {
  const input = new FreeInput();
  return input.push(text) + input.end();
}

/** Where the next quote or backslash stands; the end where there is none. */
function nextMark(text: string, from: number): number {
  for (let at = from; at < text.length; at++) if (text[at] === '"' || text[at] === "\\") return at;
  return text.length;
}

/** Whether an escape may go on in the next piece. */
function isCut(text: string, at: number): boolean {
  return text.length - at < 2 || (text[at + 1] === "u" && text.length - at < 6);
}

/** The one text in an object; otherwise the words as they are, as of a model that was given free text. */
function onlyText(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "string") return value;
    if (!isObject(value)) return text;
    const { input } = value;
    if (typeof input === "string") return input;
    const [only, another] = Object.values(value);
    return typeof only === "string" && another === undefined ? only : text;
  } catch {
    return text;
  }
}
