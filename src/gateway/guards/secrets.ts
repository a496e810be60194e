// The guard for credentials: keys of providers by their form, keys and tokens by where they stand, and values that look
// random behind telling names. It says nothing about secrets that have neither form nor name.
import { anchoredRules } from "./anchored-rules.ts";
import { redacted } from "./guard.ts";
import type { Guard } from "./guard.ts";
import { guardKeywords, secretRules } from "./rule-book.ts";

const rules = anchoredRules(secretRules, guardKeywords);

/** Finds credentials, on the way to a model and back. */
export const secretsGuard: Guard = { name: "secrets", stage: "both", ...rules };

/** A text with a marker in place of every credential in it. */
export function redactSecrets(text: string): string {
  return redacted(text, secretsGuard.scan(text));
}
