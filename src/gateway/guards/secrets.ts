// The guard for credentials: keys of providers by their form, keys and tokens by where they stand, and values that look
// random behind telling names. It says nothing about secrets that have neither form nor name.
import { anchoredRules } from "./anchored-rules.ts";
import { redacted } from "./guard.ts";
import type { Guard } from "./guard.ts";
import { guardKeywords, secretRules } from "./rule-book.ts";
import { atOnce, Stretch } from "./stretch.ts";

const rules = anchoredRules(secretRules, guardKeywords);

/** Finds credentials, on the way to a model and back. */
export const secretsGuard: Guard = {
  name: "secrets",
  scan: rules.scan,
  openFrom: rules.openFrom,
  search(text) {
    const search = rules.search(text);
    return {
      advance: (end, hits) => search.advance(end, hits),
      // oxlint-disable-next-line require-yield -- all is settled on the way
      *matches() {
        return search.matches();
      },
    };
  },
};

/** A text with a marker in place of every credential in it. */
export function redactSecrets(text: string): string {
  const matches = secretsGuard.scan(text);
  return matches.length === 0 ? text : atOnce(redacted(text, matches, new Stretch()));
}
