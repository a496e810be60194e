// Query parameters as domain values. Schemas have checked their form; here they get their meaning.
import { defaultPageSize, maxPageSize } from "../kernel/limits.ts";
import { httpFault } from "./errors.ts";

/** A query string as Fastify gives it, after its schema. */
export type Query = { readonly [name: string]: string | readonly string[] | undefined };

/** One value, or undefined; a parameter that is given twice is refused. */
export function one(query: Query, name: string): string | undefined {
  const value = query[name];
  if (typeof value === "object") throw httpFault("request.invalid", `${name} is given twice`, { at: `query/${name}` });
  return value;
}

/** All values of a parameter that may be repeated. */
export function many(query: Query, name: string): readonly string[] {
  const value = query[name];
  if (value === undefined) return [];
  return typeof value === "object" ? value : [value];
}

/** Rows per page. */
export function pageSize(query: Query): number {
  const limit = Number(one(query, "limit") ?? defaultPageSize);
  if (limit > maxPageSize) {
    throw httpFault("request.invalid", `limit is at most ${maxPageSize}`, { at: "query/limit", limit: "maxPageSize" });
  }
  return limit;
}

/** An instant in milliseconds, or undefined. */
export function instantMs(query: Query, name: string): number | undefined {
  const value = one(query, name);
  if (value === undefined) return undefined;
  const timeMs = Date.parse(value);
  if (!Number.isFinite(timeMs))
    throw httpFault("request.invalid", `${name} is not an instant`, { at: `query/${name}` });
  return timeMs;
}

/** Leaves out what is undefined, so that optional fields are absent rather than undefined. */
export function defined<T extends object>(fields: T): { [Name in keyof T]: Exclude<T[Name], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof T]: Exclude<T[Name], undefined> };
}
