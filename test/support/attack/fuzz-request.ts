// Requests made from openapi.json, such as an operation's schemas admit, filled with the names that the server knows.
import { request as sendRequest } from "node:http";
import type { Agent } from "node:http";
import * as fc from "fast-check";
import type { DescribedOperation, Parameter, PlainAnswer } from "../http/described-api.ts";
import { admits, Known, rawNumbers, valuesOf } from "../http/schema-arbitrary.ts";
import type { Extent, Resolve } from "../http/schema-arbitrary.ts";

/** A request before the names that the server knows are filled in. */
export interface Draft {
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: readonly (readonly [name: string, value: unknown])[];
  readonly headers: readonly (readonly [name: string, value: unknown])[];
  /** Undefined when there is no body. */
  readonly body: DraftBody | undefined;
  /** Replaces the whole path; undefined in a request that only its values make hostile. */
  readonly target?: string;
}

/** A body before it is written. */
export interface DraftBody {
  readonly mediaType: string;
  /** JSON to be written, unless `raw` says what is sent instead. */
  readonly value: unknown;
  readonly raw?: Buffer;
}

/** A request ready to be sent. */
export interface Fuzzed {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer | undefined;
}

/** Names that the server knows, by the property that held them. */
export class Pool {
  readonly #values = new Map<string, Set<string>>();
  readonly #excluded: ReadonlySet<string>;
  /** Values kept per name; the newest push out the oldest. */
  readonly #most = 30;

  /** `excluded` are names that must not be used, such as the caller's own credential. */
  constructor(excluded: ReadonlySet<string>) {
    this.#excluded = excluded;
  }

  /** Remembers every short text in a JSON value under the name of its property. */
  learn(value: unknown, name = ""): void {
    if (typeof value === "string") {
      if (name !== "" && value.length > 0 && value.length <= 300 && !this.#excluded.has(value)) this.#keep(name, value);
    } else if (Array.isArray(value)) {
      for (const each of value.slice(0, 5)) this.learn(each, name);
    } else if (typeof value === "object" && value !== null) {
      for (const [key, each] of Object.entries(value)) this.learn(each, key);
    }
  }

  #keep(name: string, value: string): void {
    const values = this.#values.get(plain(name)) ?? new Set();
    values.add(value);
    const [oldest] = values;
    if (values.size > this.#most && oldest !== undefined) values.delete(oldest);
    this.#values.set(plain(name), values);
  }

  /** The value that stands for a known one. `near` says which names to prefer, such as the noun of the path. */
  fill({ name, pick, otherwise, schema }: Known, near: string): string {
    const wanted = plain(name);
    const names = [...this.#values.keys()].filter(
      (each) => each === wanted || each === `${near}${wanted}` || (each.startsWith(wanted) && each.endsWith("id")),
    );
    const values = names.flatMap((each) => [...(this.#values.get(each) ?? [])]).filter((each) => admits(schema, each));
    return values[pick % values.length] ?? otherwise;
  }
}

/** A name without what differs between spellings. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z]/g, "");
}

/** Requests that an operation's schemas admit: with any of what is optional, and with as little as possible. */
export function draftsOf(operation: DescribedOperation, resolve: Resolve): fc.Arbitrary<Draft> {
  return fc.oneof(draftsWith(operation, resolve, "full"), draftsWith(operation, resolve, "sparse"));
}

function draftsWith(operation: DescribedOperation, resolve: Resolve, extent: Extent): fc.Arbitrary<Draft> {
  const { parameters = [], requestBody } = operation;
  const named = (place: Parameter["in"]): fc.Arbitrary<Record<string, unknown>> => {
    const own = parameters.filter(
      ({ in: where, required }) => where === place && (required === true || extent === "full"),
    );
    return fc.record(
      Object.fromEntries(own.map(({ name, schema }) => [name, valuesOf(schema, { resolve, extent }, name)])),
      {
        requiredKeys: own.filter(({ required }) => required === true).map(({ name }) => name),
      },
    );
  };
  const pairs = (values: Record<string, unknown>): [string, unknown][] =>
    Object.entries(values).flatMap(([name, value]) =>
      Array.isArray(value) ? value.map((each): [string, unknown] => [name, each]) : [[name, value]],
    );
  return fc.record({
    path: named("path"),
    query: named("query").map(pairs),
    headers: named("header").map(pairs),
    body: requestBody === undefined ? fc.constant(undefined) : bodiesOf(requestBody, resolve, extent),
  });
}

function bodiesOf(
  { required, content }: NonNullable<DescribedOperation["requestBody"]>,
  resolve: Resolve,
  extent: Extent,
): fc.Arbitrary<DraftBody | undefined> {
  const bodies = Object.entries(content).map(([type, { schema = {} }]): fc.Arbitrary<DraftBody> => {
    if (schema.format === "binary" || type.includes("*")) {
      const types = type.includes("*")
        ? fc.constantFrom("text/plain", "application/octet-stream", "image/png")
        : fc.constant(type);
      return fc
        .tuple(types, fc.uint8Array({ maxLength: 300 }))
        .map(([mediaType, bytes]) => ({ mediaType, value: undefined, raw: Buffer.from(bytes) }));
    }
    return valuesOf(schema, { resolve, extent }).map((value) => ({ mediaType: type, value }));
  });
  return required === true ? fc.oneof(...bodies) : fc.oneof(...bodies, fc.constant(undefined));
}

/** A draft as it is sent by a caller; known names are filled in from the pool. */
export function fuzzed({ method, path }: DescribedOperation, draft: Draft, pool: Pool, key: string | null): Fuzzed {
  const near = plain(
    path.split("/").findLast((part) => /^[a-z]+$/.test(part) && path.includes(`${part}/{`)) ?? "",
  ).replace(/s$/, "");
  const settle = (value: unknown): unknown => settled(value, pool, near);
  const where = (draft.target ?? path).replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    percent(settle(draft.path[name]) ?? "x", name === "path"),
  );
  const pairs = draft.query.map(([name, value]) => `${percent(name)}=${percent(settle(value))}`);
  const glue = where.includes("?") ? "&" : "?";
  const headers = draft.headers.map(([name, value]): [string, string] => [name, asHeader(settle(value))]);
  const { body } = draft;
  const bytes = body && (body.raw ?? bytesOf(body.mediaType, settle(body.value)));
  const has = (name: string): boolean => headers.some(([each]) => each === name);
  return {
    method,
    target: asciiOnly(pairs.length > 0 ? `${where}${glue}${pairs.join("&")}` : where),
    headers: [
      ...(key === null || has("authorization") ? [] : [["authorization", `Bearer ${key}`] as const]),
      ...(body === undefined || has("content-type") || body.mediaType === ""
        ? []
        : [["content-type", body.mediaType] as const]),
      ...headers,
    ],
    body: bytes,
  };
}

function settled(value: unknown, pool: Pool, near: string): unknown {
  if (value instanceof Known) return pool.fill(value, near);
  if (Array.isArray(value)) return value.map((each) => settled(each, pool, near));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, settled(each, pool, near)]));
}

function bytesOf(mediaType: string, value: unknown): Buffer {
  if (mediaType === "application/x-www-form-urlencoded" && typeof value === "object" && value !== null) {
    return Buffer.from(
      Object.entries(value)
        .map(([name, each]) => `${percent(name)}=${percent(each)}`)
        .join("&"),
    );
  }
  let text = JSON.stringify(value) ?? "";
  for (const [mark, number] of Object.entries(rawNumbers)) text = text.replaceAll(`"${mark}"`, number);
  return Buffer.from(text);
}

/** Percent-encodes text as UTF-8; lone surrogates, which have none, get the bytes that a careless encoder would write. */
function percent(value: unknown, keepSlashes = false): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  const encoded = Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0xd800 || code > 0xdfff) return encodeURIComponent(character);
    return `%${(0xe0 | (code >> 12)).toString(16)}%${(0x80 | ((code >> 6) & 0x3f)).toString(16)}%${(0x80 | (code & 0x3f)).toString(16)}`;
  }).join("");
  return keepSlashes ? encoded.replaceAll("%2F", "/") : encoded;
}

/** A header can hold bytes, and no control characters. */
function asHeader(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  // oxlint-disable-next-line no-control-regex -- what may not stand in a header
  return text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "?");
}

function asciiOnly(target: string): string {
  return target.replaceAll(/[^\x21-\x7e]/g, (character) => percent(character));
}

/** Sends a request. Rejects when there is no answer within the time, which is what hanging means here. */
export async function send(url: string, agent: Agent, request: Fuzzed, patienceMs: number): Promise<PlainAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<PlainAnswer>();
  const headers = request.headers.flat();
  const mayCarry = request.method !== "GET" && request.method !== "HEAD";
  // Without a length Node would announce a body in chunks.
  if (request.body !== undefined || mayCarry) headers.push("content-length", String(request.body?.length ?? 0));
  const call = sendRequest(url, { agent, method: request.method, path: request.target, headers: named(url, headers) });
  const late = setTimeout(() => call.destroy(new Error(`no answer within ${patienceMs} ms`)), patienceMs);
  call.on("error", reject);
  call.on("response", (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("error", reject);
    response.on("end", () =>
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
    );
  });
  call.end(request.body);
  try {
    return await promise;
  } finally {
    clearTimeout(late);
  }
}

/** With flat lists of headers Node adds no Host. */
function named(url: string, headers: readonly string[]): string[] {
  const hasHost = headers.some((name, i) => i % 2 === 0 && name === "host");
  return hasHost ? [...headers] : ["host", new URL(url).host, ...headers];
}
