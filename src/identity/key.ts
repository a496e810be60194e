// An API key: what is kept of it, how its text looks, how a new one is made. Pure but for the randomness it is given.
//
// Text: `charter_<kind>_<prefix>_<secret>`, for example
//   charter_ad_7m2kx0qp_J5cM0rkYb1Q9mYb6mP1m6vY0yQx3nqJ5kq1vQeX8a2c
// `charter_` is fixed, so that secret scanners find keys that leak. <kind> is two letters and tells a person what the key is.
// <prefix> is 8 characters that are public: the key's id is `key_<prefix>`. <secret> is 32 random bytes as base64url.
import { randomBytes } from "node:crypto";
import type { CallBounds, PrincipalKind, Role } from "../kernel/ctx.ts";
import { sha256 } from "../kernel/hash.ts";

/** Public identifier of a key. */
export type KeyId = `key_${string}`;

/** What may be known of a key. Times are RFC 3339. */
export interface KeyRecord {
  readonly id: KeyId;
  readonly kind: PrincipalKind;
  readonly product: string | null;
  readonly label: string | null;
  readonly role: Role;
  /** Names of the operations the key is good for; null for all that its role and kind allow. */
  readonly operations: readonly string[] | null;
  /** Networks it may be used from, in CIDR notation; null for all. */
  readonly networks: readonly string[] | null;
  /** From when on it is refused; null for never. */
  readonly expiresAt: string | null;
  /** The user or client the key belongs to and dies with; null for a key of its own. */
  readonly owner: string | null;
  /** What binds the calls of models that are made with it; null for nothing but the terms of its product. */
  readonly calls: CallBounds | null;
  /** When it was last seen, to within a minute; null when it never was. */
  readonly lastUsedAt: string | null;
  readonly createdAt: string;
  /** Public id of the principal that made the key; `system` for the key of the first start. */
  readonly createdBy: string;
  readonly revokedAt: string | null;
}

/** A key that has been made and not yet been stored. `text` is shown once and kept nowhere. */
export interface MintedKey {
  readonly id: KeyId;
  readonly kind: PrincipalKind;
  readonly text: string;
  readonly textHash: Buffer;
}

/** Where random bytes come from. */
export type Randomness = (count: number) => Buffer;

const kindLetters: Readonly<Record<PrincipalKind, string>> = {
  ai_agent: "ai",
  executor: "ex",
  product: "pr",
  auditor: "au",
  admin: "ad",
};

/** Crockford's base 32 in lower case: no letter can be mistaken for a digit. 32 divides 256, so `% 32` is unbiased. */
const prefixAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";

const keyPattern = /^charter_(?:ai|ex|pr|au|ad)_([0-9a-hjkmnp-tv-z]{8})_[A-Za-z0-9_-]{43}$/;

/** Kinds whose keys always belong to a product. */
export const productBoundKinds: readonly PrincipalKind[] = ["product", "ai_agent"];

/** Makes a key of a kind. Two keys get the same id with a chance of 2^-40; the store refuses the second. */
export function mintKey(kind: PrincipalKind, randomness: Randomness = randomBytes): MintedKey {
  const prefix = Array.from(randomness(8), (byte) => prefixAlphabet[byte % 32]).join("");
  const text = `charter_${kindLetters[kind]}_${prefix}_${randomness(32).toString("base64url")}`;
  return { id: `key_${prefix}`, kind, text, textHash: hashOfKey(text) };
}

/** Every key's id, as the text of a regular expression. */
export const keyIdPattern = "^key_[0-9a-hjkmnp-tv-z]{8}$";

/** The id that a credential text claims, or undefined when the text is not a key at all. */
export function claimedId(text: string): KeyId | undefined {
  const prefix = keyPattern.exec(text)?.[1];
  return prefix === undefined ? undefined : `key_${prefix}`;
}

/**
 * What is stored instead of a key. One SHA-256 is enough: slow hashes protect secrets that can be guessed, and 256 random
 * bits cannot. The whole text is hashed, so that no character of it can be exchanged.
 */
export function hashOfKey(text: string): Buffer {
  return sha256(text);
}
