// Makes the one configuration tree.
//
// 1. Flags win over environment variables, those over the file, the file over defaults.
// 2. A name no one knows is refused with the nearest known one, wherever it stands; so is a value of another form.
// 3. All complaints are reported together; a configuration is usable as a whole or not at all.
// 4. Nothing is read that was not passed in: the environment, the folder and the file reader are arguments.
import { dirname, join, resolve } from "node:path";
import { faultsOf } from "../kernel/fault.ts";
import { nearestName } from "../kernel/nearest.ts";
import { configCodes } from "./errors.ts";
import { readConfigFile, suggestion } from "./file.ts";
import { isForeignVariable, otherVariables, settings } from "./settings.ts";
import type { Config, Setting } from "./settings.ts";
import { readText } from "./value.ts";

const configFault = faultsOf(configCodes);

/** Where a value came from, e.g. `default`, `--port`, `CHARTER_HTTP_PORT`, `charter.yaml:3:9`. */
export type Source = string;

/** What the configuration is made from. */
export interface ConfigInput {
  /** Options of the command line by name without dashes; undefined where not given. Unknown ones are ignored here: the command line refuses them. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder that relative paths of flags, variables and defaults start from, and where charter.yaml is looked for. */
  readonly cwd: string;
  /** The text of a file; undefined when there is no such file. */
  readonly readFile: (path: string) => string | undefined;
}

/** A loaded configuration. */
export interface LoadedConfig {
  readonly config: Config;
  /** For each setting's path, where its value came from. */
  readonly sources: ReadonlyMap<string, Source>;
  /** The configuration file that was read, absolute. */
  readonly file: string | undefined;
}

interface Given {
  readonly value: string | number | boolean;
  readonly source: Source;
  /** Folder a relative path starts from. */
  readonly base: string;
}

/** The folder of the package, two levels above this file both in the sources and in the built package. */
const packageDir = resolve(import.meta.dirname, "../..");

/**
 * Loads the configuration.
 * Faults: `config.invalid` with every problem on its own line, `config.unreadable` for a named file that is not there.
 */
export function loadConfig(input: ConfigInput): LoadedConfig {
  const problems: string[] = [];
  const file = readFileLayer(input, problems);
  const env = readVariables(input, problems);
  const flags = readFlags(input, problems);
  if (problems.length > 0) throw configFault("config.invalid", problems.join("\n"));
  const tree: Record<string, Record<string, unknown>> = {};
  const sources = new Map<string, Source>();
  for (const setting of settings) {
    const { path } = setting;
    const given = flags.get(path) ?? env.get(path) ?? file.values.get(path) ?? byDefault(setting, input.cwd);
    const [section = "", name = ""] = path.split(".");
    (tree[section] ??= {})[name] = ["path", "file"].includes(setting.kind) ? resolvePath(setting, given) : given.value;
    sources.set(path, given.source);
  }
  const config = freezeTree(tree);
  if ((config.tls.certFile === "") !== (config.tls.keyFile === "")) {
    throw configFault(
      "config.invalid",
      "tls.certFile and tls.keyFile (--tls-cert, --tls-key) are given together or not at all",
    );
  }
  return { config, sources, file: file.path };
}

/** Whether a value only repeats what an operator left alone. */
function byDefault(setting: Setting, cwd: string): Given {
  return { value: setting.default, source: "default", base: cwd };
}

function resolvePath(setting: Setting, given: Given): string {
  if (given.value !== "") return resolve(given.base, String(given.value));
  return setting.path === "constitution.dir" ? join(packageDir, "constitution") : "";
}

function readFileLayer(
  input: ConfigInput,
  problems: string[],
): { path: string | undefined; values: Map<string, Given> } {
  const flag = input.flags?.["config"];
  const named = typeof flag === "string" ? flag : input.env["CHARTER_CONFIG"] || undefined;
  const path = resolve(input.cwd, named ?? "charter.yaml");
  const text = readNamed(input, path, named ?? "charter.yaml");
  if (text === undefined) {
    if (named === undefined) return { path: undefined, values: new Map() };
    throw configFault("config.unreadable", `There is no configuration file ${named}.`);
  }
  const reading = readConfigFile(named ?? "charter.yaml", text);
  problems.push(...reading.problems);
  const values = reading.values.map(({ setting, value, where }): [string, Given] => [
    setting.path,
    { value, source: where, base: dirname(path) },
  ]);
  return { path, values: new Map(values) };
}

function readNamed(input: ConfigInput, path: string, name: string): string | undefined {
  try {
    return input.readFile(path);
  } catch (cause) {
    throw configFault("config.unreadable", `The configuration file ${name} cannot be read.`, {}, cause);
  }
}

function readVariables(input: ConfigInput, problems: string[]): Map<string, Given> {
  const values = new Map<string, Given>();
  for (const [name, text] of Object.entries(input.env)) {
    if (!name.startsWith("CHARTER_") || text === undefined) continue;
    // An empty variable counts as not given: that is how compose files pass on what is not set.
    const setting = settings.find((candidate) => candidate.env === name);
    if (setting !== undefined && text === "") continue;
    if (setting !== undefined) {
      const reading = readText(setting, text);
      if ("problem" in reading) problems.push(`${name}: ${reading.problem}`);
      else values.set(setting.path, { value: reading.value, source: name, base: input.cwd });
    } else if (!Object.hasOwn(otherVariables, name) && !isForeignVariable(name, text)) {
      problems.push(`unknown environment variable ${name}${suggestion(nearestVariable(name))}`);
    }
  }
  return values;
}

function nearestVariable(name: string): string | undefined {
  const known = [...settings.map((setting) => setting.env), ...Object.keys(otherVariables)];
  const word = name.slice("CHARTER_".length);
  const byWord = known.map((candidate) => candidate.slice("CHARTER_".length));
  const nearest = byWord.find((candidate) => candidate.endsWith(`_${word}`)) ?? nearestName(word, byWord);
  return nearest === undefined ? undefined : `CHARTER_${nearest}`;
}

function readFlags(input: ConfigInput, problems: string[]): Map<string, Given> {
  const values = new Map<string, Given>();
  for (const setting of settings) {
    const text = input.flags?.[setting.flag];
    if (typeof text !== "string") continue;
    const reading = readText(setting, text);
    if ("problem" in reading) problems.push(`--${setting.flag}: ${reading.problem}`);
    else values.set(setting.path, { value: reading.value, source: `--${setting.flag}`, base: input.cwd });
  }
  return values;
}

function freezeTree(tree: Record<string, Record<string, unknown>>): Config {
  for (const section of Object.values(tree)) Object.freeze(section);
  return Object.freeze(tree) as unknown as Config;
}
