// Runs rules that each stand on a keyword: one pass finds the keywords, and a rule's pattern is tried only there, stuck to
// one position and bounded in length. So the time grows with the length of the text, whatever the text is.
import { withoutOverlaps } from "./guard.ts";
import type { GuardSeverity, Match } from "./guard.ts";
import { keywordScan } from "./keyword-scan.ts";
import type { KeywordScan } from "./keyword-scan.ts";

/** One rule. */
export interface AnchoredRule {
  readonly id: string;
  /** Words in lower case, one of which stands where the pattern is tried; letters match in either case. */
  readonly keywords: readonly string[];
  /** How many characters before the keyword the pattern begins, each tried in turn; only 0 when left out. */
  readonly back?: readonly number[];
  /** Sticky. What is redacted is the group `found` (or `quoted`), which must end the match, or else the whole match. */
  readonly pattern: RegExp;
  /** Most characters that the pattern needs to decide; at most `maxHeldChars`. */
  readonly window: number;
  /** Sticky: whether what follows a keyword, up to the end of the text, may still become a match. */
  readonly undecided: RegExp;
  readonly severity: GuardSeverity;
  readonly detail: string;
  /** False when a letter or digit may stand before the pattern; true when left out. */
  readonly standsFree?: boolean;
  /** True for a guess, which yields to any other rule that matches the same text. */
  readonly weak?: boolean;
  /** A last look at what was found. */
  readonly accept?: (found: string, whole: string) => boolean;
  /** Where the match really ends, for what is longer than a pattern should be. */
  readonly extend?: (text: string, end: number) => number;
}

/** Keywords that stand in a text, found once for all rules that are run on it. */
export type WordHits = readonly number[];

/** Finds the keywords of several lists of rules in one pass. */
export interface KeywordIndex extends KeywordScan {
  readonly words: readonly string[];
}

/** Rules that are run together. */
export interface AnchoredRules {
  readonly scan: (text: string, hits?: WordHits) => readonly Match[];
  readonly openFrom: (text: string, hits?: WordHits) => number;
}

/** An index of all keywords of some rules. */
export function keywordIndex(rules: readonly AnchoredRule[]): KeywordIndex {
  const words = [...new Set(rules.flatMap(({ keywords }) => keywords))];
  return { words, ...keywordScan(words) };
}

/** May the rest of a token, or of a line, still follow. */
export const undecidedToken = /[\w.+/=~:%@$!#-]*$/y;
/** The rest of a line may still follow. */
export const undecidedLine = /[^\r\n]*$/y;

function isWord(code: number): boolean {
  return (code > 47 && code < 58) || (code > 64 && code < 91) || (code > 96 && code < 123);
}

/** Prepares rules whose keywords the index holds. */
export function anchoredRules(rules: readonly AnchoredRule[], index: KeywordIndex): AnchoredRules {
  const { words } = index;
  // Only words of these rules hold text back.
  const own = keywordIndex(rules);
  const rulesOf = words.map((word) => rules.filter(({ keywords }) => keywords.includes(word)));
  const lengths = words.map((word) => word.length);
  const longestBack = Math.max(0, ...rules.flatMap(({ back }) => back ?? []));

  return {
    scan(text, hits = index.hits(text)) {
      if (hits.length === 0) return noMatches;
      const matches: Match[] = [];
      const guesses: Match[] = [];
      // A rule is not tried again inside its own match, nor inside a token that it has refused.
      const past = new Map<AnchoredRule, number>();
      for (let i = 0; i < hits.length; i += 2) {
        const word = hits[i] ?? 0;
        const at = (hits[i + 1] ?? 0) - (lengths[word] ?? 0);
        for (const rule of rulesOf[word] ?? []) {
          if (at < (past.get(rule) ?? 0)) continue;
          const match = matchOf(rule, text, at);
          if (match === undefined) continue;
          past.set(rule, typeof match === "number" ? match : match.end);
          if (typeof match !== "number") (rule.weak === true ? guesses : matches).push(match);
        }
      }
      return guesses.length === 0 ? withoutOverlaps(matches) : withGuesses(withoutOverlaps(matches), guesses);
    },
    openFrom(text, hits = index.hits(text)) {
      let open = Math.min(text.length - own.begun(text), digitsFrom(text, longestBack));
      for (let i = 0; i < hits.length; i += 2) {
        const word = hits[i] ?? 0;
        const at = (hits[i + 1] ?? 0) - (lengths[word] ?? 0);
        for (const rule of rulesOf[word] ?? []) {
          const start = Math.max(0, at - Math.max(0, ...(rule.back ?? [])));
          if (start >= open || text.length - start >= rule.window) continue;
          rule.undecided.lastIndex = at;
          if (rule.undecided.test(text)) open = start;
        }
      }
      return open;
    },
  };
}

const noMatches: readonly Match[] = [];

/** Matches, and those guesses that overlap none; `matches` come by `start`. */
function withGuesses(matches: readonly Match[], guesses: readonly Match[]): readonly Match[] {
  const all = [...matches];
  let next = 0;
  for (const guess of guesses.toSorted((left, right) => left.start - right.start)) {
    while (next < matches.length && (matches[next]?.end ?? 0) <= guess.start) next++;
    if ((matches[next]?.start ?? Infinity) >= guess.end) all.push(guess);
  }
  return withoutOverlaps(all);
}

/** What the rule finds at a keyword: a match, the end of a token that it refuses, or nothing. */
function matchOf(rule: AnchoredRule, text: string, at: number): Match | number | undefined {
  for (const back of rule.back ?? zero) {
    const start = at - back;
    if (start < 0 || (rule.standsFree !== false && start > 0 && isWord(text.charCodeAt(start - 1)))) continue;
    rule.pattern.lastIndex = start;
    const match = rule.pattern.exec(text);
    if (match === null) continue;
    const whole = match[0];
    const found = match.groups?.["found"] ?? match.groups?.["quoted"] ?? whole;
    const end = start + whole.length;
    if (rule.accept !== undefined && !rule.accept(found, whole)) {
      // What follows a name may still be judged by another name in it; a token is one thing.
      if (rule.undecided === undecidedToken) return end;
      continue;
    }
    return {
      rule: rule.id,
      start: end - found.length,
      end: rule.extend === undefined ? end : rule.extend(text, end),
      severity: rule.severity,
      detail: rule.detail,
    };
  }
  return undefined;
}

const zero: readonly number[] = [0];

/** Where a last word that holds a digit begins: a keyword that stands behind such a word may still follow. */
function digitsFrom(text: string, longest: number): number {
  let digits = false;
  let i = text.length;
  for (; i > 0 && text.length - i < longest; i--) {
    const code = text.charCodeAt(i - 1);
    if (!isWord(code) && code !== 45 && code !== 46 && code !== 95 && code !== 126) break;
    digits ||= code < 58 && code > 47;
  }
  return digits ? i : text.length;
}
