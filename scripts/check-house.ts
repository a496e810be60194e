// Checks the promised shape of the code and prints each figure: the composition root and the gateway stay small, what is one
// provider's knowledge stays in src/models, and a request's walk does not grow. Exits with 1 when a promise is broken.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { measureWalks } from "./walks.ts";

/** Most lines of the composition root, and of the gateway without its tests. */
const mostRoot = 150;
const mostGateway = 5500;
/** Most files that one warm request may go through: what was measured, and a few for what runs in the background meanwhile. */
const mostWalked = { artifact: 117, chat: 219, stream: 230 };

/** Names of providers and of their dialects. */
const names = /anthropic|openai|gemini|groq|mistral|deepseek|ollama|azure|vllm/i;

/** Files outside src/models that name an API or a provider to people, or look for its words, each with the reason. */
const listed: ReadonlyMap<string, string> = new Map([
  ["src/gateway/module.ts", "the API's description says whose clients a path serves"],
  ["src/http/routes/chat.ts", "binds each API's path to the dialect that it speaks"],
  ["src/http/routes/token-counts.ts", "the same for the paths that only count"],
  ["src/cli/commands/price.ts", "examples of prices that a person can run"],
  ["src/guards/secret-rules.ts", "the forms of providers' keys, by the names on record"],
  ["src/guards/injection-rules.ts", "words by which texts address a model"],
  ["src/kernel/limits.ts", "the sources of limits"],
]);

/** The figures of a tree, and each promise that it breaks. */
export function houseIn(tree: string): { readonly figures: readonly string[]; readonly broken: readonly string[] } {
  const textOf = (file: string): string => readFileSync(join(tree, file), "utf8");
  const linesOf = (file: string): number => textOf(file).split("\n").length - 1;
  const sources = globSync("src/**/*.ts", { cwd: tree }).filter((file) => !file.endsWith(".test.ts"));
  const root = linesOf("src/app.ts");
  const gateway = sources
    .filter((file) => file.startsWith("src/gateway/"))
    .reduce((sum, file) => sum + linesOf(file), 0);
  const naming = sources.filter((file) => !file.startsWith("src/models/") && names.test(textOf(file)));
  const stray = naming.filter((file) => !listed.has(file));
  const stale = [...listed.keys()].filter((file) => !naming.includes(file));
  return {
    figures: [
      `src/app.ts: ${root} lines, at most ${mostRoot}`,
      `src/gateway without tests: ${gateway} lines, at most ${mostGateway}`,
      `files outside src/models that name a provider or dialect: ${naming.length}, ${listed.size} listed`,
    ],
    broken: [
      ...(root > mostRoot ? ["src/app.ts is too long"] : []),
      ...(gateway > mostGateway ? ["src/gateway is too long"] : []),
      ...(gateway === 0 ? ["src/gateway was not found"] : []),
      ...stray.map((file) => `${file} names a provider or a dialect; its knowledge belongs in src/models`),
      ...stale.map((file) => `${file} is listed in scripts/check-house.ts and names none: take it off`),
    ],
  };
}

/** The length of each walk through this tree, and each that has grown. */
async function walksHere(): Promise<{ readonly figures: readonly string[]; readonly broken: readonly string[] }> {
  const walks = Object.entries(await measureWalks()).map(([name, files]) => {
    const most = mostWalked[name as keyof typeof mostWalked];
    return { name, most, count: files.length };
  });
  return {
    figures: walks.map(({ name, most, count }) => `files on the walk of one ${name}: ${count}, at most ${most}`),
    broken: walks.filter(({ most, count }) => count > most).map(({ name }) => `the walk of one ${name} has grown`),
  };
}

if (import.meta.main) {
  const both = [houseIn(process.cwd()), await walksHere()];
  const figures = both.flatMap((each) => each.figures);
  const broken = both.flatMap((each) => each.broken);
  for (const figure of figures) console.log(figure);
  for (const promise of broken) console.error(promise);
  process.exitCode = broken.length === 0 ? 0 : 1;
}
