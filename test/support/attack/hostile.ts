// Hostile requests, made by fast-check: the same ones for the same seed. Each is a list of pieces to write to a socket.
import * as fc from "fast-check";
import {
  headerNames,
  headerValues,
  methods,
  oddJson,
  operationPaths,
  parameters,
  segments,
  words,
} from "./hostile-words.ts";

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
/** Values that are odd and yet JSON of an ordinary depth, so that the domain gets to see them. */
const oddValues = oddJson.filter((text) => {
  try {
    return text.length < 30_000 && !text.startsWith("[[[") && JSON.parse(text) !== undefined;
  } catch {
    return false;
  }
});
const fieldsOf: Readonly<Record<string, readonly string[]>> = {
  "/v1/artifacts": [
    "product_id",
    "artifact_type",
    "payload",
    "metadata",
    "tags",
    "derived_from",
    "retention_class",
    "media_type",
    "client_time",
    "created_by",
    "content_hash",
  ],
  "/bucket/write": [
    "product_id",
    "artifact_type",
    "data",
    "metadata",
    "tags",
    "created_by",
    "created_at",
    "content_hash",
  ],
  "/v1/keys": ["kind", "product", "label"],
  "/hold": ["hold", "reason"],
  "/clear": ["reason"],
};
const anyFields = [
  "unknown",
  "__proto__",
  "",
  "constructor",
  "artifact_id",
  "legal_hold",
  "derivedFrm",
  ...Object.values(fieldsOf).flat(),
];

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
  const writePath = pick(
    "/v1/artifacts",
    "/v1/artifacts",
    "/bucket/write",
    "/v1/keys",
    `/v1/artifacts/${real.artifact}/hold`,
    "/v1/halts/GURUKUL/clear",
  );
  const streamPath = `/v1/artifacts?product=${real.product}&type=${real.type}`;

  const oddPaths = fc
    .tuple(method, path, fc.array(pick(...segments), { minLength: 1, maxLength: 3 }), key)
    .map(([verb, base, odd, bearer]) => ordinary("path", verb, `${base}/${odd.join("/")}`, bearer));
  const oddInside = fc
    .tuple(method, pick(...segments), pick("", "/content", "/proof", "/lineage", "/hold"), key)
    .map(([verb, odd, end, bearer]) => ordinary("id", verb, `/v1/artifacts/${odd}${end}`, bearer));
  const oddQueries = fc
    .tuple(pick("GET", "HEAD", "POST"), path, query, key)
    .map(([verb, base, odd, bearer]) => ordinary("query", verb, base + odd, bearer));
  const longQueries = fc
    .tuple(path, pick(...parameters), fc.nat({ max: 40_000 }), key)
    .map(([base, name, length, bearer]) =>
      ordinary("long query", "GET", `${base}?${name}=${"q".repeat(length)}`, bearer),
    );
  const oddMethods = fc
    .tuple(method, path, pick(...headerValues), json, key)
    .map(([verb, base, type, body, bearer]) => ordinary("method", verb, base, bearer, [["Content-Type", type]], body));
  const oddHeaders = fc
    .tuple(
      pick("GET", "HEAD", "POST"),
      fc.oneof(path, fc.constant(streamPath)),
      fc.array(fc.tuple(pick(...headerNames), pick(...headerValues)), { minLength: 1, maxLength: 4 }),
      key,
    )
    .map(([verb, base, headers, bearer]) =>
      ordinary("header", verb, base, bearer, headers, verb === "POST" ? "{}" : undefined),
    );
  const randomHeaders = fc
    .tuple(path, fc.string({ unit: "binary", maxLength: 60 }), fc.string({ unit: "binary", maxLength: 60 }), key)
    .map(([base, name, value, bearer]) => ordinary("random header", "GET", base, bearer, [[name, value]]));
  const floods = fc.tuple(path, fc.nat({ max: 3000 }), fc.nat({ max: 60 }), key).map(([base, count, length, bearer]) =>
    ordinary(
      "header flood",
      "GET",
      base,
      bearer,
      Array.from({ length: count }, (_, i) => [`x-${i}`, "f".repeat(length)] as const),
    ),
  );
  const envelopes = fc
    .tuple(
      writePath,
      fc.uniqueArray(fc.tuple(pick(...anyFields), json), { minLength: 1, maxLength: 4, selector: ([name]) => name }),
      fc.boolean(),
      key,
    )
    .map(([base, odd, isWhole, bearer]) => {
      const good = isWhole ? goodFields(base, real).filter(([name]) => !odd.some(([other]) => other === name)) : [];
      const body = `{${[...good, ...odd].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
      return ordinary("field", "POST", base, bearer, [["Content-Type", "application/json"]], body);
    });
  const almostGood = writePath
    .chain((base) =>
      fc.tuple(
        fc.constant(base),
        pick(...knownFields(base)),
        fc.oneof(
          pick(...oddValues),
          pick(...oddValues).map((value) => `[${value}]`),
          pick(...oddValues).map((value) => `{"a":${value}}`),
        ),
        key,
      ),
    )
    .map(([base, name, value, bearer]) => {
      const good = goodFields(base, real).filter(([other]) => other !== name);
      const body = `{${[...good, [name, value] as const].map(([field, text]) => `${JSON.stringify(field)}:${text}`).join(",")}}`;
      return ordinary("almost good", "POST", base, bearer, [["Content-Type", "application/json"]], body);
    });
  const streams = fc
    .tuple(
      fc.array(fc.tuple(pick("tag", "derived_from", "retention_class", "client_time", "type"), oddText), {
        maxLength: 2,
      }),
      fc.array(
        fc.tuple(
          pick(
            "Content-Type",
            "Charter-Metadata",
            "Idempotency-Key",
            "If-None-Match",
            "Content-Digest",
            "Content-Encoding",
          ),
          pick(...headerValues),
        ),
        { maxLength: 2 },
      ),
      fc.uint8Array({ maxLength: 100 }),
      key,
    )
    .map(([odd, headers, bytes, bearer]) =>
      ordinary(
        "stream",
        "POST",
        streamPath + odd.map(([name, value]) => `&${name}=${value}`).join(""),
        bearer,
        headers,
        Buffer.from(bytes),
      ),
    );
  const contents = fc
    .tuple(
      pick("GET", "HEAD"),
      fc.array(
        fc.tuple(pick("Range", "If-Range", "If-None-Match", "Accept-Encoding", "Connection"), pick(...headerValues)),
        { minLength: 1, maxLength: 3 },
      ),
      pick(...real.keys),
    )
    .map(([verb, headers, bearer]) =>
      ordinary("content", verb, `/v1/artifacts/${real.artifact}/content`, bearer, headers),
    );
  const documents = fc
    .tuple(
      writePath,
      fc.oneof(json, deepJson(), wideJson(), pick("", " ", "{", "[", '"', '{"a":}', "\ufeff{}", "nul")),
      key,
    )
    .map(([base, body, bearer]) =>
      ordinary("document", "POST", base, bearer, [["Content-Type", "application/json"]], body),
    );
  const badUtf8 = fc
    .tuple(writePath, fc.uint8Array({ maxLength: 50 }), key)
    .map(([base, bytes, bearer]) =>
      ordinary(
        "bytes as JSON",
        "POST",
        base,
        bearer,
        [["Content-Type", "application/json"]],
        Buffer.concat([Buffer.from('{"payload":"'), bytes, Buffer.from('"}')]),
      ),
    );
  const lengths = fc
    .tuple(
      pick(streamPath, "/v1/artifacts", "/bucket/write", "/v1/keys"),
      pick(
        "0",
        "1",
        "5",
        "10",
        "99999",
        "524288001",
        "-1",
        "+3",
        "0x5",
        "1e3",
        "3, 3",
        "3, 4",
        "99999999999999999999",
        " ",
      ),
      key,
    )
    .map(([base, length, bearer]) =>
      raw(
        "content-length",
        `POST ${base} HTTP/1.1${crlf}Host: h${crlf}Authorization: Bearer ${bearer}${crlf}Content-Type: application/json${crlf}Content-Length: ${length}${crlf}Connection: close${crlf}${crlf}{"a":1}`,
      ),
    );
  const chunked = fc
    .tuple(
      pick(streamPath, "/v1/artifacts", "/bucket/write"),
      pick(
        "5\r\nhello\r\n",
        "5\r\nhello\r\n0\r\n",
        "zz\r\n",
        "-1\r\n",
        "ffffffffffffffffff\r\n",
        '5;ext="x"\r\nhello\r\n0\r\n\r\n',
        "5\nhello\n0\n\n",
        "0\r\nTrailer: x\r\n\r\n",
        "",
        "0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
      ),
      pick(
        "chunked",
        "Chunked",
        "gzip, chunked",
        "chunked, chunked",
        "identity",
        "xchunked",
        "chunked\r\nContent-Length: 3",
      ),
      key,
    )
    .map(([base, body, coding, bearer]) =>
      raw(
        "chunks",
        `POST ${base} HTTP/1.1${crlf}Host: h${crlf}Authorization: Bearer ${bearer}${crlf}Content-Type: application/json${crlf}Transfer-Encoding: ${coding}${crlf}Connection: close${crlf}${crlf}${body}`,
      ),
    );
  const requestLines = pick(
    "GET / HTTP/9.9",
    "GET /",
    "GET  / HTTP/1.1",
    "GET / HTTP/1.0",
    "/ HTTP/1.1",
    "GET http://other/ HTTP/1.1",
    "GET * HTTP/1.1",
    "OPTIONS * HTTP/1.1",
    "CONNECT other:443 HTTP/1.1",
    "GET \u0000 HTTP/1.1",
    "GET /\u00ff HTTP/1.1",
    "PRI * HTTP/2.0",
    "\u0016\u0003\u0001",
    "",
    "GET //health HTTP/1.1",
    "GET /health? HTTP/1.1",
    "GET /health# HTTP/1.1",
    "GET health HTTP/1.1",
    "GET ?a HTTP/1.1",
    `GET /${"a".repeat(20_000)} HTTP/1.1`,
  );
  const headerLines = pick(
    "Host: h",
    "",
    " folded: x",
    "no colon",
    ": empty",
    "Host: a\r\nHost: b",
    "X: \u0000",
    "Host : h",
    "X: a\rb",
    "X: a\nb",
    "Content-Length: 1\r\nContent-Length: 2",
    "Host: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
    "Host:",
    "Host: \u00ff/../",
  );
  const broken = fc
    .tuple(requestLines, headerLines, pick(crlf, "\n", "\r", ""))
    .map(([line, header, end]) => raw("request line", `${line}${crlf}${header}${crlf}${end}`));
  const noise = fc
    .uint8Array({ maxLength: 200 })
    .map((bytes): Hostile => ({ name: "noise", pieces: [Buffer.from(bytes)], isHead: false }));
  const cut = fc.tuple(envelopes, fc.nat({ max: 1000 })).map(([whole, at]): Hostile => {
    const bytes = Buffer.concat(whole.pieces);
    return { name: "cut short", pieces: [bytes.subarray(0, at % bytes.length)], isHead: false };
  });
  const pipelined = fc
    .tuple(oddPaths, fc.oneof(oddQueries, broken, noise))
    .filter(([first, second]) => !first.isHead && !second.isHead)
    .map(([first, second]): Hostile => ({
      name: "pipelined",
      pieces: [
        ...first.pieces.map((piece) =>
          Buffer.from(piece.toString("latin1").replace("Connection: close", "Connection: keep-alive"), "latin1"),
        ),
        ...second.pieces,
      ],
      isHead: first.isHead || second.isHead,
    }));
  return fc.oneof(
    { weight: 8, arbitrary: oddPaths },
    { weight: 6, arbitrary: oddInside },
    { weight: 12, arbitrary: oddQueries },
    { weight: 2, arbitrary: longQueries },
    { weight: 8, arbitrary: oddMethods },
    { weight: 12, arbitrary: oddHeaders },
    { weight: 4, arbitrary: randomHeaders },
    { weight: 1, arbitrary: floods },
    { weight: 8, arbitrary: envelopes },
    { weight: 16, arbitrary: almostGood },
    { weight: 8, arbitrary: streams },
    { weight: 4, arbitrary: contents },
    { weight: 8, arbitrary: documents },
    { weight: 4, arbitrary: badUtf8 },
    { weight: 4, arbitrary: lengths },
    { weight: 4, arbitrary: chunked },
    { weight: 5, arbitrary: broken },
    { weight: 3, arbitrary: noise },
    { weight: 3, arbitrary: cut },
    { weight: 3, arbitrary: pipelined },
  );
}

/** The fields that make a write of one path pass, as JSON text. */
function goodFields(path: string, real: Real): [name: string, value: string][] {
  if (path.endsWith("/hold"))
    return [
      ["hold", "true"],
      ["reason", '"a reason long enough"'],
    ];
  if (path.endsWith("/clear")) return [["reason", '"a reason long enough"']];
  if (path === "/v1/keys")
    return [
      ["kind", '"product"'],
      ["product", JSON.stringify(real.product)],
    ];
  const payload = path === "/bucket/write" ? "data" : "payload";
  return [
    ["product_id", JSON.stringify(real.product)],
    ["artifact_type", JSON.stringify(real.type)],
    [payload, '{"a":1}'],
  ];
}

function deepJson(): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom("[", '{"a":'), fc.nat({ max: 20_000 }))
    .map(([open, depth]) => open.repeat(depth) + "1" + (open === "[" ? "]" : "}").repeat(depth));
}

function wideJson(): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom("0", "{}", '""', "[]"), fc.nat({ max: 300_000 }))
    .map(([item, width]) => `{"payload":[${`${item},`.repeat(width)}0]}`);
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
  if (body !== undefined && !given.has("content-length") && !given.has("transfer-encoding"))
    lines.push(`Content-Length: ${bytes.length}`);
  return { name, pieces: [Buffer.from(lines.join(crlf) + crlf + crlf, "latin1"), bytes], isHead: method === "HEAD" };
}
