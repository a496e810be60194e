// The guard for signals of prompt injection: orders to the model in text that should only be read. It adds up signals; it
// cannot know what a text means, and an attacker who avoids these forms passes. So its default is to flag.
import { HiddenSearch, mayHide } from "../governance/index.ts";
import { anchoredRules } from "./anchored-rules.ts";
import type { RuleSearch, WordHits } from "./anchored-rules.ts";
import { disguisedMatches, disguisedNow } from "./disguise/disguised.ts";
import { mayBeDisguised } from "./disguise/glance.ts";
import { roomFor } from "./disguise/room.ts";
import type { View } from "./disguise/view.ts";
import { byPlace, matchWork, Overlaps } from "./guard.ts";
import type { Guard, Match, Search } from "./guard.ts";
import { signalRules } from "./injection-rules.ts";
import { guardKeywords } from "./rule-book.ts";
import { searched } from "./searching.ts";
import { atOnce, inTurns, TimeSlice } from "./stretch.ts";
import type { Steps } from "./stretch.ts";

/** One signal in a text. */
export interface Signal extends Match {
  /** How much it says here, between 0 and 1. */
  readonly weight: number;
}

/** What a text signals. */
export interface InjectionSignals {
  readonly signals: readonly Signal[];
  /**
   * Between 0 and 1: `1 - product(1 - weight)` over the kinds of signals, each counted once with its greatest weight; the
   * chance that at least one of them is right, were they independent, which they are not.
   */
  readonly score: number;
}

/** From which score on a text is flagged: about what one clear signal weighs. */
export const injectionThreshold = 0.5;
/** How much less a phrase says between quotation marks. */
const quotedShare = 0.4;
/** Most stretches of hidden characters of one text that are named. */
const maxHiddenRuns = 16;

const rules = anchoredRules(signalRules, guardKeywords);
const weights = new Map([
  ...signalRules.map(({ id, weight, phrase }) => [id, { weight, phrase }] as const),
  ["hidden-text", { weight: 0.8, phrase: false }] as const,
  ["encoded-orders", { weight: 0.75, phrase: false }] as const,
]);
const noMatches: readonly Match[] = [];

/** Every signal of injection in a text, by its start, and what they come to; a promise when that takes long. */
export function injectionSignals(text: string): InjectionSignals | Promise<InjectionSignals> {
  const stretch = new TimeSlice();
  return inTurns(signalsIn(text, stretch), stretch);
}

function* signalsIn(text: string, stretch: TimeSlice): Steps<InjectionSignals> {
  const search = new SignalSearch(text);
  yield* searched(text, [search], stretch);
  const [disguised = noMatches] = yield* disguisedMatches(text, [look], stretch, roomFor(text));
  return yield* search.signals(stretch, disguised);
}

/** A look for signals that is under way. */
class SignalSearch implements Search {
  readonly #text: string;
  readonly #rules: RuleSearch;
  readonly #hidden: HiddenSearch;

  constructor(text: string) {
    this.#text = text;
    this.#rules = rules.search(text);
    this.#hidden = new HiddenSearch(text, maxHiddenRuns);
  }

  advance(end: number, hits: WordHits): void {
    this.#rules.advance(end, hits);
    this.#hidden.advance(end);
  }

  *signals(stretch: TimeSlice, disguised: readonly Match[]): Steps<InjectionSignals> {
    const kept = yield* this.#kept(stretch, disguised);
    const score = yield* scoreOf(this.#text, kept, stretch);
    return { signals: kept.map((match) => ({ ...match, weight: weightAt(this.#text, match) })), score };
  }

  *matches(stretch: TimeSlice, disguised: readonly Match[]): Steps<readonly Match[]> {
    const kept = yield* this.#kept(stretch, disguised);
    const score = yield* scoreOf(this.#text, kept, stretch);
    if (score < injectionThreshold) return noMatches;
    const suffix = ` (score ${score.toFixed(2)})`;
    const details = new Map<string, string>();
    // The matches are this look's own; a hostile text holds millions, which are not copied.
    for (const match of kept as { detail: string }[]) {
      const { detail } = match;
      let scored = details.get(detail);
      if (scored === undefined) details.set(detail, (scored = detail + suffix));
      match.detail = scored;
      if (stretch.isOver(matchWork)) yield;
    }
    return kept;
  }

  /** What was found of every kind, by its start, without overlaps. */
  *#kept(stretch: TimeSlice, disguised: readonly Match[]): Steps<Match[]> {
    const others = [...hiddenMatches(this.#hidden), ...disguised];
    if (others.length === 0) return this.#rules.matches();
    others.sort(byPlace);
    const overlaps = new Overlaps<Match>();
    let next = 0;
    for (const [i, match] of this.#rules.matches().entries()) {
      while ((others[next]?.start ?? Infinity) < match.start) overlaps.add(others[next++] as Match);
      overlaps.add(match);
      if (i % matchesPerSettling === 0) overlaps.settle(match.start);
      if (stretch.isOver(matchWork)) yield;
    }
    for (; next < others.length; next++) overlaps.add(others[next] as Match);
    overlaps.settle(Infinity);
    return overlaps.kept;
  }
}

/** How many matches are settled at a time. */
const matchesPerSettling = 256;

function* scoreOf(text: string, signals: readonly Match[], stretch: TimeSlice): Steps<number> {
  const greatest = new Map<string, number>();
  for (const signal of signals) {
    greatest.set(signal.rule, Math.max(greatest.get(signal.rule) ?? 0, weightAt(text, signal)));
    if (stretch.isOver(matchWork)) yield;
  }
  let missed = 1;
  for (const weight of greatest.values()) missed *= 1 - weight;
  return 1 - missed;
}

/** A phrase that begins behind a quotation mark is more often quoted than meant. */
function weightAt(text: string, { rule, start, end }: Match): number {
  const { weight, phrase } = weights.get(rule) ?? { weight: 0, phrase: false };
  return phrase && isQuoted(text, start, end) ? weight * quotedShare : weight;
}

/** How far from a phrase its quotation marks may stand, characters. */
const quoteReach = 40;
const opening = /["“«`‘„]|(?<!\w)'/;
const closing = /["”»`’“]|'(?!\w)/;

function isQuoted(text: string, start: number, end: number): boolean {
  const before =
    text
      .slice(Math.max(0, start - quoteReach), start)
      .split("\n")
      .at(-1) ?? "";
  const after = text.slice(end, end + 2 * quoteReach).split("\n", 1)[0] ?? "";
  return opening.test(before) && closing.test(after);
}

function hiddenMatches(search: HiddenSearch): Match[] {
  const { kind, runs } = search;
  if (kind !== "bidi_control" && kind !== "zero_width") return [];
  const detail =
    kind === "bidi_control" ? "shows letters in another order than they are read" : "holds text that people do not see";
  return runs.map(({ start, end }) => ({ rule: "hidden-text", start, end, severity: "HIGH", detail }));
}

const encodedOrders = { severity: "HIGH", detail: "an encoding of orders to the model" } as const;

/** Signals where single characters were disguised; of what was decoded, whether all of it signals injection. */
function look({ text, isBinary, isDecoded }: View, hits: WordHits): readonly Match[] {
  if (isBinary) return noMatches;
  const found = rules.scan(text, hits);
  if (!isDecoded || found.length === 0) return found;
  if (atOnce(scoreOf(text, found, new TimeSlice())) < injectionThreshold) return noMatches;
  return [{ rule: "encoded-orders", start: 0, end: text.length, ...encodedOrders }];
}

/** Finds signals of injection from the threshold on, each with the score of the whole text. */
export const injectionGuard: Guard = {
  name: "injection",
  scan(text, hits = guardKeywords.hits(text), room) {
    const isPlain = !mayBeDisguised(text);
    const disguised = isPlain ? noMatches : disguisedNow(text, look, room);
    if (disguised.length === 0 && (isPlain || !mayHide(text)) && rules.scan(text, hits).length === 0) return noMatches;
    const search = new SignalSearch(text);
    search.advance(text.length, hits);
    return atOnce(search.matches(new TimeSlice(), disguised));
  },
  look,
  search: (text) => new SignalSearch(text),
  // The model does not read what is sealed; its provider does.
  // oxlint-disable-next-line require-yield -- there is nothing to do
  *sealed() {
    return noMatches;
  },
  openFrom: rules.openFrom,
};
