// Hostile requests, made by fast-check: the same ones for the same seed. Each is a list of pieces to write to a socket.
import fc from "fast-check";

/** One hostile request. */
export interface Hostile {
  /** What kind of hostility it is, for the report. */
  readonly name: string;
  readonly pieces: readonly Buffer[];
  readonly isHead: boolean;
}

/** What hostile requests can name that is really there. */
export interface Real {
  readonly keys: readonly string[];
  readonly artifact: string;
  readonly product: string;
  readonly type: string;
}

const crlf = "\r\n";
const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "LOCK", "get", "X"];
const operationPaths = [
  "/", "/health", "/ready", "/openapi.json", "/ledger/checkpoint", "/ledger/verifier-key", "/ledger/public.pem",
  "/ledger/tile/0/000", "/ledger/tile/0/000.p/3", "/ledger/tile/entries/000.p/1", "/ledger/proof/0", "/ledger/entries",
  "/governance/info", "/v1/halts", "/v1/halts/GURUKUL/clear", "/metrics/storage-capacity", "/v1/keys", "/v1/keys/key_00000000",
  "/v1/artifacts", "/bucket/write", "/v1/artifacts/ID", "/v1/artifacts/ID/content", "/v1/artifacts/ID/proof",
  "/v1/artifacts/ID/lineage", "/v1/artifacts/ID/hold", "/v1/products", "/v1/scrub",
];
const segments = [
  "%00", "%2e%2e", "%2e%2e%2f", "..", ".", "%", "%zz", "%f", "%ff", "%c0%af", "%ed%a0%80", "%25%30%30", "%0d%0a", "%2F", ";",
  "%F0%9F%98%80", "a".repeat(300), "%61".repeat(200), "__proto__", "constructor", "-1", "0", "1e9", "9007199254740993",
  "99999999999999999999", "NaN", "x999/x999/x999/999", "000.p/0", "000.p/256", "x000/000", "*", "~", "null", "\u00e9",
];
const words = [
  "", " ", "0", "-1", "1e999", "NaN", "null", "true", "[]", "{}", "%00", "%FF", "\\", "'", "\"", "a".repeat(5000), "__proto__",
  "2026-13-45", "2026-02-30T00:00:00Z", "9999999999", "1001", "100", "1.5", "GURUKUL", "*", "..", "%ed%a0%80", "\u202e", "%u0000",
  "275761-01-01", "0000-00-00", "2026-01-01T99:00:00Z", "999999999.999999999",
];
const parameters = [
  "product", "type", "tag", "createdBy", "createdAfter", "createdBefore", "limit", "cursor", "direction", "principal", "operation",
  "kind", "request", "since", "until", "used_gb", "derivedFrom", "retentionClass", "clientTime", "__proto__", "a[b]", "a[]", "%00", "",
];
const headerValues = [
  "", " ", "*", "\"", "\"x\"", "W/\"x\"", "bytes=", "bytes=-", "bytes=0-", "bytes=5-2", "bytes=0-0,2-2", "bytes=99999999999999999999-",
  "bytes=-99999999999999999", "items=0-1", "bytes=a-b", "sha-256=:AA==:", "sha-256=x", "sha-256", "=:", "sha-256=:" + "A".repeat(44) + ":",
  "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:", "identity", "gzip", "br, gzip", "chunked", "application/json", "application/json; charset=utf-16",
  "text/plain", "multipart/form-data; boundary=x", "a/b/c", "/", "Bearer", "Bearer ", "Bearer x", "Basic YTpi", `Bearer ${"A".repeat(300)}`,
  "Bearer charter_ad_00000000_" + "A".repeat(43), "100-continue", "something-else", "websocket", "keep-alive", "close, upgrade", "-1", "1",
  "\u00ff\u00fe", "a".repeat(8000), "e30", "eyJhIjoxfQ==", "!!!", "bnVsbA", "W10", "\t", "a\tb", "0123456789abcdef",
];
const headerNames = [
  "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Content-Digest", "Repr-Digest",
  "Content-Encoding", "Content-Type", "Authorization", "Idempotency-Key", "Charter-Metadata", "X-Constitution-Hash", "Expect", "Upgrade",
  "Connection", "Accept", "Accept-Encoding", "Accept-Version", "Origin", "Cookie", "X-Request-ID", "X-HTTP-Method-Override", "TE",
  "Trailer", "Via", "X-Forwarded-For", "Forwarded", "Date", "Max-Forwards", "HTTP2-Settings", "Transfer-Encoding", "Content-Length", "Host",
];
/** Text of a JSON value, also of ones that JSON.stringify would never write. */
const oddJson = [
  "1e999", "-1e999", "9007199254740993", "-0", "1.0000000000000001", "1e-400", "\"\\ud800\"", "\"\\udc00x\"", "\"\\u0000\"", "\"\u202e\"",
  "null", "true", "[]", "{}", "[[]]", "\"\"", "\" \"", "-1", "0.1", "{\"__proto__\":{\"a\":1}}", "{\"constructor\":{\"prototype\":{}}}",
  "{\"a\":1,\"a\":2}", `"${"x".repeat(20_000)}"`, `[${"0,".repeat(5000)}0]`, `${"[".repeat(40)}${"]".repeat(40)}`, "NaN", "'x'", "01", "[1,]",
  "{\"\\u0000\":1}", "{\"\\ud800\":1}", "{\"\":{\"\":{}}}", "\"2026-01-01T00:00:00Z\"", "\"key_00000000\"", "[null]", "[\"a\",\"a\"]", "[\"\\ud800\"]",
  "[\"\\u0000\"]", "{\"toString\":1,\"valueOf\":2}", "{\"length\":1e9}", "\"GURUKUL\"", "\"sha256:0\"",
];
/** Values that are odd and yet JSON of an ordinary depth, so that the domain gets to see them. */
const oddValues = oddJson.filter((text) => {
  try {
    return text.length < 30_000 && !text.startsWith("[[[") && JSON.parse(text) !== undefined;
  } catch {
    return false;
  }
});
const fieldsOf: Readonly<Record<string, readonly string[]>> = {
  "/v1/artifacts": ["product_id", "artifact_type", "payload", "metadata", "tags", "derivedFrom", "retentionClass", "mediaType", "clientTime", "created_by", "content_hash"],
  "/bucket/write": ["product_id", "artifact_type", "data", "metadata", "tags", "created_by", "created_at", "content_hash"],
  "/v1/keys": ["kind", "product", "label"],
  "/hold": ["hold", "reason"],
  "/clear": ["reason"],
};
const anyFields = ["unknown", "__proto__", "", "constructor", "artifact_id", "legalHold", "derivedFrm", ...Object.values(fieldsOf).flat()];

function knownFields(path: string): readonly string[] {
  return fieldsOf[path] ?? fieldsOf[path.slice(path.lastIndexOf("/"))] ?? [];
}

/** Requests against a server that holds some real things. */
export function hostileRequests(real: Real): fc.Arbitrary<Hostile> {
  const pick = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
  const key = pick(...real.keys);
  const path = pick(...operationPaths).map((each) => each.replace("ID", real.artifact));
  const method = pick(...methods);
  const oddText = fc.oneof(pick(...words), fc.string({ unit: "grapheme", maxLength: 40 }).map(encodeURI));
  const query = fc
    .array(fc.tuple(pick(...parameters), oddText), { minLength: 1, maxLength: 4 })
    .map((pairs) => `?${pairs.map(([name, value]) => `${name}=${value}`).join("&")}`);
  const json = fc.oneof({ weight: 3, arbitrary: pick(...oddJson) }, { weight: 1, arbitrary: fc.json({ maxDepth: 5 }) });
  const writePath = pick("/v1/artifacts", "/v1/artifacts", "/bucket/write", "/v1/keys", `/v1/artifacts/${real.artifact}/hold`, "/v1/halts/GURUKUL/clear");
  const streamPath = `/v1/artifacts?product=${real.product}&type=${real.type}`;

  const oddPaths = fc.tuple(method, path, fc.array(pick(...segments), { minLength: 1, maxLength: 3 }), key).map(([verb, base, odd, bearer]) =>
    ordinary("path", verb, `${base}/${odd.join("/")}`, bearer));
  const oddInside = fc.tuple(method, pick(...segments), pick("", "/content", "/proof", "/lineage", "/hold"), key).map(([verb, odd, end, bearer]) =>
    ordinary("id", verb, `/v1/artifacts/${odd}${end}`, bearer));
  const oddQueries = fc.tuple(pick("GET", "HEAD", "POST"), path, query, key).map(([verb, base, odd, bearer]) =>
    ordinary("query", verb, base + odd, bearer));
  const longQueries = fc.tuple(path, pick(...parameters), fc.nat({ max: 40_000 }), key).map(([base, name, length, bearer]) =>
    ordinary("long query", "GET", `${base}?${name}=${"q".repeat(length)}`, bearer));
  const oddMethods = fc.tuple(method, path, pick(...headerValues), json, key).map(([verb, base, type, body, bearer]) =>
    ordinary("method", verb, base, bearer, [["Content-Type", type]], body));
  const oddHeaders = fc
    .tuple(pick("GET", "HEAD", "POST"), fc.oneof(path, fc.constant(streamPath)), fc.array(fc.tuple(pick(...headerNames), pick(...headerValues)), { minLength: 1, maxLength: 4 }), key)
    .map(([verb, base, headers, bearer]) => ordinary("header", verb, base, bearer, headers, verb === "POST" ? "{}" : undefined));
  const randomHeaders = fc.tuple(path, fc.string({ unit: "binary", maxLength: 60 }), fc.string({ unit: "binary", maxLength: 60 }), key).map(
    ([base, name, value, bearer]) => ordinary("random header", "GET", base, bearer, [[name, value]]));
  const floods = fc.tuple(path, fc.nat({ max: 3000 }), fc.nat({ max: 60 }), key).map(([base, count, length, bearer]) =>
    ordinary("header flood", "GET", base, bearer, Array.from({ length: count }, (_, i) => [`x-${i}`, "f".repeat(length)] as const)));
  const envelopes = fc
    .tuple(writePath, fc.uniqueArray(fc.tuple(pick(...anyFields), json), { minLength: 1, maxLength: 4, selector: ([name]) => name }), fc.boolean(), key)
    .map(([base, odd, isWhole, bearer]) => {
      const good = isWhole ? goodFields(base, real).filter(([name]) => !odd.some(([other]) => other === name)) : [];
      const body = `{${[...good, ...odd].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
      return ordinary("field", "POST", base, bearer, [["Content-Type", "application/json"]], body);
    });
  const almostGood = writePath.chain((base) =>
    fc.tuple(fc.constant(base), pick(...knownFields(base)), fc.oneof(pick(...oddValues), pick(...oddValues).map((value) => `[${value}]`), pick(...oddValues).map((value) => `{"a":${value}}`)), key),
  ).map(([base, name, value, bearer]) => {
    const good = goodFields(base, real).filter(([other]) => other !== name);
    const body = `{${[...good, [name, value] as const].map(([field, text]) => `${JSON.stringify(field)}:${text}`).join(",")}}`;
    return ordinary("almost good", "POST", base, bearer, [["Content-Type", "application/json"]], body);
  });
  const streams = fc
    .tuple(fc.array(fc.tuple(pick("tag", "derivedFrom", "retentionClass", "clientTime", "type"), oddText), { maxLength: 2 }), fc.array(fc.tuple(pick("Content-Type", "Charter-Metadata", "Idempotency-Key", "If-None-Match", "Content-Digest", "Content-Encoding"), pick(...headerValues)), { maxLength: 2 }), fc.uint8Array({ maxLength: 100 }), key)
    .map(([odd, headers, bytes, bearer]) => ordinary("stream", "POST", streamPath + odd.map(([name, value]) => `&${name}=${value}`).join(""), bearer, headers, Buffer.from(bytes)));
  const contents = fc
    .tuple(pick("GET", "HEAD"), fc.array(fc.tuple(pick("Range", "If-Range", "If-None-Match", "Accept-Encoding", "Connection"), pick(...headerValues)), { minLength: 1, maxLength: 3 }), pick(...real.keys))
    .map(([verb, headers, bearer]) => ordinary("content", verb, `/v1/artifacts/${real.artifact}/content`, bearer, headers));
  const documents = fc.tuple(writePath, fc.oneof(json, deepJson(), wideJson(), pick("", " ", "{", "[", "\"", "{\"a\":}", "\ufeff{}", "nul")), key).map(
    ([base, body, bearer]) => ordinary("document", "POST", base, bearer, [["Content-Type", "application/json"]], body));
  const badUtf8 = fc.tuple(writePath, fc.uint8Array({ maxLength: 50 }), key).map(([base, bytes, bearer]) =>
    ordinary("bytes as JSON", "POST", base, bearer, [["Content-Type", "application/json"]], Buffer.concat([Buffer.from('{"payload":"'), bytes, Buffer.from('"}')])));
  const lengths = fc.tuple(pick(streamPath, ...["/v1/artifacts", "/bucket/write", "/v1/keys"]), pick("0", "1", "5", "10", "99999", "524288001", "-1", "+3", "0x5", "1e3", "3, 3", "3, 4", "99999999999999999999", " "), key).map(
    ([base, length, bearer]) => raw("content-length", `POST ${base} HTTP/1.1${crlf}Host: h${crlf}Authorization: Bearer ${bearer}${crlf}Content-Type: application/json${crlf}Content-Length: ${length}${crlf}Connection: close${crlf}${crlf}{"a":1}`));
  const chunked = fc.tuple(pick(streamPath, "/v1/artifacts", "/bucket/write"), pick("5\r\nhello\r\n", "5\r\nhello\r\n0\r\n", "zz\r\n", "-1\r\n", "ffffffffffffffffff\r\n", "5;ext=\"x\"\r\nhello\r\n0\r\n\r\n", "5\nhello\n0\n\n", "0\r\nTrailer: x\r\n\r\n", "", "0\r\n\r\nGET / HTTP/1.1\r\n\r\n"), pick("chunked", "Chunked", "gzip, chunked", "chunked, chunked", "identity", "xchunked", "chunked\r\nContent-Length: 3"), key).map(
    ([base, body, coding, bearer]) => raw("chunks", `POST ${base} HTTP/1.1${crlf}Host: h${crlf}Authorization: Bearer ${bearer}${crlf}Content-Type: application/json${crlf}Transfer-Encoding: ${coding}${crlf}Connection: close${crlf}${crlf}${body}`));
  const requestLines = pick(
    "GET / HTTP/9.9", "GET /", "GET  / HTTP/1.1", "GET / HTTP/1.0", "/ HTTP/1.1", "GET http://other/ HTTP/1.1", "GET * HTTP/1.1", "OPTIONS * HTTP/1.1", "CONNECT other:443 HTTP/1.1",
    "GET \u0000 HTTP/1.1", "GET /\u00ff HTTP/1.1", "PRI * HTTP/2.0", "\u0016\u0003\u0001", "", "GET //health HTTP/1.1", "GET /health? HTTP/1.1", "GET /health# HTTP/1.1", "GET health HTTP/1.1", "GET ?a HTTP/1.1", `GET /${"a".repeat(20_000)} HTTP/1.1`);
  const headerLines = pick("Host: h", "", " folded: x", "no colon", ": empty", "Host: a\r\nHost: b", "X: \u0000", "Host : h", "X: a\rb", "X: a\nb", "Content-Length: 1\r\nContent-Length: 2", "Host: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", "Host:", "Host: \u00ff/../");
  const broken = fc.tuple(requestLines, headerLines, pick(crlf, "\n", "\r", "")).map(([line, header, end]) => raw("request line", `${line}${crlf}${header}${crlf}${end}`));
  const noise = fc.uint8Array({ maxLength: 200 }).map((bytes): Hostile => ({ name: "noise", pieces: [Buffer.from(bytes)], isHead: false }));
  const cut = fc.tuple(envelopes, fc.nat({ max: 1000 })).map(([whole, at]): Hostile => {
    const bytes = Buffer.concat(whole.pieces);
    return { name: "cut short", pieces: [bytes.subarray(0, at % bytes.length)], isHead: false };
  });
  const pipelined = fc.tuple(oddPaths, fc.oneof(oddQueries, broken, noise)).filter(([first, second]) => !first.isHead && !second.isHead).map(([first, second]): Hostile => ({
    name: "pipelined",
    pieces: [...first.pieces.map((piece) => Buffer.from(piece.toString("latin1").replace("Connection: close", "Connection: keep-alive"), "latin1")), ...second.pieces],
    isHead: first.isHead || second.isHead,
  }));
  return fc.oneof(
    { weight: 8, arbitrary: oddPaths }, { weight: 6, arbitrary: oddInside }, { weight: 12, arbitrary: oddQueries }, { weight: 2, arbitrary: longQueries },
    { weight: 8, arbitrary: oddMethods }, { weight: 12, arbitrary: oddHeaders }, { weight: 4, arbitrary: randomHeaders }, { weight: 1, arbitrary: floods },
    { weight: 8, arbitrary: envelopes }, { weight: 16, arbitrary: almostGood }, { weight: 8, arbitrary: streams }, { weight: 4, arbitrary: contents }, { weight: 8, arbitrary: documents }, { weight: 4, arbitrary: badUtf8 }, { weight: 4, arbitrary: lengths },
    { weight: 4, arbitrary: chunked }, { weight: 5, arbitrary: broken }, { weight: 3, arbitrary: noise }, { weight: 3, arbitrary: cut }, { weight: 3, arbitrary: pipelined },
  );
}

/** The fields that make a write of one path pass, as JSON text. */
function goodFields(path: string, real: Real): [name: string, value: string][] {
  if (path.endsWith("/hold")) return [["hold", "true"], ["reason", '"a reason long enough"']];
  if (path.endsWith("/clear")) return [["reason", '"a reason long enough"']];
  if (path === "/v1/keys") return [["kind", '"product"'], ["product", JSON.stringify(real.product)]];
  const payload = path === "/bucket/write" ? "data" : "payload";
  return [["product_id", JSON.stringify(real.product)], ["artifact_type", JSON.stringify(real.type)], [payload, '{"a":1}']];
}

function deepJson(): fc.Arbitrary<string> {
  return fc.tuple(fc.constantFrom("[", '{"a":'), fc.nat({ max: 20_000 })).map(([open, depth]) => open.repeat(depth) + "1" + (open === "[" ? "]" : "}").repeat(depth));
}

function wideJson(): fc.Arbitrary<string> {
  return fc.tuple(fc.constantFrom("0", "{}", '""', "[]"), fc.nat({ max: 300_000 })).map(([item, width]) => `{"payload":[${`${item},`.repeat(width)}0]}`);
}

function raw(name: string, text: string): Hostile {
  return { name, pieces: [Buffer.from(text, "latin1")], isHead: false };
}

/** A request that is well-formed but for what is odd in its parts. */
function ordinary(
  name: string,
  method: string,
  target: string,
  bearer: string,
  headers: readonly (readonly [string, string])[] = [],
  body?: string | Buffer,
): Hostile {
  const lines = [`${method} ${target} HTTP/1.1`];
  const given = new Set(headers.map(([header]) => header.toLowerCase()));
  if (!given.has("host")) lines.push("Host: localhost");
  if (!given.has("authorization")) lines.push(`Authorization: Bearer ${bearer}`);
  if (!given.has("connection")) lines.push("Connection: close");
  for (const [header, value] of headers) lines.push(`${header}: ${value}`);
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(body);
  if (body !== undefined && !given.has("content-length") && !given.has("transfer-encoding")) lines.push(`Content-Length: ${bytes.length}`);
  return { name, pieces: [Buffer.from(lines.join(crlf) + crlf + crlf, "latin1"), bytes], isHead: method === "HEAD" };
}
