// Runs the guards' looks over every view of a text, and joins what they find there with what stands in the text as it came.
import type { WordHits } from "../anchored-rules.ts";
import type { LookAtView, Match } from "../guard.ts";
import { guardKeywords } from "../rule-book.ts";
import { atOnce, TimeSlice } from "../stretch.ts";
import type { Steps } from "../stretch.ts";
import { roomFor } from "./room.ts";
import type { DecodingRoom } from "./room.ts";
import type { View } from "./view.ts";
import { viewsAtOnce, viewsOf, windowChars } from "./views.ts";

/** What each of several looks finds behind the disguises of a text, in the places of the text. */
export function* disguisedMatches(
  text: string,
  looks: readonly LookAtView[],
  stretch: TimeSlice,
  room: DecodingRoom,
): Steps<readonly (readonly Match[])[]> {
  const found = looks.map((): Match[] => []);
  yield* viewsOf(text, stretch, room, (view) => {
    const hits = guardKeywords.hits(view.text);
    for (let i = 0; i < looks.length; i++) collect(found[i] as Match[], view, hits, looks[i] as LookAtView);
  });
  return found;
}

/** The same for one look, in one go. */
export function disguisedNow(text: string, look: LookAtView, room = roomFor(text)): readonly Match[] {
  if (text.length > windowChars) {
    const [matches = noMatches] = atOnce(disguisedMatches(text, [look], new TimeSlice(), room));
    return matches;
  }
  let found: Match[] | undefined;
  for (const view of viewsAtOnce(text, room)) collect((found ??= []), view, hitsIn(view), look);
  return found ?? noMatches;
}

const noMatches: readonly Match[] = [];

/** The keywords in views that were looked at before: one guard after the other looks at the same. */
const known = new WeakMap<View, WordHits>();

function hitsIn(view: View): WordHits {
  let hits = known.get(view);
  if (hits === undefined) known.set(view, (hits = guardKeywords.hits(view.text)));
  return hits;
}

function collect(found: Match[], view: View, hits: WordHits, look: LookAtView): void {
  for (const match of look(view, hits)) {
    const { start, end } = view.origin(match.start, match.end);
    found.push({ ...match, start, end, detail: `${match.detail}, in disguise` });
  }
}

/** Matches of two looks by `start`: of those that overlap, one that takes the whole stretch of both, named as the first look does. */
export function joinedMatches(plain: readonly Match[], disguised: readonly Match[]): readonly Match[] {
  if (disguised.length === 0) return plain;
  const first = new Set(plain);
  const sorted = [...plain, ...disguised].toSorted(
    (left, right) =>
      left.start - right.start || right.end - left.end || Number(first.has(right)) - Number(first.has(left)),
  );
  const joined: Match[] = [];
  for (const match of sorted) {
    const last = joined.at(-1);
    if (last === undefined || match.start >= last.end) {
      joined.push(match);
      continue;
    }
    if (match.end <= last.end && !(first.has(match) && !first.has(last))) continue;
    const named = first.has(match) && !first.has(last) ? match : last;
    const whole = { ...named, start: last.start, end: Math.max(last.end, match.end) };
    if (first.has(named)) first.add(whole);
    joined[joined.length - 1] = whole;
  }
  return joined;
}
