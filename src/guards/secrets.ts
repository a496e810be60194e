// The guard for credentials: keys of providers by their form, keys and tokens by where they stand, and values that look
// random behind telling names; also in disguise. It says nothing about secrets that have neither form nor name.
import { anchoredRules } from "./anchored-rules.ts";
import type { WordHits } from "./anchored-rules.ts";
import { disguisedMatches, disguisedNow, joinedMatches } from "./disguise/disguised.ts";
import { mayBeDisguised } from "./disguise/glance.ts";
import { disguisedFrom } from "./disguise/open.ts";
import { splitMatches, splitTokens } from "./disguise/split.ts";
import { roomFor } from "./disguise/room.ts";
import type { View } from "./disguise/view.ts";
import { redacted, redactionMarker } from "./guard.ts";
import type { Guard, Match } from "./guard.ts";
import { guardKeywords, letterRules, secretRules, strictRules } from "./rule-book.ts";
import { searched } from "./searching.ts";
import { atOnce, TimeSlice } from "./stretch.ts";
import type { Steps } from "./stretch.ts";

const rules = anchoredRules(secretRules, guardKeywords);
const strict = anchoredRules(strictRules, guardKeywords);
const letters = anchoredRules(letterRules, guardKeywords);
/** A value this short may be a token itself; seals are longer. */
const longestToken = 300;

/** Between bytes that are not text only forms count that chance does not bring about. */
function look({ text, isBinary }: View, hits: WordHits): readonly Match[] {
  return isBinary ? strict.scan(text, hits) : joinedMatches(rules.scan(text, hits), splitTokens(text));
}

/** Credentials in bytes that are not text, by forms that chance does not bring about. */
export function secretsInBytes(text: string, hits?: WordHits): readonly Match[] {
  return strict.scan(text, hits);
}

/** Credentials among letters of base64, by forms with marks that letters drawn at random do not hold. */
export function* secretsInLetters(text: string, stretch: TimeSlice): Steps<readonly Match[]> {
  const search = letters.search(text);
  yield* searched(text, [search], stretch);
  return search.matches();
}

/** Finds credentials, on the way to a model and back. */
export const secretsGuard: Guard = {
  name: "secrets",
  scan(text, hits = guardKeywords.hits(text), room) {
    const plain = joinedMatches(rules.scan(text, hits), splitTokens(text));
    if (!mayBeDisguised(text)) return plain;
    return joinedMatches(plain, disguisedNow(text, look, room));
  },
  look,
  *sealed(text, stretch, room) {
    const plain = text.length <= longestToken ? strict.scan(text) : yield* secretsInLetters(text, stretch);
    const [disguised = []] = yield* disguisedMatches(text, [look], stretch, room);
    return joinedMatches(plain, disguised);
  },
  openFrom: (text, hits) => Math.min(rules.openFrom(text, hits), disguisedFrom(text, rules.openFrom)),
  search(text) {
    const search = rules.search(text);
    return {
      advance: (end, hits) => search.advance(end, hits),
      *matches(stretch, disguised) {
        const plain = joinedMatches(search.matches(), yield* splitMatches(text, stretch));
        return joinedMatches(plain, disguised);
      },
    };
  },
};

/** A text with a marker in place of every credential in it. */
export function redactSecrets(text: string): string {
  const room = roomFor(text);
  const matches = secretsGuard.scan(text, guardKeywords.hits(text), room);
  if (room.isIncomplete) return redactionMarker("undecoded");
  return matches.length === 0 ? text : atOnce(redacted(text, matches, new TimeSlice()));
}
