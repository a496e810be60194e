// Runs rules that each stand on a keyword: one pass finds the keywords, and a rule's pattern is tried only there, stuck to
// one position and bounded in length. So the time grows with the length of the text, whatever the text is.
import { byPlace, Overlaps } from "./guard.ts";
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
  /** The same stretch by stretch. */
  readonly search: (text: string) => RuleSearch;
  readonly openFrom: (text: string, hits?: WordHits) => number;
}

/** Rules at work on one text. */
export interface RuleSearch {
  /** Looks on, up to `end`. `hits` are the keywords that end in between. */
  advance(end: number, hits: WordHits): void;
  /** What was found, by `start`, without overlaps, once all of the text was looked at. */
  matches(): Match[];
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

/** Letters of escapes that stand for white space or a control character, as JSON and programs write them. */
const escapeLetters = "nrtbfv0ae";

/** Whether no word stands before a place: the letter of an escape, as in `\\n`, belongs to none. */
function isFreeAt(text: string, at: number): boolean {
  if (at === 0 || !isWord(text.charCodeAt(at - 1))) return true;
  return at > 1 && text.charCodeAt(at - 2) === 92 && escapeLetters.includes(text[at - 1] as string);
}

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
  const reach = Math.max(...lengths) + longestBack;
  const hasGuesses = rules.some(({ weak }) => weak === true);

  class Search implements RuleSearch {
    readonly #text: string;
    #settling: Settling | Overlaps<Match> | undefined;
    /** A rule is not tried again inside its own match, nor inside a token that it has refused. */
    #past: Map<AnchoredRule, number> | undefined;

    constructor(text: string) {
      this.#text = text;
    }

    advance(end: number, hits: WordHits): void {
      for (let i = 0; i < hits.length; i += 2) {
        const word = hits[i] as number;
        const tried = rulesOf[word] as readonly AnchoredRule[];
        if (tried.length > 0) this.#try(tried, (hits[i + 1] as number) - (lengths[word] as number));
      }
      // What is still to come stands on a keyword that ends further on.
      this.#settling?.settle(end === this.#text.length ? Infinity : end + 1 - reach);
    }

    matches(): Match[] {
      return this.#settling?.kept ?? [];
    }

    #try(tried: readonly AnchoredRule[], at: number): void {
      for (const rule of tried) {
        if (this.#past !== undefined && at < (this.#past.get(rule) ?? 0)) continue;
        const match = matchOf(rule, this.#text, at);
        if (match === undefined) continue;
        this.#past ??= new Map();
        this.#past.set(rule, typeof match === "number" ? match : match.end);
        if (typeof match === "number") continue;
        this.#settling ??= hasGuesses ? new Settling() : new Overlaps<Match>();
        this.#settling.add(match, rule.weak);
      }
    }
  }

  return {
    search: (text) => new Search(text),
    scan(text, hits = index.hits(text)) {
      if (hits.length === 0) return noMatches;
      const search = new Search(text);
      search.advance(text.length, hits);
      return search.matches();
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

/** Matches without overlaps, and those guesses that overlap none of them, settled while more come. */
class Settling {
  readonly #sure = new Overlaps<Match>();
  readonly #all = new Overlaps<Match>();
  #guesses: Match[] = [];
  /** How many of the sure matches are among all. */
  #taken = 0;
  /** The first sure match that does not end before a guess to come. */
  #next = 0;

  get kept(): Match[] {
    return this.#all.kept;
  }

  add(match: Match, isGuess: boolean | undefined): void {
    if (isGuess === true) this.#guesses.push(match);
    else this.#sure.add(match);
  }

  /** No match that is still to come begins before `bound`. */
  settle(bound: number): void {
    this.#sure.settle(bound);
    const sure = this.#sure.kept;
    for (; this.#taken < sure.length; this.#taken++) this.#all.add(sure[this.#taken] as Match);
    this.#all.settle(this.#guesses.length === 0 ? bound : this.#guess(bound));
  }

  /** Judges guesses, and says before which place all are judged. */
  #guess(bound: number): number {
    const sure = this.#sure.kept;
    const guesses = this.#guesses.sort(byPlace);
    let judged = 0;
    for (const guess of guesses) {
      // Something sure may still come that overlaps it.
      if (guess.end > bound) break;
      judged++;
      while ((sure[this.#next]?.end ?? Infinity) <= guess.start) this.#next++;
      if ((sure[this.#next]?.start ?? Infinity) >= guess.end) this.#all.add(guess);
    }
    if (judged > 0) this.#guesses = guesses.slice(judged);
    return Math.min(bound, this.#guesses[0]?.start ?? Infinity);
  }
}

/** What the rule finds at a keyword: a match, the end of a token that it refuses, or nothing. */
function matchOf(rule: AnchoredRule, text: string, at: number): Match | number | undefined {
  for (const back of rule.back ?? zero) {
    const start = at - back;
    if (start < 0 || (rule.standsFree !== false && !isFreeAt(text, start))) continue;
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
