// Runs a guard's look over every view of a text, and joins what it finds there with what stands in the text as it came.
import type { Match } from "../guard.ts";
import { atOnce, Stretch } from "../stretch.ts";
import type { Steps } from "../stretch.ts";
import type { View } from "./view.ts";
import { viewsAtOnce, viewsOf, windowChars } from "./views.ts";

/** What a guard finds in a view, in the view's own places. */
export type LookAtView = (view: View) => readonly Match[];

/** What a guard finds behind the disguises of a text, in the places of the text. */
export function* disguisedMatches(text: string, look: LookAtView, stretch: Stretch): Steps<readonly Match[]> {
  const found: Match[] = [];
  yield* viewsOf(text, stretch, (view) => collect(found, view, look));
  return found;
}

/** The same in one go. */
export function disguisedNow(text: string, look: LookAtView): readonly Match[] {
  if (text.length > windowChars) return atOnce(disguisedMatches(text, look, new Stretch()));
  let found: Match[] | undefined;
  for (const view of viewsAtOnce(text)) collect((found ??= []), view, look);
  return found ?? noMatches;
}

const noMatches: readonly Match[] = [];

function collect(found: Match[], view: View, look: LookAtView): void {
  for (const match of look(view)) {
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
