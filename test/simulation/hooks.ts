// How what Charter's files import is replaced where Node's modules cannot be changed in place.
import { registerHooks } from "node:module";

const source = new URL("../../src/", import.meta.url).href;
const sqlite = new URL("./doors-sqlite.ts", import.meta.url).href;

/** Leads imports of Charter's files to what is simulated. */
export function openHooks(): void {
  registerHooks({
    resolve(specifier, context, next) {
      // Node keeps the exports of this one, whatever its module is given.
      const isReplaced = specifier === "node:sqlite" && context.parentURL?.startsWith(source) === true;
      return next(isReplaced ? sqlite : specifier, context);
    },
  });
}
