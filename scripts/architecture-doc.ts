// The generated parts of docs/architecture.md: the graph of folders, and the operations that need no credential. The
// prose around them is written by hand and kept.
import { readFileSync } from "node:fs";
import { cruiseModules } from "./boundaries.ts";
import { publicOperations } from "./api-docs.ts";

const file = new URL("../docs/architecture.md", import.meta.url);

/** docs/architecture.md with its generated parts generated again. */
export async function renderArchitectureDoc(): Promise<string> {
  let text = readFileSync(file, "utf8");
  text = replacePart(text, "graph", ["```mermaid", ...(await folderGraph()), "```"]);
  return replacePart(text, "public operations", publicOperations());
}

function replacePart(text: string, name: string, lines: readonly string[]): string {
  const [start, end] = [`<!-- generated: ${name} -->`, `<!-- end: ${name} -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/architecture.md has no part "${name}"`);
  return `${text.slice(0, from + start.length)}\n${lines.join("\n")}\n${text.slice(to)}`;
}

/** Which folder of src imports which, as a Mermaid graph; an arrow means "imports". */
async function folderGraph(): Promise<string[]> {
  const arrows = new Set<string>();
  for (const { source, dependencies } of await cruiseModules(["src"])) {
    for (const target of dependencies) {
      const [from, to] = [roomOf(source), roomOf(target)];
      if (from && to && from !== to && to !== "kernel") arrows.add(`  ${from} --> ${to}`);
    }
  }
  return ["graph TD", ...[...arrows].toSorted()];
}

/** The folder of src that a module belongs to; `app` for the composition root. */
function roomOf(path: string): string | undefined {
  if (path.endsWith(".test.ts")) return undefined;
  return /^src\/([^/.]+)/.exec(path)?.[1];
}
