// The guard for signals of prompt injection: orders to the model in text that should only be read. It adds up signals; it
// cannot know what a text means, and an attacker who avoids these forms passes. So its default is to flag.
import { hiddenInValue } from "../../governance/index.ts";
import { anchoredRules } from "./anchored-rules.ts";
import type { WordHits } from "./anchored-rules.ts";
import { longEncodedRuns } from "./encoded-runs.ts";
import { withoutOverlaps } from "./guard.ts";
import type { Guard, Match } from "./guard.ts";
import { signalRules } from "./injection-rules.ts";
import { guardKeywords } from "./rule-book.ts";

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
const hiddenWeight = 0.8;
const encodedWeight = 0.75;
/** Most encoded runs of one text that are decoded. */
const maxDecodedRuns = 16;

const rules = anchoredRules(signalRules, guardKeywords);
const weights = new Map(signalRules.map(({ id, weight, phrase }) => [id, { weight, phrase }]));
const noSignals: InjectionSignals = { signals: [], score: 0 };
// Tag characters, direction controls, zero-width characters and runs of variation selectors; what is honest among them is told apart by governance.
const hidden =
  /[\u061C\u180E\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF\u{E0000}-\u{E007F}]{1,1000}|\p{VS}{2,1000}/gu;

/** Every signal of injection in a text, by its start, and what they come to. */
export function injectionSignals(text: string, hits: WordHits = guardKeywords.hits(text)): InjectionSignals {
  return signalsOf(text, hits, true);
}

function signalsOf(text: string, hits: WordHits, decode: boolean): InjectionSignals {
  const found: Signal[] = rules.scan(text, hits).map((match) => ({ ...match, weight: weightAt(text, match) }));
  if (decode) {
    found.push(...hiddenSignals(text), ...encodedSignals(text));
  }
  if (found.length === 0) return noSignals;
  const signals = withoutOverlaps(found);
  const greatest = new Map<string, number>();
  for (const { rule, weight } of signals) greatest.set(rule, Math.max(greatest.get(rule) ?? 0, weight));
  let missed = 1;
  for (const weight of greatest.values()) missed *= 1 - weight;
  return { signals, score: 1 - missed };
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

function hiddenSignals(text: string): readonly Signal[] {
  const kind = hiddenInValue(text);
  if (kind !== "bidi_control" && kind !== "zero_width") return [];
  const detail =
    kind === "bidi_control" ? "shows letters in another order than they are read" : "holds text that people do not see";
  const signals: Signal[] = [];
  for (const match of text.matchAll(hidden)) {
    if (signals.length === maxDecodedRuns) break;
    const end = match.index + match[0].length;
    signals.push({ rule: "hidden-text", start: match.index, end, severity: "HIGH", detail, weight: hiddenWeight });
  }
  return signals;
}

/** Base64 that decodes to text which itself signals injection. */
function encodedSignals(text: string): readonly Signal[] {
  const signals: Signal[] = [];
  for (const { start, end } of longEncodedRuns(text, maxDecodedRuns)) {
    const decoded = Buffer.from(text.slice(start, end), "base64").toString("latin1");
    if (!/^[\t\n\r\x20-\x7e\x80-\xff]*$/.test(decoded)) continue;
    if (signalsOf(decoded, guardKeywords.hits(decoded), false).score < injectionThreshold) continue;
    const detail = "base64 that decodes to orders to the model";
    signals.push({ rule: "encoded-orders", start, end, severity: "HIGH", detail, weight: encodedWeight });
  }
  return signals;
}

/** Finds signals of injection from the threshold on, each with the score of the whole text. */
export const injectionGuard: Guard = {
  name: "injection",
  stage: "both",
  scan(text, hits) {
    const { signals, score } = injectionSignals(text, hits);
    if (score < injectionThreshold) return [];
    return signals.map(({ rule, start, end, severity, detail }) => ({
      rule,
      start,
      end,
      severity,
      detail: `${detail} (score ${score.toFixed(2)})`,
    }));
  },
  openFrom: rules.openFrom,
};
