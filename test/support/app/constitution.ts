// The default constitution with other values, in a folder of its own, for tests that must meet a limit or other terms.
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { defaultConstitutionDir } from "../../../src/constitution/disk.ts";

/** Copies the default constitution into a new folder and sets values, each named by its path in the YAML. */
export async function constitutionWith(
  dir: string,
  changes: readonly (readonly [path: readonly string[], value: unknown])[],
): Promise<string> {
  await cp(defaultConstitutionDir(), dir, { recursive: true });
  const path = join(dir, "constitution.yaml");
  const document = parseDocument(await readFile(path, "utf8"));
  for (const [place, value] of changes) document.setIn(place, value);
  await writeFile(path, document.toString());
  return dir;
}
