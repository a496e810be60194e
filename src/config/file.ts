// Reads charter.yaml: sections of settings, nothing else. Every complaint carries the line and column it is about.
import { isAlias, isMap, isScalar, LineCounter, parseDocument } from "yaml";
import type { Node, Pair } from "yaml";
import { nearestName } from "../kernel/nearest.ts";
import { settings } from "./settings.ts";
import type { Setting } from "./settings.ts";
import { readScalar } from "./value.ts";

/** One value a file gives, and where it stands. */
export interface FileValue {
  readonly setting: Setting;
  readonly value: string | number | boolean;
  /** `charter.yaml:3:9` */
  readonly where: string;
}

/** What a file says, and everything that is wrong with it. */
export interface FileReading {
  readonly values: readonly FileValue[];
  readonly problems: readonly string[];
}

/** Reads the text of a configuration file; `name` is how complaints refer to it. */
export function readConfigFile(name: string, text: string): FileReading {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, strict: true, uniqueKeys: true, merge: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    const firstLine = (message: string): string =>
      message.split("\n", 1)[0]?.replace(/ at line \d+, column \d+:?$/, "") ?? "";
    return { values: [], problems: document.errors.map((error) => `${at(error.pos[0])}: ${firstLine(error.message)}`) };
  }
  const reader = new FileReader(at);
  reader.readRoot(document.contents);
  return reader;
}

/** The setting whose path is most likely meant by an unknown name. */
export function nearestPath(name: string): string | undefined {
  const paths = settings.map((setting) => setting.path);
  return paths.find((path) => path.endsWith(`.${name}`)) ?? nearestName(name, paths);
}

class FileReader implements FileReading {
  readonly values: FileValue[] = [];
  readonly problems: string[] = [];
  readonly #at: (offset: number) => string;

  constructor(at: (offset: number) => string) {
    this.#at = at;
  }

  readRoot(contents: Node | null): void {
    if (contents === null || (isScalar(contents) && contents.value === null)) return;
    if (!isMap(contents)) return this.#complain(contents, "the file must hold sections such as `http:`");
    for (const pair of contents.items) this.#readSection(pair as Pair<Node, Node | null>);
  }

  #readSection({ key, value }: Pair<Node, Node | null>): void {
    const section = keyText(key);
    const sections = new Set(settings.map((setting) => setting.path.split(".")[0] ?? ""));
    if (section === undefined || !sections.has(section)) {
      const nearest = section === undefined ? undefined : (nearestName(section, sections) ?? nearestPath(section));
      return this.#complain(key, `unknown section ${JSON.stringify(section)}${suggestion(nearest)}`);
    }
    if (value === null || (isScalar(value) && value.value === null)) return;
    if (!isMap(value)) return this.#complain(value, `${section} must hold settings, one per line`);
    for (const pair of value.items) this.#readSetting(section, pair as Pair<Node, Node | null>);
  }

  #readSetting(section: string, { key, value }: Pair<Node, Node | null>): void {
    const path = `${section}.${keyText(key)}`;
    const setting = settings.find((candidate) => candidate.path === path);
    if (setting === undefined) {
      return this.#complain(key, `unknown setting ${path}${suggestion(nearestPath(path))}`);
    }
    if (isAlias(value)) return this.#complain(value, `${path} must be written out, not an alias`);
    const reading = readScalar(setting, isScalar(value) ? value.value : value);
    if ("problem" in reading) return this.#complain(value ?? key, reading.problem);
    this.values.push({ setting, value: reading.value, where: this.#at((value ?? key).range?.[0] ?? 0) });
  }

  #complain(node: Node | null, problem: string): void {
    this.problems.push(`${this.#at(node?.range?.[0] ?? 0)}: ${problem}`);
  }
}

function keyText(key: Node): string | undefined {
  return isScalar(key) && typeof key.value === "string" ? key.value : undefined;
}

/** ` (did you mean X?)`, or nothing. */
export function suggestion(nearest: string | undefined): string {
  return nearest === undefined ? "" : ` (did you mean ${nearest}?)`;
}
