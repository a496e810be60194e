// Requests with something wrong in them: values of other types and sizes, fields too few and too many, odd headers, paths
// and bodies that no client would send.
import * as fc from "fast-check";
import type { DescribedOperation } from "../http/described-api.ts";
import { draftsOf } from "./fuzz-request.ts";
import type { Draft } from "./fuzz-request.ts";
import { hostileNames, hostileStrings, hostileValues, Known } from "../http/schema-arbitrary.ts";
import type { Resolve } from "../http/schema-arbitrary.ts";

type Mutation = (draft: Draft) => Draft;

/** The same requests with one to three things wrong in them. */
export function mutatedDraftsOf(operation: DescribedOperation, resolve: Resolve): fc.Arbitrary<Draft> {
  const mutations = fc.array(mutationOf(operation), { minLength: 1, maxLength: 3 });
  return fc
    .tuple(draftsOf(operation, resolve), mutations)
    .map(([draft, wrongs]) => wrongs.reduce((sofar, wrong) => wrong(sofar), draft));
}

function mutationOf(operation: DescribedOperation): fc.Arbitrary<Mutation> {
  const kinds: fc.Arbitrary<Mutation>[] = [hostileHeader, hostileQuery, hostileTarget(operation)];
  // Where values go in, that is where most of the attempts go.
  if (operation.parameters?.some((parameter) => parameter.in === "path"))
    kinds.push(hostileParameter, hostileParameter);
  if (operation.requestBody) kinds.push(hostileField, hostileField, hostileField, hostileBody);
  else kinds.push(uninvitedBody);
  return fc.oneof(...kinds);
}

const oddHeaders: readonly (readonly [string, string])[] = [
  ["content-encoding", "gzip"],
  ["content-encoding", "identity"],
  ["content-type", "application/json; charset=utf-16"],
  ["content-type", "multipart/form-data"],
  ["content-type", "x"],
  ["content-type", "application/x-www-form-urlencoded"],
  ["accept", "image/png"],
  ["accept-encoding", "br;q=1.0, *;q=0"],
  ["authorization", "Basic YTpi"],
  ["authorization", "Bearer"],
  ["authorization", `Bearer ${"a".repeat(5000)}`],
  ["authorization", "Bearer eyJhbGciOiJub25lIn0.e30."],
  ["authorization", "DPoP x"],
  ["x-request-id", "not a uuid"],
  ["x-request-id", "../../x"],
  ["x-constitution-hash", "cdd01ef066bc6cf2"],
  ["x-forwarded-for", "127.0.0.1, ::1, x"],
  ["x-forwarded-proto", "gopher"],
  ["forwarded", "for=unknown"],
  ["host", "evil.example"],
  ["origin", "null"],
  ["cookie", 'a=b; __Host-x="; $Version=1'],
  ["range", "bytes=0-0,2-2"],
  ["range", "bytes=-99999999999999999999"],
  ["range", "bytes=5-"],
  ["if-match", '"x'],
  ["if-none-match", "*"],
  ["if-none-match", 'W/"x", "y"'],
  ["if-modified-since", "yesterday"],
  ["if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT"],
  ["if-range", 'W/"x"'],
  ["content-digest", "sha-256=:AAAA:"],
  ["content-digest", "sha-256=x;;"],
  ["repr-digest", `sha-256=:${"A".repeat(43)}=:`],
  ["idempotency-key", "x".repeat(300)],
  ["idempotency-key", "two words"],
  ["charter-metadata", "e30"],
  ["charter-metadata", "////"],
  ["x-http-method-override", "DELETE"],
  ["upgrade", "h2c"],
  ["traceparent", "00-x"],
  ["prefer", "code=500"],
  ["te", "trailers"],
];

const hostileHeader: fc.Arbitrary<Mutation> = fc.oneof(
  fc.constantFrom(...oddHeaders).map((header): Mutation => (draft) => ({
    ...draft,
    headers: [...draft.headers.filter(([name]) => name !== header[0]), header],
  })),
  fc.constantFrom(...oddHeaders).map((header): Mutation => (draft) => ({
    ...draft,
    headers: [...draft.headers, header, header],
  })),
  fc.nat().map((at): Mutation => (draft) => ({ ...draft, headers: without(draft.headers, at) })),
);

const hostileQuery: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(fc.nat(), fc.constantFrom(...hostileStrings)).map(([at, value]): Mutation => (draft) => ({
    ...draft,
    query: draft.query.map((pair, i) => (i === at % draft.query.length ? [pair[0], value] : pair)),
  })),
  // Given twice.
  fc.nat().map((at): Mutation => (draft) => {
    const pair = draft.query[at % draft.query.length];
    return pair ? { ...draft, query: [...draft.query, pair] } : draft;
  }),
  fc
    .tuple(
      fc.constantFrom("limit", "cursor", "a[b]", "__proto__", "constructor", "x", "", "a".repeat(2000)),
      fc.constantFrom(...hostileStrings),
    )
    .map((pair): Mutation => (draft) => ({ ...draft, query: [...draft.query, pair] })),
  fc.nat().map((at): Mutation => (draft) => ({ ...draft, query: without(draft.query, at) })),
);

const hostileParameter: fc.Arbitrary<Mutation> = fc
  .tuple(fc.nat(), fc.constantFrom(...hostileStrings))
  .map(([at, value]): Mutation => (draft) => {
    const names = Object.keys(draft.path);
    const name = names[at % names.length];
    return name === undefined ? draft : { ...draft, path: { ...draft.path, [name]: value } };
  });

function hostileTarget({ path }: DescribedOperation): fc.Arbitrary<Mutation> {
  const targets = [
    `${path}/`,
    `/${path}`,
    `${path}/..`,
    `${path}/%2e%2e/x`,
    `/x/..${path}`,
    `${path}%00`,
    `${path}%zz`,
    `${path}%c0%af`,
    `${path};a=b`,
    `${path}?`,
    `${path}??a=1&&&=&a`,
    `${path}/${"y".repeat(1500)}`,
    path.toUpperCase(),
    path.replaceAll(/\{\w+\}/g, "%2F"),
    path.replaceAll(/\{\w+\}/g, ""),
    path.replaceAll(/\{\w+\}/g, "*"),
  ];
  return fc.constantFrom(...targets).map((target): Mutation => (draft) => ({ ...draft, target }));
}

/** Replaces, removes or adds something at some place inside a JSON body. */
const hostileField: fc.Arbitrary<Mutation> = fc
  .tuple(
    fc.array(fc.nat(), { maxLength: 4 }),
    fc.oneof(
      hostileValues.map((value) => ({ what: "replace" as const, value })),
      fc.constant({ what: "remove" as const }),
      fc
        .tuple(fc.constantFrom(...hostileNames), hostileValues)
        .map(([name, value]) => ({ what: "add" as const, name, value })),
    ),
  )
  .map(
    ([place, change]): Mutation =>
      (draft) =>
        draft.body === undefined || draft.body.raw !== undefined
          ? draft
          : { ...draft, body: { ...draft.body, value: changed(draft.body.value, place, change) } },
  );

type Change =
  | { readonly what: "replace"; readonly value: unknown }
  | { readonly what: "remove" }
  | { readonly what: "add"; readonly name: string; readonly value: unknown };

/** The same JSON with a change at a place; each step of the place picks one of the values there. */
function changed(value: unknown, [step, ...deeper]: readonly number[], change: Change): unknown {
  const isObject = typeof value === "object" && value !== null && !(value instanceof Known);
  if (step === undefined || !isObject || Object.keys(value).length === 0) {
    if (change.what === "replace") return change.value;
    if (change.what === "add" && isObject) {
      // Assigned by `fromEntries`, so that `__proto__` becomes a property like any other.
      return Object.fromEntries([...Object.entries(value), [change.name, change.value]]);
    }
    return value;
  }
  const entries = Object.entries(value);
  const at = step % entries.length;
  const next = entries.flatMap(([name, each], i): [string, unknown][] => {
    if (i !== at) return [[name, each]];
    if (change.what === "remove" && deeper.length === 0) return [];
    return [[name, changed(each, deeper, change)]];
  });
  return Array.isArray(value) ? next.map(([, each]) => each) : Object.fromEntries(next);
}

const rawBodies: readonly Buffer[] = [
  Buffer.alloc(0),
  Buffer.from("{"),
  Buffer.from('{"a":1,}'),
  Buffer.from('{"kind":"product","kind":"admin"}'),
  Buffer.from("\ufeff{}"),
  Buffer.from([0xff, 0xfe, 0x7b, 0x00]),
  Buffer.from('{"a":"\\ud800"}'),
  Buffer.from('{"a":"\u0000"}'),
  Buffer.from("null"),
  Buffer.from("[]"),
  Buffer.from('"text"'),
  Buffer.from("12345678901234567890"),
  Buffer.from('{"__proto__":{"admin":true},"constructor":{"prototype":{}}}'),
  Buffer.from("[".repeat(5000)),
  Buffer.from('{"a":'.repeat(3000)),
  Buffer.from("a=b&c[d]=e&__proto__=f"),
  Buffer.from("<?xml version='1.0'?><!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]><x>&y;</x>"),
];
const bodyTypes = [
  "application/json",
  "application/json; charset=utf-8",
  "application/problem+json",
  "application/x-www-form-urlencoded",
  "text/plain",
  "text/xml",
  "",
  "/",
] as const;

const hostileBody: fc.Arbitrary<Mutation> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...bodyTypes), fc.constantFrom(...rawBodies))
    .map(([mediaType, raw]): Mutation => (draft) => ({ ...draft, body: { mediaType, value: undefined, raw } })),
  fc.constantFrom(...bodyTypes).map(
    (mediaType): Mutation =>
      (draft) =>
        draft.body ? { ...draft, body: { ...draft.body, mediaType } } : draft,
  ),
  fc.constant<Mutation>((draft) => ({ ...draft, body: undefined })),
);

const uninvitedBody: fc.Arbitrary<Mutation> = fc
  .tuple(fc.constantFrom(...bodyTypes), fc.constantFrom(...rawBodies))
  .map(([mediaType, raw]): Mutation => (draft) => ({ ...draft, body: { mediaType, value: undefined, raw } }));

function without<T>(list: readonly T[], at: number): T[] {
  return list.filter((_, i) => i !== at % list.length);
}
