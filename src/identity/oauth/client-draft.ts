// What a new client may be. Everything is checked before it is stored, because the library reads it at every request.
import { importJWK } from "jose";
import type { JWK } from "jose";
import { roles } from "../../kernel/ctx.ts";
import type { PrincipalKind, Role } from "../../kernel/ctx.ts";
import type { Fault } from "../../kernel/fault.ts";
import { productBoundKinds } from "../key.ts";
import type { ClientAuthMethod, ClientGrantType } from "./client.ts";
import { oauthFault } from "./errors.ts";

/** A client as an admin describes it. */
export interface ClientDraft {
  readonly name: string;
  readonly kind: PrincipalKind;
  readonly role: Role;
  readonly product?: string;
  readonly grantTypes: readonly ClientGrantType[];
  readonly redirectUris?: readonly string[];
  /** Public keys of the client, which then authenticates with `private_key_jwt`. */
  readonly jwks?: { readonly keys: readonly object[] };
  /** The client can keep no secret: a browser or desktop application. */
  readonly public?: boolean;
}

/** Most redirect URIs and most keys of one client. */
const maxEntries = 10;

/** Fewest bits of an RSA key (NIST SP 800-131A revision 2). */
const minRsaBits = 2048;

/** Letters, marks, numbers, punctuation, symbols and spaces; nothing that is invisible or reverses the line. */
const namePattern = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]{1,100}$/u;

/** Private members of JWKs (RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1). */
const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/** Public members that are looked at (RFC 7518 sections 6.2.1 and 6.3.1, RFC 8037 section 2). */
const publicMembers = ["kty", "crv", "use", "n", "e", "x", "y"] as const;

/** The keys that an assertion may be signed with, by type and curve, and the algorithm that each is for. */
const keyForms = new Map([
  ["OKP Ed25519", "EdDSA"],
  ["EC P-256", "ES256"],
  ["RSA", "RS256"],
]);

/** Longest key, characters of JSON: one of 4 096 bits with its certificates takes some 6 000. */
const maxKeyChars = 16 * 1024;

const invalid = (at: string, detail: string): Fault => oauthFault("client.invalid", detail, { at });

/** How a client of this draft authenticates. */
export function authMethodOf(draft: ClientDraft): ClientAuthMethod {
  if (draft.jwks !== undefined) return "private_key_jwt";
  return draft.public === true ? "none" : "client_secret_basic";
}

/** Rejects with `client.invalid` or `client.product_required` when a client cannot be registered like this. */
export async function checkDraft(draft: ClientDraft): Promise<void> {
  const { name, role, grantTypes, redirectUris = [], jwks } = draft;
  if (!namePattern.test(name)) throw invalid("name", "a name is 1 to 100 printable characters");
  if (role === "anonymous" || !roles.includes(role)) throw invalid("role", "a client has a role of its own");
  if (draft.product === undefined && productBoundKinds.includes(draft.kind)) {
    throw oauthFault("client.product_required", `a client of kind ${draft.kind} belongs to one product`, {
      at: "product",
    });
  }
  const has = (type: ClientGrantType): boolean => grantTypes.includes(type);
  if (grantTypes.length === 0) throw invalid("grant_types", "a client is good for at least one grant");
  if (has("refresh_token") && !has("authorization_code")) {
    throw invalid("grant_types", "refresh tokens come with authorization codes only");
  }
  if (draft.public === true && (jwks !== undefined || has("client_credentials"))) {
    throw invalid("public", "a public client has no key and cannot ask in its own name");
  }
  if (has("authorization_code") !== redirectUris.length > 0) {
    throw invalid("redirect_uris", "redirect URIs and the authorization_code grant come together");
  }
  if (redirectUris.length > maxEntries) throw invalid("redirect_uris", `at most ${maxEntries} redirect URIs`);
  for (const uri of redirectUris) checkRedirectUri(uri);
  if (jwks !== undefined) await checkKeys(jwks.keys);
}

/**
 * A redirect URI is compared character by character (RFC 9700 section 4.1.3): https, or http to the caller's own machine
 * (RFC 8252 section 7.3), with nothing in it that could be read in two ways.
 */
function checkRedirectUri(uri: string): void {
  const url = uri.length <= 2000 && /^[!-~]+$/.test(uri) ? URL.parse(uri) : null;
  const loopback = url !== null && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  if (url === null || !(url.protocol === "https:" || (url.protocol === "http:" && loopback))) {
    throw invalid("redirect_uris", "a redirect URI is https, or http on the loopback interface");
  }
  if (uri.includes("#") || uri.includes("\\") || url.username !== "" || url.password !== "") {
    throw invalid("redirect_uris", "a redirect URI has no fragment, no backslash and no user name");
  }
}

async function checkKeys(keys: readonly object[]): Promise<void> {
  if (keys.length === 0 || keys.length > maxEntries) throw invalid("jwks", `1 to ${maxEntries} keys`);
  for (const key of keys) {
    const jwk = key as JWK;
    if (JSON.stringify(key).length > maxKeyChars) {
      throw invalid("jwks", `a key takes at most ${maxKeyChars} characters`);
    }
    if (privateMembers.some((member) => member in jwk)) throw invalid("jwks", "send public keys only");
    const form = keyForms.get(`${jwk.kty ?? ""} ${jwk.crv ?? ""}`.trim());
    if (form === undefined || (jwk.use ?? "sig") !== "sig") {
      throw invalid("jwks", "a key is Ed25519, P-256 or RSA, for signatures");
    }
    if (publicMembers.some((member) => jwk[member] !== undefined && typeof jwk[member] !== "string")) {
      throw invalid("jwks", "the members of a key are text");
    }
    if (jwk.kty === "RSA" && Buffer.from(jwk.n ?? "", "base64url").length * 8 < minRsaBits) {
      throw invalid("jwks", `an RSA key has at least ${minRsaBits} bits`);
    }
    try {
      await importJWK(jwk, form);
    } catch {
      throw invalid("jwks", "a key cannot be read");
    }
  }
}
