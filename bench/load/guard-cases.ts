// Labelled texts for the guards, made from the case files next to them: forms are filled with characters from a fixed seed,
// so that every run measures the same texts, and two seeds keep development and test apart.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { guardNames } from "../../src/guards/guard.ts";
import type { GuardName } from "../../src/guards/guard.ts";

/** Texts that rules may be written with, and texts that they are judged by. */
export type Split = "dev" | "test";

/** One text and what it holds. */
export interface GuardCase {
  readonly guard: GuardName;
  readonly text: string;
  /** What was put in, undefined for a text that holds nothing. */
  readonly planted: { readonly rule: string; readonly start: number; readonly end: number } | undefined;
}

interface CaseFile {
  /** Forms by rule; without them the positives are whole texts. */
  readonly forms?: Readonly<Record<string, readonly string[]>>;
  readonly positives?: readonly string[];
  readonly places: readonly string[];
  readonly negatives: readonly string[];
}

/** Every form stands in so many places in each split. */
const placesPerForm = 6;
const seeds: Readonly<Record<Split, number>> = { dev: 20_261_121, test: 5_281_945 };

/** Numbers between 0 and 1 from a seed (mulberry32, by T. Ettinger). */
export function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const lower = "abcdefghijklmnopqrstuvwxyz";
const upper = lower.toUpperCase();
const digits = "0123456789";
const classes: Readonly<Record<string, string>> = {
  alnum: upper + lower + digits,
  letter: upper + lower,
  upper: upper + digits,
  upper32: `${upper}234567`,
  base64: `${upper}${lower}${digits}+/`,
  url: `${upper}${lower}${digits}-_`,
  hex: `${digits}abcdef`,
  digit: digits,
  digit1: "123456789",
  charter: "0123456789abcdefghjkmnpqrstvwxyz",
  symbol: "!$%&*#?@",
};
const words = "river,window,garden,planet,silver,copper,marble,falcon,meadow,lantern,harbor,velvet,orchid,timber".split(
  ",",
);
const names = {
  first: "jane,maria,liam,noah,chen,aisha,ivan,sofia,pedro,yuki".split(","),
  last: "doe,novak,silva,tanaka,mueller,okafor,rossi,haddad,kowalski,larsen".split(","),
  company: "acme-widgets,northwind,globex,initech,umbra,contosoft".split(","),
};

class Filler {
  readonly #next: () => number;

  constructor(next: () => number) {
    this.#next = next;
  }

  /** A form with every `{class:argument}` filled. */
  fill(form: string): string {
    return form.replaceAll(/\{(\w+):(\w*)\}/g, (_whole, name: string, argument: string) =>
      this.#filled(name, argument),
    );
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#next() * items.length)] as Item;
  }

  #chars(alphabet: string, count: number): string {
    return Array.from({ length: count }, () => alphabet[Math.floor(this.#next() * alphabet.length)]).join("");
  }

  #filled(name: string, argument: string): string {
    const alphabet = classes[name];
    if (alphabet !== undefined) return this.#chars(alphabet, Number(argument));
    if (name === "first" || name === "last" || name === "company") return this.pick(names[name]);
    switch (name) {
      case "word":
        return this.pick(words);
      case "Word": {
        const word = this.pick(words);
        return word.slice(0, 1).toUpperCase() + word.slice(1);
      }
      case "nxx":
        return this.#chars("23456789", 1) + this.#chars(digits, 2);
      case "ssn":
        return `${100 + Math.floor(this.#next() * 560)}-${this.#chars("123456789", 2)}-${this.#chars("123456789", 4)}`;
      case "pem":
      case "pemline":
        return Array.from({ length: Number(argument) }, () => this.#chars(`${upper}${lower}${digits}+/`, 64)).join(
          name === "pem" ? "\n" : String.raw`\n`,
        );
      case "jwt":
        return this.#jwt();
      case "basic":
        return Buffer.from(`${this.pick(names.first)}:${this.#chars(classes["alnum"] ?? "", 14)}`).toString("base64");
      default:
        return this.#withCheckDigits(name, argument);
    }
  }

  #jwt(): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const header = part({ alg: this.pick(["HS256", "RS256", "EdDSA"]), typ: "JWT" });
    const claims = part({ sub: this.#chars(digits, 10), name: this.pick(names.first), iat: 1_732_172_172 });
    return `${header}.${claims}.${this.#chars(classes["url"] ?? "", 43)}`;
  }

  #withCheckDigits(name: string, argument: string): string {
    if (name.startsWith("card"))
      return grouped(this.#card(argument), name === "cardspaced" ? " " : name === "carddashed" ? "-" : "");
    if (name.startsWith("iban")) return grouped(this.#iban(argument), name === "ibanspaced" ? " " : "");
    throw new Error(`no filling is called ${name}`);
  }

  #card(first: string): string {
    const start = first === "3" ? "37" : first === "5" ? `5${this.#chars("12345", 1)}` : first;
    const body = start + this.#chars(digits, (first === "3" ? 14 : 15) - start.length);
    let sum = 0;
    for (const [i, digit] of Array.from(body).toReversed().entries()) {
      const doubled = i % 2 === 0 ? 2 * Number(digit) : Number(digit);
      sum += doubled > 9 ? doubled - 9 : doubled;
    }
    return body + String((10 - (sum % 10)) % 10);
  }

  #iban(country: string): string {
    const body: Readonly<Record<string, () => string>> = {
      DE: () => this.#chars(digits, 18),
      FR: () => this.#chars(digits, 23),
      CH: () => this.#chars(digits, 17),
      GB: () => this.#chars(upper, 4) + this.#chars(digits, 14),
      NL: () => this.#chars(upper, 4) + this.#chars(digits, 10),
    };
    const account = body[country]?.() ?? "";
    const spelt = Array.from(`${account}${country}00`, (each) => Number.parseInt(each, 36).toString()).join("");
    return `${country}${String(98n - (BigInt(spelt) % 97n)).padStart(2, "0")}${account}`;
  }
}

const grouped = (text: string, separator: string): string => text.replaceAll(/(.{4})(?=.)/g, `$1${separator}`);

/** Spells out what a case file cannot show: text in base64 and in invisible tag characters. */
function decoded(text: string): string {
  const [, before = "", kind, after = ""] = /^([^]*)\{(b64|tags):\}([^]*)$/.exec(text) ?? [];
  if (kind === undefined) return text;
  if (kind === "b64") return before + Buffer.from(after).toString("base64");
  return before + Array.from(after, (each) => String.fromCodePoint(0xe0000 + (each.codePointAt(0) ?? 0))).join("");
}

/** The cases of one guard in one split. */
export function guardCases(guard: GuardName, split: Split): readonly GuardCase[] {
  const path = join(import.meta.dirname, "../../src/guards/cases", `${guard}.json`);
  const file = JSON.parse(readFileSync(path, "utf8")) as CaseFile;
  const filler = new Filler(numbersFrom(seeds[split]));
  const mine = (_text: string, i: number) => i % 2 === (split === "dev" ? 0 : 1);
  const place = (form: string, rule: string): GuardCase => {
    const [before = "", after = ""] = filler.pick(file.places).split("{*}");
    const [, lead = "", inner = form, rest = ""] = /^([^]*)«([^]*)»([^]*)$/.exec(form) ?? [];
    const start = before.length + lead.length;
    return { guard, text: before + lead + inner + rest + after, planted: { rule, start, end: start + inner.length } };
  };
  const formed = Object.entries(file.forms ?? {}).flatMap(([rule, forms]) =>
    forms.flatMap((form) => Array.from({ length: placesPerForm }, () => place(filler.fill(form), rule))),
  );
  const written = (file.positives ?? []).filter(mine).flatMap((text) => {
    const whole = decoded(text);
    // As it is, and once among other words.
    return [{ guard, text: whole, planted: { rule: "any", start: 0, end: whole.length } }, place(whole, "any")];
  });
  const negatives = file.negatives.filter(mine).flatMap((text) => {
    const { text: placed } = place(decoded(text), "none");
    return [decoded(text), placed].map((each) => ({ guard, text: each, planted: undefined }));
  });
  return [...formed, ...written, ...negatives];
}

/** Every guard with its cases in a split. */
export function allGuardCases(split: Split): readonly (readonly [GuardName, readonly GuardCase[]])[] {
  return guardNames.map((guard) => [guard, guardCases(guard, split)]);
}
