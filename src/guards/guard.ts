// What a guard is: something that looks at text before it goes to a model or comes back from one, and says what it saw.
// What is done about it is the product's policy, not the guard's.
//
// 1. A guard is pure and takes time that grows with the length of the text only.
// 2. A match never holds what was matched: not in its detail, not in its rule.
// 3. A redaction is visible: `[redacted: <rule>]` stands where the text stood.

import type { DecodingRoom } from "./disguise/room.ts";
import type { View } from "./disguise/view.ts";
import type { Steps, TimeSlice } from "./stretch.ts";

/** The guards that exist. */
export const guardNames = ["secrets", "pii", "injection"] as const;
/** A guard. */
export type GuardName = (typeof guardNames)[number];

/** What is done about a match, from nothing to refusing the call. */
export const guardActions = ["off", "flag", "redact", "deny"] as const;
/** What is done about a match. */
export type GuardAction = (typeof guardActions)[number];

/** What a product wants done, by guard. */
export type GuardPolicy = Readonly<Record<GuardName, GuardAction>>;

/**
 * What is done where a product says nothing. Secrets do not leave, but a developer who pasted one still gets an answer;
 * personal data is often what the call is about; signals of injection are too weak to change a call by.
 */
export const defaultGuardPolicy: GuardPolicy = { secrets: "redact", pii: "off", injection: "flag" };

/** How much a match matters. */
export type GuardSeverity = "LOW" | "MEDIUM" | "HIGH" | "CRITICAL";

/** A stretch of text that a rule found. */
export interface Match {
  readonly rule: string;
  /** Index of the first UTF-16 unit. */
  readonly start: number;
  /** Index behind the last UTF-16 unit. */
  readonly end: number;
  readonly severity: GuardSeverity;
  /** What it is, in words; nothing of the text itself. */
  readonly detail: string;
}

/** What a guard finds in a view, in the view's own places. `hits` are the keywords of all guards in it. */
export type LookAtView = (view: View, hits: readonly number[]) => readonly Match[];

/** What is found where there was not room for all that is encoded. */
export function undecoded(start: number, end: number): Match {
  return { rule: "undecoded", start, end, severity: "MEDIUM", detail: "too much encoded text to look at" };
}

/** One guard. */
export interface Guard {
  readonly name: GuardName;
  /**
   * What the text holds, by `start`, without overlaps. `hits` are the keywords of all guards in this text, where the
   * caller has looked for them already, so that several guards read a text once. `room` is what may be decoded.
   */
  scan(text: string, hits?: readonly number[], room?: DecodingRoom): readonly Match[];
  /** What it finds in a text behind a disguise. */
  readonly look: LookAtView;
  /** The same stretch by stretch, for a text too long to be looked at in one go. */
  search(text: string): Search;
  /** What a provider's seal holds that someone has put there: it is looked into, but a real one is drawn at random. */
  sealed(text: string, stretch: TimeSlice, room: DecodingRoom): Steps<readonly Match[]>;
  /**
   * Where in the text something may begin that only later text can decide; the length of the text when nothing may.
   * Never further from the end than `maxWindowChars`.
   */
  openFrom(text: string, hits?: readonly number[]): number;
}

/** A look at one text that is under way. What it finds does not depend on where its stretches end. */
export interface Search {
  /** Looks on, up to `end`; the last time up to the end of the text. `hits` are the keywords that end in between. */
  advance(end: number, hits: readonly number[]): void;
  /** What the text holds, once all of it was looked at; `disguised` is what the guard's look found behind its disguises. */
  matches(stretch: TimeSlice, disguised: readonly Match[]): Steps<readonly Match[]>;
}

/** Most UTF-16 units that any rule needs to decide. */
export const maxWindowChars = 1024;
/** Most UTF-16 units that a stream holds back: for a match that is not decided, and for a last word that may be encoded. */
export const maxHeldChars = maxWindowChars + 256;

/** What a guard saw in a call or a reply, fit for the record. */
export interface GuardFinding {
  readonly guard: GuardName;
  readonly rule: string;
  readonly severity: GuardSeverity;
  /** What was done. */
  readonly action: Exclude<GuardAction, "off">;
  /** Where, as a JSON pointer into the call or reply as Charter holds it: `/turns/0/parts/1/text`. */
  readonly at: string;
  readonly detail: string;
}

/** What stands in place of redacted text. */
export function redactionMarker(rule: string): string {
  return `[redacted: ${rule}]`;
}

/** The text with every match replaced by its marker; matches come by `start` and do not overlap. */
export function* redacted(text: string, matches: readonly Match[], stretch: TimeSlice): Steps<string> {
  const pieces: string[] = [];
  let parts: string[] = [];
  let from = 0;
  for (const { rule, start, end } of matches) {
    parts.push(text.slice(from, start), redactionMarker(rule));
    from = end;
    if (parts.length >= partsPerPiece) {
      pieces.push(parts.join(""));
      parts = [];
    }
    if (stretch.isOver(matchWork)) yield;
  }
  // Joining tens of megabytes takes a stretch of its own.
  if (pieces.length > 0) yield;
  pieces.push(parts.join(""), text.slice(from));
  return pieces.join("");
}

/** How many parts of a redacted text are put together at a time, so that the last step only joins a few large ones. */
const partsPerPiece = 1024;
/** What handling a match counts for, in characters looked at. */
export const matchWork = 8;

/** Matches by `start` without overlaps: of two that overlap, the one that began first, or else the longer one, stays. */
export function withoutOverlaps<Kind extends Match>(matches: readonly Kind[]): readonly Kind[] {
  if (matches.length < 2) return matches;
  const overlaps = new Overlaps<Kind>();
  for (const match of matches) overlaps.add(match);
  overlaps.settle(Infinity);
  return overlaps.kept;
}

/** Settles which of overlapping matches stay while matches still come. */
export class Overlaps<Kind extends Match> {
  /** What stays, by `start`. */
  readonly kept: Kind[] = [];
  #waiting: Kind[] = [];
  #end = -1;

  /** Takes a match. */
  add(match: Kind): void {
    this.#waiting.push(match);
  }

  /** No match that is still to come begins before `bound`. */
  settle(bound: number): void {
    if (this.#waiting.length === 0) return;
    if (this.#waiting.length > 1) this.#waiting.sort(byPlace);
    let settled = 0;
    for (const match of this.#waiting) {
      if (match.start >= bound) break;
      settled++;
      if (match.start < this.#end) continue;
      this.kept.push(match);
      this.#end = match.end;
    }
    if (settled > 0) this.#waiting = this.#waiting.slice(settled);
  }
}

/** Of matches by `start` those that overlap none of others, which also come by `start`. */
export function* apart(
  matches: readonly Match[],
  others: readonly Match[],
  stretch: TimeSlice,
): Steps<readonly Match[]> {
  const kept: Match[] = [];
  let next = 0;
  for (const match of matches) {
    while ((others[next]?.end ?? Infinity) <= match.start) next++;
    if ((others[next]?.start ?? Infinity) >= match.end) kept.push(match);
    if (stretch.isOver(matchWork)) yield;
  }
  return kept;
}

/** Matches of two lists, by `start`, that overlap nowhere. */
export function* merged(left: readonly Match[], right: readonly Match[], stretch: TimeSlice): Steps<readonly Match[]> {
  const all: Match[] = [];
  let next = 0;
  for (const match of left) {
    for (; (right[next]?.start ?? Infinity) < match.start; next++) all.push(right[next] as Match);
    all.push(match);
    if (stretch.isOver(matchWork)) yield;
  }
  for (; next < right.length; next++) all.push(right[next] as Match);
  return all;
}

/** By where matches begin, and the longer one first. */
export function byPlace(left: Match, right: Match): number {
  return left.start - right.start || right.end - left.end;
}
