// Regular expressions from third parties, run in linear time: all states are followed at once, as in K. Thompson, "Regular
// expression search algorithm" (1968), so no text makes a pattern try the same place twice. Syntax and meaning are those of
// JavaScript with the flag `u`, without what needs memory of the text: back references and look-around are refused.

/** The pattern cannot be run in bounded time, or is not a pattern. */
export class UnusablePatternError extends Error {
  override readonly name = "UnusablePatternError";
}

/** Longest pattern, characters. */
const maxPatternChars = 1000;
/** Most states; counted repetitions are written out. */
const maxStates = 2000;
/** Most steps of one test, states times characters: up to half a second. */
const maxSteps = 20_000_000;

type Test = (character: string) => boolean;
/** What a state does: test a character, go two ways, check a place, or end. */
type State =
  | { readonly kind: "character"; readonly test: Test; readonly next: number }
  | { readonly kind: "split"; readonly ways: readonly number[] }
  | { readonly kind: "place"; readonly assert: "^" | "$" | "b" | "B"; readonly next: number }
  | { readonly kind: "end" };

/** Part of a pattern, built backwards: given the state that follows, adds its own and says where it begins. */
type Part = (next: number) => number;

/** A pattern that is tested in linear time. */
export interface LinearPattern {
  /** How many states it has. */
  readonly states: number;
  /**
   * Whether the pattern matches anywhere in the text; `spend` is told of the steps as they are taken, and may throw.
   * @throws UnusablePatternError when it could take too many steps.
   */
  readonly test: (text: string, spend?: (steps: number) => void) => boolean;
}

/** @throws UnusablePatternError for a pattern that is wrong, too large, or of a kind that is not supported. */
export function linearPattern(source: string): LinearPattern {
  if (source.length > maxPatternChars) throw new UnusablePatternError(`is longer than ${maxPatternChars} characters`);
  try {
    RegExp(source, "u");
  } catch {
    throw new UnusablePatternError("is not a regular expression");
  }
  const states: State[] = [{ kind: "end" }];
  const start = new PatternReader(source, states).whole()(0);
  return { states: states.length, test: (text, spend) => run(states, start, text, spend) };
}

class PatternReader {
  readonly #source: string;
  readonly #states: State[];
  #at = 0;

  constructor(source: string, states: State[]) {
    this.#source = source;
    this.#states = states;
  }

  whole(): Part {
    return this.#alternatives();
  }

  #alternatives(): Part {
    const ways = [this.#sequence()];
    while (this.#source[this.#at] === "|") {
      this.#at++;
      ways.push(this.#sequence());
    }
    const [only] = ways;
    if (ways.length === 1 && only !== undefined) return only;
    return (next) => this.#add({ kind: "split", ways: ways.map((way) => way(next)) });
  }

  #sequence(): Part {
    const parts: Part[] = [];
    while (this.#at < this.#source.length && this.#source[this.#at] !== "|" && this.#source[this.#at] !== ")") {
      parts.push(this.#repeated(this.#atom()));
    }
    return (next) => parts.reduceRight((behind, part) => part(behind), next);
  }

  #atom(): Part {
    const character = this.#source[this.#at] ?? "";
    if (character === "(") return this.#group();
    if (character === "^" || character === "$") {
      this.#at++;
      return (next) => this.#add({ kind: "place", assert: character, next });
    }
    if (character === "[") return this.#class(/\[(?:[^\]\\]|\\[^])*\]/y);
    if (character === ".") return this.#class(/\./y);
    if (character === "\\") return this.#escape();
    const literal = String.fromCodePoint(this.#source.codePointAt(this.#at) ?? 0);
    this.#at += literal.length;
    return this.#character((each) => each === literal);
  }

  #group(): Part {
    const opening = /\((?:\?(?::|<(?![=!])[^>]{1,64}>))?/y;
    opening.lastIndex = this.#at;
    const opened = opening.exec(this.#source)?.[0] ?? "(";
    this.#at += opened.length;
    if (this.#source[this.#at] === "?")
      throw new UnusablePatternError("looks around or sets flags, which is not supported");
    const inner = this.#alternatives();
    this.#at++;
    return inner;
  }

  #escape(): Part {
    const letter = this.#source[this.#at + 1] ?? "";
    if (letter === "b" || letter === "B") {
      this.#at += 2;
      return (next) => this.#add({ kind: "place", assert: letter, next });
    }
    if (/[1-9k]/.test(letter)) throw new UnusablePatternError("refers back, which is not supported");
    return this.#class(
      /\\(?:[pP]\{[^}]{1,64}\}|u\{[0-9a-fA-F]{1,8}\}|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|c[A-Za-z]|[^])/y,
    );
  }

  /** One character of a kind that the engine's own syntax describes; asking about one character takes bounded time. */
  #class(form: RegExp): Part {
    form.lastIndex = this.#at;
    const source = form.exec(this.#source)?.[0];
    if (source === undefined) throw new UnusablePatternError("is not a regular expression");
    this.#at += source.length;
    const pattern = new RegExp(`^${source}$`, "u");
    return this.#character((each) => pattern.test(each));
  }

  #character(test: Test): Part {
    return (next) => this.#add({ kind: "character", test, next });
  }

  #repeated(part: Part): Part {
    const quantifier = /(?:[*+?]|\{(\d{1,9})(?:(,)(\d{1,9})?)?\})\??/y;
    quantifier.lastIndex = this.#at;
    const found = quantifier.exec(this.#source);
    if (found === null) return part;
    this.#at += found[0].length;
    const [text, least, comma, most] = found;
    if (text.startsWith("*")) return this.#loop(part);
    if (text.startsWith("+")) return this.#times(part, 1, Infinity);
    if (text.startsWith("?")) return this.#times(part, 0, 1);
    return this.#times(part, Number(least), comma === undefined ? Number(least) : Number(most ?? Infinity));
  }

  #loop(part: Part): Part {
    return (next) => {
      const ways = [next];
      const loop = this.#add({ kind: "split", ways });
      ways.unshift(part(loop));
      return loop;
    };
  }

  #times(part: Part, least: number, most: number): Part {
    if (least > maxStates || (most !== Infinity && most > maxStates)) throw tooManyStates();
    return (next) => {
      let start = most === Infinity ? this.#loop(part)(next) : next;
      for (let i = most === Infinity ? least : most; i > 0; i--) {
        const once: number = part(start);
        start = i > least ? this.#add({ kind: "split", ways: [once, next] }) : once;
      }
      return start;
    };
  }

  #add(state: State): number {
    if (this.#states.length >= maxStates) throw tooManyStates();
    return this.#states.push(state) - 1;
  }
}

function tooManyStates(): UnusablePatternError {
  return new UnusablePatternError(`repeats too much: it needs more than ${maxStates} states`);
}

const isWord = (character: string | undefined): boolean => character !== undefined && /^\w$/.test(character);

function run(states: readonly State[], start: number, text: string, spend?: (steps: number) => void): boolean {
  if (states.length * (text.length + 1) > maxSteps) {
    throw new UnusablePatternError("takes too many steps on a text of this length");
  }
  const characters = Array.from(text);
  let current: number[] = [];
  /** At which position a state was last entered; each is entered once per position. */
  const entered = new Int32Array(states.length).fill(-1);
  let steps = 0;

  /** Enters a state and all that follow it without a character; true when the end is among them. */
  const enter = (first: number, position: number): boolean => {
    const waiting = [first];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      if (entered[at] === position) continue;
      entered[at] = position;
      steps++;
      const state = states[at];
      if (state === undefined || state.kind === "end") return true;
      if (state.kind === "character") current.push(at);
      else if (state.kind === "split") waiting.push(...state.ways);
      else if (holds(state.assert, characters, position)) waiting.push(state.next);
    }
    return false;
  };

  for (let position = 0; position <= characters.length; position++) {
    const before = current;
    current = [];
    const character = characters[position - 1];
    for (const at of before) {
      const state = states[at];
      if (state?.kind !== "character" || character === undefined || !state.test(character)) continue;
      if (enter(state.next, position)) return true;
    }
    if (enter(start, position)) return true;
    spend?.(before.length + steps);
    steps = 0;
  }
  return false;
}

function holds(assert: "^" | "$" | "b" | "B", characters: readonly string[], position: number): boolean {
  if (assert === "^") return position === 0;
  if (assert === "$") return position === characters.length;
  const border = isWord(characters[position - 1]) !== isWord(characters[position]);
  return border === (assert === "b");
}
