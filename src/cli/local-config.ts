// The configuration as a command that works on this machine sees it.
import { readFileSync } from "node:fs";
import { loadConfig, settings } from "../config/index.ts";
import type { LoadedConfig, Setting } from "../config/index.ts";
import type { OptionSpec } from "./syntax.ts";
import type { Io } from "./io.ts";
import type { Options } from "./options.ts";

/** Options that stand for settings: all of them, or those whose flag is listed. */
export function settingOptions(flags?: readonly string[]): OptionSpec[] {
  const wanted = settings.filter((setting: Setting) => flags === undefined || flags.includes(setting.flag));
  const file: OptionSpec = { name: "config", value: "FILE", summary: "configuration file (./charter.yaml)" };
  const isFew = flags !== undefined;
  return [...wanted.map((setting) => settingOption(setting, isFew)), file];
}

/** Loads the configuration from the call's options, the environment and charter.yaml. Throws `config.*` faults. */
export function loadLocalConfig(io: Io, options: Options): LoadedConfig {
  return loadConfig({ flags: options.flags(), env: io.env, cwd: io.cwd, readFile });
}

function settingOption(setting: Setting, isAlone: boolean): OptionSpec {
  const words = {
    integer: "N",
    boolean: "true|false",
    path: "DIR",
    file: "FILE",
    string: "TEXT",
    choice: "WORD",
  } as const;
  const sentence = setting.description.replace(/[.]$/, "").replaceAll("`", "");
  const fallback = setting.default === "" ? "" : ` (${setting.default})`;
  return {
    name: setting.flag,
    ...(isAlone ? {} : { group: `Settings of ${setting.path.slice(0, setting.path.indexOf("."))}` }),
    value: words[setting.kind],
    // An acronym stays as it is.
    summary: sentence.replace(/^[A-Z](?![A-Z])/, (letter) => letter.toLowerCase()) + fallback,
  };
}

function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
