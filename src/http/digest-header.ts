// `Content-Digest` and `Repr-Digest` (RFC 9530) in both directions. Charter sends and checks `sha-256`.
import { parseDictionary } from "structured-headers";
import type { Digest } from "../kernel/hash.ts";
import { httpFault } from "./errors.ts";

/** The header value that names a digest: `sha-256=:<base64>:`. */
export function digestHeader(digest: Digest): string {
  return `sha-256=:${Buffer.from(digest.slice("sha256:".length), "hex").toString("base64")}:`;
}

/**
 * The SHA-256 that a request declares in `Content-Digest` or `Repr-Digest`; undefined when it declares none.
 * @throws `request.invalid` when a header cannot be read, has no sha-256, or the two disagree.
 */
export function declaredDigest(headers: {
  readonly [name: string]: string | string[] | undefined;
}): Digest | undefined {
  const found = ["content-digest", "repr-digest"].map((name) => readDigest(name, headers[name]));
  const [content, representation] = found;
  if (content !== undefined && representation !== undefined && content !== representation) {
    throw httpFault("request.invalid", "Content-Digest and Repr-Digest disagree and no content coding explains it", {
      at: "Repr-Digest",
    });
  }
  return content ?? representation;
}

const digestFields = ["content-digest", "repr-digest", "digest", "content-md5"];

/**
 * Refuses a digest that comes behind the body: it is not looked at there, and what is not looked at must not seem to be.
 * @param names Of trailer fields: those that the `Trailer` header announces, or those that came.
 */
export function refuseTrailerDigest(names: Iterable<string>): void {
  for (const name of names) {
    if (!digestFields.includes(name.trim().toLowerCase())) continue;
    throw httpFault("request.invalid", "a digest behind the body is not checked", {
      at: name.trim().slice(0, 64),
      remedy: "send Content-Digest as a header, before the body",
    });
  }
}

function readDigest(name: string, value: string | string[] | undefined): Digest | undefined {
  if (value === undefined) return undefined;
  let bytes: unknown;
  try {
    bytes = parseDictionary(Array.isArray(value) ? value.join(", ") : value).get("sha-256")?.[0];
  } catch (error) {
    throw httpFault("request.invalid", `${name} is not a structured field dictionary`, { at: name }, error);
  }
  if (!(bytes instanceof ArrayBuffer) || bytes.byteLength !== 32) {
    throw httpFault("request.invalid", `${name} carries no sha-256 of 32 bytes`, {
      at: name,
      remedy: "send sha-256=:<base64>:",
    });
  }
  return `sha256:${Buffer.from(bytes).toString("hex")}`;
}
