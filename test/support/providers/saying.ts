// What a provider's model says, apart from how its API writes it: the same saying is written as a whole reply and as a stream,
// with what real servers do differently, and both must mean the same to a caller.
import * as fc from "fast-check";

/** One piece of what is said. */
export type SaidPart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "thought"; readonly text: string; readonly seal?: string }
  | { readonly kind: "refusal"; readonly text: string }
  /** `words` are the arguments as JSON. */
  | { readonly kind: "call"; readonly id: string; readonly name: string; readonly words: string };

/** Why it ends; `none` is a server that does not say, `odd` one that says a word of its own. */
export type SaidFinish = "stop" | "length" | "tools" | "filter" | "none" | "odd";

/** One of the answers. */
export interface SaidChoice {
  readonly parts: readonly SaidPart[];
  readonly finish: SaidFinish;
  /** Natural logarithms of the tokens' probabilities. */
  readonly logprobs?: readonly number[];
}

/** The account of a saying, tokens. */
export interface SaidUsage {
  readonly input: number;
  readonly output: number;
  readonly cached: number;
  readonly reasoning: number;
}

/** A reply before it is written. */
export interface Saying {
  /** Empty for a server that gives none. */
  readonly id: string;
  readonly model: string;
  readonly choices: readonly SaidChoice[];
  readonly usage: SaidUsage | undefined;
}

/** A saying as one API writes it. */
export interface Written {
  /** The body of the whole reply. */
  readonly whole: string;
  /** The bytes of the stream, in the pieces in which they are sent. */
  readonly pieces: readonly Buffer[];
}

/** How a server writes: the habits that it has, and where it cuts. */
export interface Manner {
  readonly habits: ReadonlySet<string>;
  readonly dice: Dice;
}

/** Numbers to decide by, the same each time. */
export class Dice {
  readonly #numbers: readonly number[];
  #at = 0;

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }

  /** A number from 0 to `below` - 1. */
  roll(below: number): number {
    const number = this.#numbers[this.#at++ % this.#numbers.length] ?? 0;
    return below <= 0 ? 0 : number % below;
  }

  /** A text in pieces, cut between any two of its UTF-16 units. */
  cut(text: string): string[] {
    const pieces: string[] = [];
    for (let at = 0; at < text.length;) {
      const end = at + 1 + this.roll(Math.max(1, Math.ceil(text.length / 2)));
      pieces.push(text.slice(at, end));
      at = end;
    }
    return pieces;
  }

  /** Bytes in pieces, cut anywhere. */
  cutBytes(bytes: Buffer): Buffer[] {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + this.roll(Math.max(1, Math.ceil(bytes.length / 3)));
      pieces.push(bytes.subarray(at, end));
      at = end;
    }
    return pieces;
  }

  /** Lists in turns: what each holds keeps its order. */
  mixed<T>(lists: readonly (readonly T[])[]): T[] {
    const rest = lists.map((list) => [...list]).filter((list) => list.length > 0);
    const mixed: T[] = [];
    while (rest.length > 0) {
      const at = this.roll(rest.length);
      const next = rest[at]?.shift();
      if (next !== undefined) mixed.push(next);
      if (rest[at]?.length === 0) rest.splice(at, 1);
    }
    return mixed;
  }
}

/** JSON in which `words`, marked by `verbatim`, stand as they are. */
export function jsonOf(value: unknown): string {
  return JSON.stringify(value).replaceAll(/"\u2063([^"]*)\u2063"/g, (_all, hex: string) =>
    Buffer.from(hex, "hex").toString("utf8"),
  );
}

/** JSON with fields in it that nobody knows, in objects of any depth, and with white space. */
export function withUnknown(json: string, dice: Dice): string {
  let isText = false;
  let out = "";
  for (let at = 0; at < json.length; at++) {
    const char = json.charAt(at);
    out += char;
    if (char === "\\") out += json.charAt(++at);
    else if (char === '"') isText = !isText;
    else if (char === "{" && !isText && dice.roll(3) === 0)
      out += `${unknown}${json.charAt(at + 1) === "}" ? "" : ","}`;
    else if ((char === "," || char === ":") && !isText && dice.roll(5) === 0) out += " ";
  }
  return out;
}

const unknown = String.raw`"x_unknown":{"a":[1.0,1E2,-0,12345678901234567890,"\u00e9\ud83d",null,{}]}`;

/** JSON that `jsonOf` writes as it is. */
export function verbatim(json: string): string {
  return `\u2063${Buffer.from(json, "utf8").toString("hex")}\u2063`;
}

const word = fc.oneof(
  fc.constantFrom(
    "forty-two",
    "Ünï",
    "👩‍👩‍👧",
    "𝔘",
    "日本",
    "\u0000",
    '"quoted"',
    "back\\slash",
    "\r\n",
    "\n\n",
    " ",
    "</think>",
    "data: x",
  ),
  fc.string({ unit: "grapheme", maxLength: 12 }),
);

/** Text of a model, never empty. */
const text = fc.array(word, { minLength: 1, maxLength: 6 }).map((words) => words.join(" ") || "x");

const number = fc.constantFrom(
  ..."0 -1 42 9007199254740993 12345678901234567890 -9223372036854775808 0.1 1.5 3.141592653589793238 1e+300".split(
    " ",
  ),
);
const key = fc.oneof(fc.constantFrom("city", "ü", "a b", "x_1"), fc.stringMatching(/^[a-z]{1,6}$/));
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 2 },
    fc.oneof(
      number,
      fc.constantFrom("true", "false", "null"),
      text.map((value) => JSON.stringify(value)),
    ),
    fc.array(tie("json"), { maxLength: 3 }).map((items) => `[${items.join(",")}]`),
    record(tie("json")),
  ),
}));

function record(value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .uniqueArray(fc.tuple(key, value), { selector: ([name]) => name, maxLength: 4 })
    .map((entries) => `{${entries.map(([name, each]) => `${JSON.stringify(name)}:${each}`).join(",")}}`);
}

/** Arguments that are no JSON object, as weak models write them. Only APIs in which arguments are text can say them. */
const brokenWords = ['{"city":"Par', "{'city':'Paris'}", "Paris", '{"a":1}{"b":2}', '["a"]', '{"a":1,}'];

/** Arguments as an API has them that knows objects alone. */
export function objectWords(words: string): string {
  return brokenWords.includes(words) ? "{}" : words;
}

const part: fc.Arbitrary<SaidPart> = fc.oneof(
  { weight: 3, arbitrary: text.map((said): SaidPart => ({ kind: "text", text: said })) },
  {
    weight: 2,
    arbitrary: fc.record(
      { kind: fc.constant("thought" as const), text, seal: fc.constantFrom("c2VhbA==", "EqQB+/==") },
      { requiredKeys: ["kind", "text"] },
    ),
  },
  { weight: 1, arbitrary: text.map((said): SaidPart => ({ kind: "refusal", text: said })) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("call" as const),
      id: fc.stringMatching(/^call_[a-z0-9]{6}$/),
      name: fc.constantFrom("get_weather", "write-file", "f"),
      words: fc.oneof(
        { weight: 8, arbitrary: record(json) },
        { weight: 2, arbitrary: fc.constant("{}") },
        { weight: 1, arbitrary: fc.constantFrom(...brokenWords) },
      ),
    }),
  },
);

const choice: fc.Arbitrary<SaidChoice> = fc.record(
  {
    parts: fc.array(part, { minLength: 1, maxLength: 6 }).map(refusing).map(numbered),
    finish: fc.constantFrom<SaidFinish>("stop", "stop", "tools", "tools", "length", "filter", "none", "odd"),
    logprobs: fc.array(fc.constantFrom(-0.5, -1.25, 0), { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ["parts", "finish"] },
);

/** A model that refuses says nothing else. */
function refusing(parts: readonly SaidPart[]): readonly SaidPart[] {
  const refuses = parts.some(({ kind }) => kind === "refusal");
  return refuses ? parts.filter(({ kind }) => kind !== "text") : parts;
}

/** Calls with ids of their own. */
function numbered(parts: readonly SaidPart[]): readonly SaidPart[] {
  return parts.map((each, at) => (each.kind === "call" ? { ...each, id: `${each.id}${at}` } : each));
}

const usage = fc.record({
  input: fc.integer({ min: 20, max: 5000 }),
  output: fc.integer({ min: 10, max: 900 }),
  cached: fc.nat(20),
  reasoning: fc.nat(10),
});

/** Anything that a model may say. */
export const sayings: fc.Arbitrary<Saying> = fc.record({
  id: fc.oneof(
    { weight: 5, arbitrary: fc.stringMatching(/^[a-z]{3}-[A-Za-z0-9]{8}$/) },
    { weight: 1, arbitrary: fc.constant("") },
  ),
  model: fc.constant("said-1"),
  choices: fc.array(choice, { minLength: 1, maxLength: 2 }),
  usage: fc.option(usage, { nil: undefined, freq: 6 }),
});

/** Any manner of a server with these habits. */
export function mannersOf(habits: readonly string[]): fc.Arbitrary<Manner> {
  return fc
    .record({
      habits: fc.subarray([...habits], { maxLength: Math.min(habits.length, 6) }),
      numbers: fc.array(fc.nat(1000), { minLength: 4, maxLength: 40 }),
    })
    .map((manner) => ({
      habits: new Set(manner.habits),
      // Made anew each time, so that a saying is written the same way again.
      get dice() {
        return new Dice(manner.numbers);
      },
      [fc.toStringMethod]: () => `${manner.habits.join(" ")} [${manner.numbers.join(" ")}]`,
    }));
}
