// Tokens that travel by mail and are good for one use: 256 random bits, of which only the SHA-256 is kept. One SHA-256 is
// enough, because what is that random cannot be guessed from its hash.
import { randomBytes } from "node:crypto";
import { sha256Hex } from "../../kernel/hash.ts";

/** What a token is good for. */
export type TokenPurpose = "verify" | "reset";

/** How long a token is good, milliseconds: a reset as short as the mail's way allows, a verification a day. */
export const tokenLifeMs: Readonly<Record<TokenPurpose, number>> = { verify: 24 * 3_600_000, reset: 3_600_000 };

/** Every token, as the text of a regular expression. */
export const tokenPattern = "^[A-Za-z0-9_-]{43}$";

/** A token that has been made and not yet been stored. */
export interface MintedToken {
  readonly text: string;
  readonly tokenHash: string;
}

/** Makes a token. */
export function mintToken(randomness: (count: number) => Buffer = randomBytes): MintedToken {
  const text = randomness(32).toString("base64url");
  return { text, tokenHash: hashOfToken(text) };
}

/** What is stored instead of a token. */
export function hashOfToken(text: string): string {
  return sha256Hex(text);
}
