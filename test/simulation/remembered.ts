// Charter starts some thousand times in a night of simulations, and each start computes the same from the same texts: the
// constitution, the catalogue of models, what Fastify compiles of the schemas. It is computed once. None of it holds any state.
import { createRequire } from "node:module";

const known = new Map<string, unknown>();

/** A function that computes each answer once. Its arguments are told apart by their JSON. */
export function remembered<Args extends readonly unknown[], Value>(name: string, compute: (...args: Args) => Value) {
  return (...args: Args): Value => {
    const key = JSON.stringify([name, args]);
    if (!known.has(key)) known.set(key, compute(...args));
    return known.get(key) as Value;
  };
}

/** What makes compilers for a set of shared schemas. */
type Factory = (shared: unknown, options: unknown) => (route: { readonly schema: unknown }) => unknown;

/** Lets Fastify, when it is loaded, find compilers that remember. */
export function rememberSchemas(): void {
  const require = createRequire(createRequire(import.meta.url).resolve("fastify"));
  for (const name of ["@fastify/ajv-compiler", "@fastify/fast-json-stringify-compiler"]) {
    const path = require.resolve(name);
    const select = require(path) as (options?: unknown) => Factory;
    const remembering = (options?: unknown): Factory => {
      const make = select(options);
      return (shared, terms) => {
        const compile = make(shared, terms);
        const set = JSON.stringify([shared, terms]);
        return ({ schema, ...route }) => remembered(name + set, (own) => compile({ ...route, schema: own }))(schema);
      };
    };
    const module = require.cache[path];
    if (module !== undefined) module.exports = remembering;
  }
}
