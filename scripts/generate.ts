// Writes the documents that are made from the code. `node scripts/generate.ts` writes them, `--check` exits 1 and names
// those that are stale.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { renderConfigDoc } from "../src/config/index.ts";
import { renderArchitectureDoc } from "./architecture-doc.ts";
import { renderErrorsDoc, renderOpenapi } from "./api-docs.ts";
import { renderMetricsDoc } from "./metrics-doc.ts";

/** A document made from the code. */
export interface Generator {
  /** Path below the repository's root. */
  readonly file: string;
  /** Makes the whole text; the same code gives the same text. */
  readonly render: () => string | Promise<string>;
}

/** Every generated document. */
export const generators: readonly Generator[] = [
  { file: "docs/config.md", render: renderConfigDoc },
  { file: "docs/errors.md", render: renderErrorsDoc },
  { file: "docs/operating/metrics.md", render: renderMetricsDoc },
  { file: "docs/architecture.md", render: renderArchitectureDoc },
  { file: "openapi.json", render: renderOpenapi },
];

/** The documents under `root` that differ from what the code would write. */
export async function staleDocuments(root: string): Promise<{ file: string; text: string }[]> {
  const stale: { file: string; text: string }[] = [];
  for (const { file, render } of generators) {
    const text = await render();
    if (readIfThere(join(root, file)) !== text) stale.push({ file, text });
  }
  return stale;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

if (import.meta.main) {
  const root = resolve(import.meta.dirname, "..");
  const isCheck = process.argv.includes("--check");
  for (const { file, text } of await staleDocuments(root)) {
    if (isCheck) {
      console.error(`${file} is stale: run npm run generate`);
      process.exitCode = 1;
      continue;
    }
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
    console.log(`wrote ${file}`);
  }
}
