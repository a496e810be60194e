// An external OpenID Connect issuer as an operator configures it, and the reader of the file that names them. Every
// problem is said with its line and column, all of them at once.
import { Ajv2020 } from "ajv/dist/2020.js";
import type { ErrorObject } from "ajv/dist/2020.js";
import ipaddr from "ipaddr.js";
import { isMap, isScalar, LineCounter, parseDocument, visit } from "yaml";
import type { Document } from "yaml";
import { principalKinds, roles } from "../../kernel/ctx.ts";
import type { PrincipalKind, Role } from "../../kernel/ctx.ts";
import { issuerFault } from "./errors.ts";

/** What a claim's words mean here: the issuer's word, then Charter's. */
export type WordMap = Readonly<Record<string, string>>;

/** One issuer. */
export interface Issuer {
  /** The `iss` of its tokens, to the letter; discovery starts there. */
  readonly issuer: string;
  /** The `aud` that its tokens must name: one that stands for this installation and nothing else. */
  readonly audience: string;
  /** Signature algorithms accepted. */
  readonly algorithms: readonly string[];
  /** Where its keys are; found by discovery when absent. */
  readonly jwksUri?: string;
  /** Which claims say what: names, with dots where they lie deeper, and what their words mean. */
  readonly claims: {
    readonly role?: string;
    readonly kind?: string;
    readonly product?: string;
    readonly map?: { readonly role?: WordMap; readonly kind?: WordMap; readonly product?: WordMap };
  };
  /** What holds where a token says nothing that is known; without it such a token is refused. */
  readonly defaults: { readonly role?: Role; readonly kind?: PrincipalKind; readonly product?: string };
}

/** Asymmetric algorithms of RFC 7518 and RFC 8037; a shared secret would make every verifier an issuer. */
const signatureAlgorithms = [
  "EdDSA",
  "Ed25519",
  "ES256",
  "ES384",
  "ES512",
  "PS256",
  "PS384",
  "PS512",
  "RS256",
  "RS384",
  "RS512",
];
/** What issuers sign with unless something else is agreed on. */
const defaultAlgorithms = ["RS256", "PS256", "ES256", "EdDSA"];
/** Most issuers; more is a sign that one of them should broker the others. */
const maxIssuers = 20;
/** Largest file, characters. */
const maxFileLength = 256 * 1024;

const isOrdinary = (word: string): boolean => word !== "admin";
const grantedRoles = roles.filter((role) => role !== "anonymous");
const claimName = { type: "string", minLength: 1, maxLength: 200 };
const wordMap = (words: object) => ({
  type: "object",
  minProperties: 1,
  maxProperties: 1000,
  additionalProperties: words,
});
const product = { type: "string", pattern: "^[A-Z][A-Z0-9_]{0,63}$" };
const shape = {
  type: "array",
  maxItems: maxIssuers,
  items: {
    type: "object",
    additionalProperties: false,
    required: ["issuer", "audience"],
    properties: {
      issuer: { type: "string", maxLength: 500 },
      audience: { type: "string", minLength: 1, maxLength: 500 },
      algorithms: { type: "array", minItems: 1, uniqueItems: true, items: { enum: signatureAlgorithms } },
      jwksUri: { type: "string", maxLength: 1000 },
      claims: {
        type: "object",
        additionalProperties: false,
        properties: {
          role: claimName,
          kind: claimName,
          product: claimName,
          map: {
            type: "object",
            additionalProperties: false,
            properties: {
              role: wordMap({ enum: grantedRoles }),
              kind: wordMap({ enum: principalKinds }),
              product: wordMap(product),
            },
          },
        },
      },
      defaults: {
        type: "object",
        additionalProperties: false,
        // A missing role must not make an admin.
        properties: {
          role: { enum: grantedRoles.filter(isOrdinary) },
          kind: { enum: principalKinds.filter(isOrdinary) },
          product,
        },
      },
    },
  },
};

type Path = readonly (string | number)[];
interface Found {
  readonly path: Path;
  readonly message: string;
}

/**
 * Reads the file that `identity.issuersFile` names.
 * @param file Its name, for messages.
 * @param text What it holds; undefined when it is not there.
 * @throws `issuers.invalid` with every problem on a line of its own, as `file:line:column: message`.
 */
export function readIssuers(file: string, text: string | undefined): readonly Issuer[] {
  if (text === undefined) throw issuerFault("issuers.invalid", `${file}: there is no such file`);
  const lines = new LineCounter();
  const problem = (offset: number, message: string): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}: ${message}`;
  };
  if (text.length > maxFileLength) throw issuerFault("issuers.invalid", problem(0, "the file is too large"));
  const document = parseDocument(text, { lineCounter: lines, merge: false, prettyErrors: false });
  const unreadable = [...document.errors, ...document.warnings].map(({ pos, message }) => problem(pos[0], message));
  visit(document, {
    Alias: (_key, { range }) => void unreadable.push(problem(range?.[0] ?? 0, "aliases are not allowed")),
  });
  if (unreadable.length > 0) throw issuerFault("issuers.invalid", unreadable.join("\n"));
  const data = document.toJS() as unknown;
  const found = misshapen(data);
  const issuers = found.length > 0 ? [] : (data as Partial<Issuer>[]).map(completed);
  const problems = [...found, ...issuers.flatMap((issuer, i) => unusable(issuer, i)), ...repeated(issuers)];
  if (problems.length === 0) return issuers;
  const messages = problems.map(({ path, message }) => problem(offsetOf(document, path), message));
  throw issuerFault("issuers.invalid", messages.join("\n"));
}

function completed(given: Partial<Issuer>): Issuer {
  const { issuer = "", audience = "", algorithms = defaultAlgorithms, claims = {}, defaults = {}, jwksUri } = given;
  return { issuer, audience, algorithms, claims, defaults, ...(jwksUri === undefined ? {} : { jwksUri }) };
}

function misshapen(data: unknown): Found[] {
  const validate = new Ajv2020({ allErrors: true }).compile(shape);
  return validate(data) ? [] : (validate.errors ?? []).map(foundOf);
}

function foundOf({ instancePath, message, params }: ErrorObject): Found {
  const path = instancePath
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  const { additionalProperty: unknown, allowedValues } = params as {
    additionalProperty?: string;
    allowedValues?: string[];
  };
  if (unknown !== undefined) return { path: [...path, unknown], message: `${unknown} is unknown here` };
  const words = allowedValues === undefined ? "" : `: ${allowedValues.join(", ")}`;
  return { path, message: `${path.join(".") || "the file"} ${message ?? "is wrong"}${words}` };
}

/** What a schema cannot say of one issuer. */
function unusable({ issuer, jwksUri, claims, defaults }: Issuer, index: number): Found[] {
  const found: Found[] = [];
  const safe = "must be an https URL without user, query and fragment; http only on loopback";
  if (!isSafeUrl(issuer) || /[?#]/.test(issuer)) found.push({ path: [index, "issuer"], message: `issuer ${safe}` });
  if (jwksUri !== undefined && !isSafeUrl(jwksUri))
    found.push({ path: [index, "jwksUri"], message: `jwksUri ${safe}` });
  for (const claim of ["role", "kind"] as const) {
    if (claims[claim] === undefined && defaults[claim] === undefined) {
      found.push({ path: [index], message: `name the claim that says the ${claim}, or a default for it` });
    }
  }
  for (const claim of ["role", "kind", "product"] as const) {
    if (claims.map?.[claim] !== undefined && claims[claim] === undefined) {
      found.push({
        path: [index, "claims", "map", claim],
        message: `there is a map for ${claim}, but no claim to read`,
      });
    }
  }
  return found;
}

function repeated(issuers: readonly Issuer[]): Found[] {
  const seen = new Set<string>();
  return issuers.flatMap(({ issuer }, index) => {
    const isNew = !seen.has(issuer);
    seen.add(issuer);
    return isNew ? [] : [{ path: [index, "issuer"], message: "this issuer is named twice" }];
  });
}

/** Whether a URL may be asked for keys: no one on the way could have exchanged them. */
export function isSafeUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "" || url.hash !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url));
}

/** Whether a URL names this machine. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** Whether a URL names, by what it says, a host that is not on the Internet: this machine, its network, a metadata service. */
export function isInside({ hostname }: URL): boolean {
  const host = hostname.replace(/^\[|\]$/g, "");
  if (ipaddr.isValid(host)) return ipaddr.process(host).range() !== "unicast";
  return /^(?:.+\.)?(?:localhost|local|internal)\.?$/.test(host);
}

/** Where a value of a path begins, or the nearest thing around it; for an unknown key the key itself. */
function offsetOf(document: Document, path: Path): number {
  const parent = document.getIn(path.slice(0, -1), true);
  if (path.length > 0 && isMap(parent)) {
    const pair = parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1));
    if (isScalar(pair?.key)) return pair.key.range?.[0] ?? 0;
  }
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    const range = (node as { readonly range?: readonly number[] | null } | null | undefined)?.range;
    if (range?.[0] !== undefined) return range[0];
  }
  return 0;
}
