// Finds tokens that something parts: blanks, line breaks, or the marks with which programs join pieces of text. What parts
// them is read over; what is left must have a token's form and look drawn at random, since words of prose stand apart too.
import type { AnchoredRule } from "../anchored-rules.ts";
import { tokenRules } from "../secret-rules.ts";
import type { Match } from "../guard.ts";
import { keywordScan } from "../keyword-scan.ts";
import type { Steps, TimeSlice } from "../stretch.ts";
import { mayBeSplit } from "./glance.ts";
import { overlapChars, windowChars } from "./views.ts";

/** What may stand between two pieces. */
const gaps = " \t\r\n\"'`+,\\&;()[]|<>*";
/** Longest gap, characters: a line break, marks and an indentation. */
const longestGap = 64;
/** Most pieces of a token. */
const mostPieces = 300;
/** Shortest text that holds a token. */
const shortestText = 20;

const words = [...new Set(tokenRules.flatMap(({ keywords }) => keywords))];
const scan = keywordScan(words, gaps);
const longestWindow = Math.max(...tokenRules.map(({ window }) => window));
const rulesOf = words.map((word) => tokenRules.filter(({ keywords }) => keywords.includes(word)));

const isGap = new Uint8Array(128);
for (const character of gaps) isGap[character.charCodeAt(0)] = 1;
const inToken = new Uint8Array(128);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:~=-") {
  inToken[character.charCodeAt(0)] = 1;
}
/** How many characters behind a keyword are looked at before more is done. */
const firstLook = 16;

/** Tokens hold digits; those of Hugging Face only letters behind their beginning. */
const telling = /\d|hf_/i;

/** A piece of a token. */
interface Piece {
  readonly start: number;
  readonly end: number;
}

/** Tokens in pieces. */
export function splitTokens(text: string): readonly Match[] {
  if (text.length < shortestText || !mayBeSplit(text) || !telling.test(text)) return noMatches;
  const hits = scan.hits(text);
  if (hits.length === 0) return noMatches;
  const found: Match[] = [];
  let past = 0;
  // Up to where the text goes on without a gap: a token there is in one piece, and not looked for here.
  let unbroken = 0;
  for (let i = 0; i < hits.length; i += 2) {
    const word = hits[i] as number;
    const end = hits[i + 1] as number;
    if (end <= past || unbroken - end > longestWindow) continue;
    const keyword = before(text, end, (words[word] as string).length);
    if (keyword === undefined) continue;
    if (end > unbroken) {
      unbroken = end;
      while (unbroken < text.length && inToken[text.charCodeAt(unbroken)] === 1) unbroken++;
      if (unbroken - end > longestWindow) continue;
    }
    if (!mayFollow(text, end, words[word] as string)) continue;
    for (const rule of rulesOf[word] as readonly AnchoredRule[]) {
      const match = tokenAt(rule, text, keyword);
      if (match === undefined) continue;
      found.push(match);
      past = match.end;
      break;
    }
  }
  return found;
}

/** The same window by window, for a text too long to be looked at in one go. */
export function* splitMatches(text: string, stretch: TimeSlice): Steps<readonly Match[]> {
  if (text.length <= windowChars) return splitTokens(text);
  const found: Match[] = [];
  for (let from = 0; from < text.length; from += windowChars - overlapChars) {
    for (const match of splitTokens(text.slice(from, from + windowChars))) {
      found.push({ ...match, start: from + match.start, end: from + match.end });
    }
    if (stretch.isOver(windowChars)) yield;
  }
  return found;
}

const noMatches: readonly Match[] = [];

/** Fewer letters do not show whether they are drawn at random. */
const fewestDrawn = 12;

/** Whether the first characters behind a keyword may be drawn at random: quick, for most are words, or the keyword again. */
function mayFollow(text: string, end: number, word: string): boolean {
  let first = "";
  for (let at = end; at < text.length && at - end < longestGap + firstLook && first.length < firstLook; at++) {
    const code = text.charCodeAt(at);
    if (inToken[code] === 1) first += text[at] as string;
    else if (code > 127 || isGap[code] !== 1) break;
  }
  return (
    first.length < firstLook || ((/\d/.test(first) || changesIn(first) > 0) && !first.toLowerCase().includes(word))
  );
}

/** Where a token in pieces may begin that later text would go on with; the length of the text when none may. */
export function splitOpenFrom(text: string): number {
  const hits = scan.hits(text);
  for (let i = 0; i < hits.length; i += 2) {
    const word = words[hits[i] as number] as string;
    const keyword = before(text, hits[i + 1] as number, word.length);
    if (keyword === undefined) continue;
    const rules = rulesOf[hits[i] as number] as readonly AnchoredRule[];
    const window = Math.max(...rules.map((rule) => rule.window));
    if (mayGoOn(text, piecesFrom(text, keyword, window), rules, word.length, window)) return keyword;
  }
  return text.length;
}

/** Whether pieces at the end of a text are the beginning of a token, rather than a token that is whole or words of prose. */
function mayGoOn(
  text: string,
  pieces: readonly Piece[],
  rules: readonly AnchoredRule[],
  keyword: number,
  window: number,
): boolean {
  const end = pieces.at(-1)?.end ?? 0;
  if (end !== text.length && gapEnd(text, end) !== text.length) return false;
  let joined = "";
  for (const [i, piece] of pieces.entries()) {
    const added = text.slice(piece.start, piece.end);
    if (i > 0 && !goesOn(added, pieces[i - 1]) && added.length > 2) return false;
    joined += added;
    if (piece.end < text.length && rules.some((rule) => isWhole(rule, joined))) return false;
  }
  if (joined.length >= window) return false;
  const rest = joined.slice(keyword);
  return rest.length < fewestDrawn ? rest === "" || telling.test(rest) : looksDrawn(rest);
}

function isWhole(rule: AnchoredRule, joined: string): boolean {
  rule.pattern.lastIndex = 0;
  return rule.pattern.test(joined);
}

/** Where so many characters before a place begin, gaps not counted. */
function before(text: string, end: number, count: number): number | undefined {
  let at = end;
  let gap = 0;
  for (let left = count; left > 0; at--) {
    if (at === 0 || gap > longestGap) return undefined;
    const code = text.charCodeAt(at - 1);
    if (code < 128 && isGap[code] === 1) {
      gap++;
      continue;
    }
    gap = 0;
    left--;
  }
  return at;
}

function tokenAt(rule: AnchoredRule, text: string, keyword: number): Match | undefined {
  for (const back of rule.back ?? [0]) {
    const start = back === 0 ? keyword : before(text, keyword, back);
    if (start === undefined) continue;
    if (rule.standsFree !== false && start > 0 && /[A-Za-z0-9]/.test(text[start - 1] as string)) continue;
    const pieces = piecesFrom(text, start, rule.window);
    if (pieces.length < 2 || !mayBegin(rule, text, pieces)) continue;
    const match = matchIn(rule, text, pieces);
    if (match !== undefined) return match;
  }
  return undefined;
}

/** The pieces from a place on, as many characters as a rule needs to decide. */
function piecesFrom(text: string, from: number, most: number): readonly Piece[] {
  const pieces: Piece[] = [];
  let length = 0;
  let at = from;
  while (at < text.length && length < most && pieces.length < mostPieces) {
    const start = at;
    while (at < text.length && at - start < most && inToken[text.charCodeAt(at)] === 1) at++;
    if (at === start) break;
    pieces.push({ start, end: at });
    length += at - start;
    const next = gapEnd(text, at);
    if (next === undefined) break;
    at = next;
  }
  return pieces;
}

/** Where a gap ends; undefined when there is none, or too long a one. */
function gapEnd(text: string, from: number): number | undefined {
  let at = from;
  let hasQuote = false;
  for (; at < text.length; at++) {
    if (at - from > longestGap) return undefined;
    const character = text[at] as string;
    if (character === "\\" && /[nrt]/.test(text[at + 1] ?? "")) {
      at++;
      continue;
    }
    // A full stop joins texts in some languages.
    if (character === "." && hasQuote) continue;
    const code = text.charCodeAt(at);
    if (code > 127 || isGap[code] !== 1) break;
    hasQuote ||= character === '"' || character === "'" || character === "`";
  }
  return at === from ? undefined : at;
}

/** What must not follow a token. */
const tokenEnd = "(?![A-Za-z0-9])";
/** Patterns without it: one that does not match all pieces together matches no first few of them. */
const beginnings = new Map(
  tokenRules
    .filter(({ pattern }) => pattern.source.endsWith(tokenEnd))
    .map((rule) => [rule, new RegExp(rule.pattern.source.slice(0, -tokenEnd.length), rule.pattern.flags)] as const),
);

/** Whether pieces may begin with a token; quick, for most do not. */
function mayBegin(rule: AnchoredRule, text: string, pieces: readonly Piece[]): boolean {
  const beginning = beginnings.get(rule);
  if (beginning === undefined) return true;
  let joined = "";
  for (const { start, end } of pieces) joined += text.slice(start, end);
  beginning.lastIndex = 0;
  return beginning.test(joined);
}

/** The token that begins with the first piece and ends with one of the others. */
function matchIn(rule: AnchoredRule, text: string, pieces: readonly Piece[]): Match | undefined {
  let joined = "";
  let last: { readonly end: number; readonly found: string } | undefined;
  for (const [i, piece] of pieces.entries()) {
    const added = text.slice(piece.start, piece.end);
    // Behind what is a token already only what looks like more of it belongs to it.
    if (last !== undefined && !goesOn(added, pieces[i - 1]) && !isJoinedAlike(text, pieces, i)) break;
    joined += added;
    if (i === 0 || joined.length < shortestText) continue;
    rule.pattern.lastIndex = 0;
    const match = rule.pattern.exec(joined);
    if (match === null) {
      if (last !== undefined) break;
      continue;
    }
    const whole = match[0];
    const over = joined.length - whole.length;
    if (over >= added.length) break;
    const found = match.groups?.["found"] ?? whole;
    if (!looksDrawn(found) || rule.accept?.(found, whole) === false) continue;
    last = { end: piece.end - over, found };
  }
  if (last === undefined) return undefined;
  const { id, severity, detail } = rule;
  return { rule: id, start: (pieces[0] as Piece).start, end: last.end, severity, detail: `${detail}, in pieces` };
}

/** Whether the same marks of a program stand before a piece as between the first two. */
function isJoinedAlike(text: string, pieces: readonly Piece[], i: number): boolean {
  const [first, second] = pieces as readonly [Piece, Piece];
  const gap = text.slice(first.end, second.start);
  const { end } = pieces[i - 1] as Piece;
  return /["'`]/.test(gap) && text.startsWith(gap, end) && end + gap.length === pieces[i]?.start;
}

function goesOn(added: string, previous: Piece | undefined): boolean {
  const isSpelt = added.length <= 2 && previous !== undefined && previous.end - previous.start <= 2;
  return isSpelt || /\d|[a-z][A-Z]/.test(added);
}

/** Fewer changes between kinds of characters show nothing that was drawn. */
export const fewestChanges = 2;

/** Whether capitals, small letters and digits follow each other as they do at random: prose seldom changes between them. */
export function looksDrawn(found: string): boolean {
  return changesIn(found) >= Math.max(fewestChanges, found.length / 12);
}

function changesIn(found: string): number {
  const changes = new Changes();
  for (let i = 0; i < found.length; i++) changes.see(found.charCodeAt(i));
  return changes.count;
}

/** Counts how often kinds of characters change: digits, capitals and small letters. */
export class Changes {
  count = 0;
  #kind = 0;

  see(code: number): void {
    const own = code > 47 && code < 58 ? 1 : code > 64 && code < 91 ? 2 : code > 96 && code < 123 ? 3 : this.#kind;
    if (own !== this.#kind && this.#kind !== 0) this.count++;
    this.#kind = own;
  }

  /** Starts over. */
  reset(): void {
    this.count = 0;
    this.#kind = 0;
  }
}
