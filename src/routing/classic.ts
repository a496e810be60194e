// The documents' keyword rules: five levels that collect points for substrings and for length. Kept for comparison and
// for those who rely on it; it ranks exam questions worse than chance and
// other labelled prompts hardly better (`npm run bench routing`).
import { levelNames, strongest } from "./analyser.ts";
import type { Analysis, Level, LevelName, Reason } from "./analyser.ts";

/** Substrings that give their level 0.3 each, once. "hi" is also in "machine", as the documents have it. */
const keywords: Readonly<Record<LevelName, readonly string[]>> = {
  nano: ["yes", "no", "hello", "hi", "thanks", "ok", "sure"],
  easy: ["simple", "basic", "quick", "what is", "define"],
  medium: ["analyze", "compare", "explain", "how to", "why"],
  hard: ["complex", "detailed", "comprehensive", "multi-step", "constitutional"],
  expert: ["research", "academic", "technical", "specialized", "governance"],
};

/** Points that kinds of query give. */
const queryTypes: Readonly<Record<string, Readonly<Partial<Record<LevelName, number>>>>> = {
  constitutional_analysis: { hard: 0.3, expert: 0.2 },
  policy_governance: { hard: 0.3, expert: 0.2 },
  ethical_reasoning: { hard: 0.3, expert: 0.2 },
  code_generation: { medium: 0.3, hard: 0.2 },
  technical_analysis: { medium: 0.3, hard: 0.2 },
};

/** Characters that are read: the rules look at a hundred words and at substrings, and work must be bounded. */
const readCharacters = 65_536;

/** What the classic rules may be told in addition to the text. */
export interface ClassicTerms {
  /** Whether the answer must comply with the constitution; true when not said, as the documents have it. */
  readonly complianceRequired?: boolean;
  /** The predecessor's `query_type`; unknown ones give no points. */
  readonly queryType?: string;
}

/** Applies the documents' rules. The score is the level's place in 0, 0.25 ... 1. */
export function classicAnalysis(text: string, terms: ClassicTerms = {}): Analysis {
  const read = text.slice(0, readCharacters).toLowerCase();
  const points: Record<LevelName, number> = { nano: 0, easy: 0, medium: 0, hard: 0, expert: 0 };
  const reasons: Reason[] = [];
  const add = (level: LevelName, contribution: number, feature: string) => {
    points[level] += contribution;
    reasons.push({ feature: `${level}: ${feature}`, contribution });
  };
  for (const level of levelNames) {
    const found = keywords[level].filter((keyword) => read.includes(keyword)).length;
    if (found > 0) add(level, 0.3 * found, "keywords");
  }
  const [lengthLevel, lengthPoints] = lengthRule(wordCount(read));
  add(lengthLevel, lengthPoints, "length");
  if (terms.complianceRequired ?? true) {
    add("hard", 0.2, "compliance");
    add("expert", 0.1, "compliance");
  }
  const given = terms.queryType === undefined ? undefined : queryTypes[terms.queryType];
  for (const level of levelNames) if (given?.[level] !== undefined) add(level, given[level], "query type");
  // Points are tenths; rounding keeps 0.1 + 0.2 from outweighing 0.3, so that ties go to the lower level.
  let best = 0;
  for (const [place, level] of levelNames.entries()) {
    if (tenths(points[level]) > tenths(points[levelNames[best] ?? "nano"])) best = place;
  }
  const level = (best + 1) as Level;
  const chosen = levelNames[best] ?? "nano";
  return { score: best / 4, level, reasons: strongest(reasons.filter(({ feature }) => feature.startsWith(chosen))) };
}

function lengthRule(words: number): readonly [LevelName, number] {
  if (words < 5) return ["nano", 0.5];
  if (words < 20) return ["easy", 0.4];
  if (words < 50) return ["medium", 0.4];
  if (words < 100) return ["hard", 0.4];
  return ["expert", 0.4];
}

function wordCount(text: string): number {
  return text.split(/\s+/).filter((word) => word !== "").length;
}

function tenths(points: number): number {
  return Math.round(points * 10);
}
