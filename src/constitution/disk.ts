// Reads the four files of a constitution from a folder. The only file of this domain that touches the disk.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { constitutionFrom, problemsIn } from "./constitution.ts";
import type { Constitution } from "./constitution.ts";
import { constitutionFault } from "./errors.ts";
import type { Problem } from "../kernel/problem.ts";
import { fileNames } from "./texts.ts";
import type { ConstitutionTexts } from "./texts.ts";

/** Largest file read, bytes; a constitution is read by people and never comes near it. */
const maxFileBytes = 1024 * 1024;

/** How far above this file the package's own constitution is looked for: src/ or dist/ may lie in between. */
const maxLevelsUp = 4;

/** The folder of the constitution that the package brings. */
export function defaultConstitutionDir(): string {
  let folder = import.meta.dirname;
  for (let level = 0; level < maxLevelsUp; level++) {
    folder = dirname(folder);
    const candidate = join(folder, "constitution");
    if (existsSync(join(candidate, fileNames.articles))) return candidate;
  }
  throw constitutionFault("constitution.unreadable", "the package has lost its own constitution folder");
}

/** Reads the four texts. @throws `constitution.unreadable` when one is missing, too large or not UTF-8. */
export function readConstitution(dir: string): ConstitutionTexts {
  const read = (name: string): string => {
    try {
      const bytes = readFileSync(join(dir, name));
      if (bytes.length > maxFileBytes) throw new RangeError(`${name} has ${bytes.length} bytes`);
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch (error) {
      throw constitutionFault("constitution.unreadable", `${join(dir, name)} cannot be read as text`, {}, error);
    }
  };
  return {
    data: read(fileNames.data),
    articles: read(fileNames.articles),
    policies: read(fileNames.policies),
    schema: read(fileNames.schema),
  };
}

/**
 * Loads the constitution in a folder.
 * @throws `constitution.unreadable`, `constitution.invalid` or `constitution.articles_changed`.
 */
export function loadConstitution(dir: string): Constitution {
  return constitutionFrom(readConstitution(dir));
}

/** Everything that is wrong with the constitution in a folder; empty when it can be loaded. @throws `constitution.unreadable`. */
export function validateConstitution(dir: string): readonly Problem[] {
  return problemsIn(readConstitution(dir));
}
