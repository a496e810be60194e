// What every analyser answers: how strong a model a prompt needs.
//
// 1. The answer depends on the text and the hints alone: same input, same answer, in any order of calls.
// 2. Any string is answered, also an empty one, one of a megabyte and one that is not valid Unicode, in bounded work.
// 3. Reasons name features of the text and never quote it, so they may go on the record.

/** The five levels, weakest first; a level's number is its place in the list, from 1. */
export const levelNames = ["nano", "easy", "medium", "hard", "expert"] as const;
/** The name of a level. */
export type LevelName = (typeof levelNames)[number];
/** 1 (nano) to 5 (expert). */
export type Level = 1 | 2 | 3 | 4 | 5;

/** What the caller knows of the request beyond its text. */
export interface Hints {
  readonly hasTools?: boolean;
  /** The reply must follow a JSON Schema. */
  readonly hasSchema?: boolean;
  /** How many images come with the text. */
  readonly images?: number;
  /** How many turns the conversation has, at least 1. */
  readonly turns?: number;
}

/** One feature's share in a score. */
export interface Reason {
  readonly feature: string;
  /** How much it raised (positive) or lowered (negative) the score, in the analyser's own unit. */
  readonly contribution: number;
}

/** What an analyser found. */
export interface Analysis {
  /** 0 to 1; higher needs a stronger model. */
  readonly score: number;
  readonly level: Level;
  /** The few features that moved the score most, strongest first. */
  readonly reasons: readonly Reason[];
}

/** Judges prompts. */
export interface Analyser {
  analyse(text: string, hints?: Hints): Analysis;
}

/** The analysers there are. */
export const analyserKinds = ["calibrated", "classic"] as const;
/** The name of an analyser. */
export type AnalyserKind = (typeof analyserKinds)[number];

/** The few strongest reasons, strongest first; what contributes nothing is left out. */
export function strongest(reasons: readonly Reason[], count = 4): Reason[] {
  return reasons
    .filter(({ contribution }) => contribution !== 0)
    .toSorted((left, right) => Math.abs(right.contribution) - Math.abs(left.contribution))
    .slice(0, count);
}
