// Takes several looks at one text side by side, stretch by stretch, so that its keywords are found once for all of them.
import type { Search } from "./guard.ts";
import { guardKeywords } from "./rule-book.ts";
import { sliceChars } from "./stretch.ts";
import type { Steps, TimeSlice } from "./stretch.ts";

/** Looks at all of a text. */
export function* searched(text: string, searches: readonly Pick<Search, "advance">[], stretch: TimeSlice): Steps<void> {
  const words = guardKeywords.search(text);
  for (let at = 0; at < text.length; at += sliceChars) {
    const end = Math.min(text.length, at + sliceChars);
    const hits = words.upTo(end);
    for (const search of searches) search.advance(end, hits);
    if (stretch.isOver(end - at)) yield;
  }
}
