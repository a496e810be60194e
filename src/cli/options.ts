// Reads a command's options with node:util parseArgs, and says what is nearest when a name is not known.
import { parseArgs } from "node:util";
import { nearestName } from "../kernel/nearest.ts";
import { optionsOf, UsageError } from "./syntax.ts";
import type { OptionSpec, Syntax } from "./syntax.ts";

/** The options one call gave. */
export class Options {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  /** Whether a switch was given. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The last value given. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  /** Every value given. */
  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** The last value given, which the command cannot do without. */
  required(name: string): string {
    const text = this.text(name);
    if (text === undefined || text === "") throw new UsageError(`--${name} is required`);
    return text;
  }

  /** The last value given as an integer from `least` to `most`. */
  integer(name: string, least: number, most: number): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : integerOf(`--${name}`, text, least, most);
  }

  /** What was given, for a layer of the configuration. */
  flags(): Record<string, string> {
    return Object.fromEntries([...this.#values].map(([name, values]) => [name, values.at(-1) ?? ""]));
  }
}

/** Reads text as an integer of a range; `name` is how a complaint refers to it. */
export function integerOf(name: string, text: string, least: number, most: number): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= least && number <= most)) {
    throw new UsageError(`${name} must be an integer from ${least} to ${most}, not ${JSON.stringify(text)}`);
  }
  return number;
}

/** Reads the arguments that follow a command's name. Throws `UsageError`. */
export function parseCall(command: Syntax, args: readonly string[]): { options: Options; positionals: string[] } {
  const specs = optionsOf(command);
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: Object.fromEntries(specs.map(parserOption)),
  });
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const spec = specs.find((candidate) => candidate.name === token.name);
    if (spec === undefined) throw new UsageError(unknownOption(token.rawName, specs));
    const value = optionValue(spec, token);
    const earlier = values.get(spec.name);
    if (earlier === undefined || spec.many !== true) values.set(spec.name, [value]);
    else earlier.push(value);
  }
  if (!values.has("help")) checkArity(command, positionals);
  return { options: new Options(values), positionals };
}

function parserOption(spec: OptionSpec): [string, { type: "string" | "boolean"; short?: string }] {
  const type = spec.value === undefined ? "boolean" : "string";
  return [spec.name, spec.short === undefined ? { type } : { type, short: spec.short }];
}

interface OptionToken {
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function optionValue(spec: OptionSpec, token: OptionToken): string {
  if (spec.value === undefined) {
    if (token.value !== undefined) throw new UsageError(`${token.rawName} takes no value`);
    return "";
  }
  const looksLikeOption = token.inlineValue !== true && /^-./.test(token.value ?? "");
  if (token.value === undefined || looksLikeOption) {
    throw new UsageError(`${token.rawName} needs a value: ${token.rawName} ${spec.value}`);
  }
  return token.value;
}

function unknownOption(rawName: string, specs: readonly OptionSpec[]): string {
  const nearest = nearestName(
    rawName.replace(/^-+/, ""),
    specs.map((spec) => spec.name),
  );
  return `unknown option ${rawName}${nearest === undefined ? "" : `; did you mean --${nearest}?`}`;
}

function checkArity(command: Syntax, positionals: readonly string[]): void {
  const [least, most] = command.arity;
  if (positionals.length < least) throw new UsageError(`charter ${command.name} needs ${command.usage}`);
  if (positionals.length > most) {
    throw new UsageError(`charter ${command.name} does not know what to do with ${JSON.stringify(positionals[most])}`);
  }
}
