// How what Charter's files import is replaced where Node's modules cannot be changed in place.
import { registerHooks } from "node:module";
import { mutated } from "./mutations.ts";
import type { Mutation } from "./mutations.ts";

const source = new URL("../../src/", import.meta.url).href;
const at = (file: string): string => new URL(file, import.meta.url).href;

/** Functions whose answers are remembered, by file. */
const remembered: Readonly<Record<string, string>> = {
  [`${source}constitution/disk.ts`]: "loadConstitution",
  [`${source}models/catalogue/catalogue-file.ts`]: "readCatalogue",
};

/** What stands in for an import of one of Charter's files. */
function replacedIn(file: string, specifier: string): string | undefined {
  // Node keeps the exports of this one, whatever its module is given.
  if (specifier === "node:sqlite") return at("./doors-sqlite.ts");
  if (file === `${source}app/start.ts` && specifier === "../db/index.ts") return at("./doors-database.ts");
  return undefined;
}

/** Leads imports of Charter's files to what is simulated, and makes a mistake in them where one is wanted. */
export function openHooks(mutation?: Mutation): void {
  registerHooks({
    resolve(specifier, context, next) {
      const replaced =
        context.parentURL?.startsWith(source) === true ? replacedIn(context.parentURL, specifier) : undefined;
      const found = next(replaced ?? specifier, context);
      const isMade = found.url in remembered && context.parentURL !== `${found.url}?remembered`;
      return isMade ? { ...found, url: `${found.url}?remembered`, shortCircuit: true } : found;
    },
    load(url, context, next) {
      const [file = "", asked] = url.split("?");
      const name = remembered[file];
      if (mutation !== undefined && url === source + mutation.file) {
        const { source: text, ...loaded } = next(url, context);
        return { ...loaded, source: mutated(mutation, Buffer.from(text as Uint8Array).toString()) };
      }
      if (name === undefined || asked !== "remembered") return next(url, context);
      const text = `
        import { remembered } from "${at("./remembered.ts")}";
        import { ${name} as own } from "${file}";
        export * from "${file}";
        export const ${name} = remembered("${name}", own);
      `;
      return { source: text, format: "module", shortCircuit: true };
    },
  });
}
