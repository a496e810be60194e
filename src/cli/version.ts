// The version this program says it is: the package's own.
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The package's version. */
export function programVersion(): string {
  const text = readFileSync(join(import.meta.dirname, "../../package.json"), "utf8");
  return String((JSON.parse(text) as { version: unknown }).version);
}
