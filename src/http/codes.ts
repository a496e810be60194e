// Every code of every domain, with its status and meaning.
import { modules } from "../app.ts";
import type { Codes } from "../kernel/fault.ts";

type CodesOf<M> = M extends { readonly codes: infer Table } ? keyof Table : never;
/** A code that an answer can carry. */
export type ErrorCode = CodesOf<(typeof modules)[number]>;

const table: Codes = Object.assign({}, ...modules.map((module) => ("codes" in module ? module.codes : {})));

/** The public meaning of every code. */
export const errorCodes = eachOf(([, meaning]) => meaning);
/** The HTTP status of every code. */
export const statusOf = eachOf(([status]) => status);

function eachOf<T>(part: (row: Codes[string]) => T): Readonly<Record<ErrorCode, T>> {
  const rows = Object.entries(table).map(([code, row]) => [code, part(row)] as const);
  return Object.fromEntries(rows) as Record<ErrorCode, T>;
}
