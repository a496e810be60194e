// Ways to say a request so that a guard may take it for another one: paths that mean the same after somebody has tidied
// them up, verbs that a guard may not know, and headers that some proxies and frameworks believe.

/** One request. */
export interface Shot {
  readonly verb: string;
  readonly path: string;
  readonly header?: readonly [name: string, value: string];
}

/** A request that should be refused, and the kind of its disguise. */
export interface Disguise extends Shot {
  readonly kind: "path" | "verb" | "header";
}

const verbs = ["HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "PROPFIND", "DEBUG", "GETS", "FOO", "get"];
/** Headers that name another path than the request line does. */
const rewriters = ["X-Original-URL", "X-Rewrite-URL", "X-Original-URI", "X-Forwarded-Uri", "X-Accel-Redirect"];
/** A token whose header says that nobody signed it (RFC 7519 section 6): `{"alg":"none"}`, `{"sub":"admin"}`. */
const unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.";
/** Headers that claim a place or a person. */
const claims: readonly (readonly [string, string])[] = [
  ["X-Forwarded-For", "127.0.0.1"],
  ["Forwarded", "for=127.0.0.1;proto=https;host=localhost"],
  ["X-Real-IP", "127.0.0.1"],
  ["X-Client-IP", "127.0.0.1"],
  ["X-Remote-IP", "127.0.0.1"],
  ["X-Originating-IP", "127.0.0.1"],
  ["True-Client-IP", "127.0.0.1"],
  ["X-Custom-IP-Authorization", "127.0.0.1"],
  ["X-Forwarded-Host", "localhost"],
  ["X-Forwarded-Port", "443"],
  ["X-Remote-User", "admin"],
  ["X-Forwarded-User", "admin"],
  ["X-Authenticated-User", "admin"],
  ["X-HTTP-Method-Override", "GET"],
  ["X-HTTP-Method-Override", "OPTIONS"],
  ["X-Method-Override", "HEAD"],
  ["Origin", "null"],
  ["Cookie", "admin=true; session=admin; token=admin"],
  ["X-Api-Key", "admin"],
  ["Authorization", "Basic YWRtaW46YWRtaW4="],
  ["Authorization", "Bearer null"],
  ["Authorization", "Bearer charter_ad_00000000_"],
  ["Authorization", `Bearer ${unsigned}`],
];

/** Everything that a guarded request can be said as. `lobby` is a path that anybody may ask for. */
export function disguisesOf({ verb, path }: Shot, lobby: string): Disguise[] {
  const paths = pathsLike(path).map((other): Disguise => ({ kind: "path", verb, path: other }));
  const others = verbs.map((other): Disguise => ({ kind: "verb", verb: other, path }));
  const claimed = claims.map((header): Disguise => ({ kind: "header", verb, path, header }));
  const rewritten = rewriters.map((name): Disguise => ({
    kind: "header",
    verb: "GET",
    path: lobby,
    header: [name, path],
  }));
  return [...paths, ...others, ...claimed, ...rewritten];
}

/** Paths that are another one's after decoding, after its dots are resolved, or after what follows it is cut off. */
function pathsLike(path: string): string[] {
  const rest = path.slice(1);
  const lastSlash = path.lastIndexOf("/");
  const [before, last] = [path.slice(0, lastSlash), path.slice(lastSlash + 1)];
  const first = `%${(rest.codePointAt(0) ?? 0).toString(16)}`;
  const prefixes = [
    "/",
    "/.",
    "/%2e",
    "/%252e",
    "/x/..",
    "/x/..;",
    "/..;",
    "/x/%2e%2e",
    "/;",
    "/health/..",
    "/health/..;",
  ];
  const suffixes = ["/", "//", "/.", "/..;/", ".", "..;/", "%20", "%09", "%00", "%0a", "%2f", "%3f", "%23", "?", "~"];
  const words = [".json", ".html", ".css", ";", ";jsessionid=1", "?access_token=admin", "?admin=true"];
  return [
    ...prefixes.map((prefix) => `${prefix}${path}`),
    ...[...suffixes, ...words].map((suffix) => `${path}${suffix}`),
    ...["/./", "//", "/;/", "/x/../", "/x/..;/", "/.;/"].map((middle) => `${before}${middle}${last}`),
    `/${first}${rest.slice(1)}`,
    `/%25${first.slice(1)}${rest.slice(1)}`,
    `/${rest.replaceAll("/", "%2f")}`,
    `/${rest.replaceAll("/", "%252f")}`,
    `/${rest.replaceAll("/", "%5c")}`,
    `/${rest.replaceAll("/", "%c0%af")}`,
    `/health/..%2f${rest}`,
    `/openapi.json;/..${path}`,
    `/ledger/tile/0/..%2f..%2f..%2f${rest}`,
    path.toUpperCase(),
    `/${rest.charAt(0).toUpperCase()}${rest.slice(1)}`,
  ].filter((other) => other !== path);
}
