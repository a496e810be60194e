// How often the guards are right: precision and recall on labelled texts, by guard and by rule, on texts that the rules were
// written with and on texts that they were not.
import { guards } from "../src/guards/guard-list.ts";
import { tokenRules } from "../src/guards/secret-rules.ts";
import { secretsGuard } from "../src/guards/secrets.ts";
import type { Guard } from "../src/guards/guard.ts";
import { runAlone } from "./bench.ts";
import type { Bench, Figure } from "./bench.ts";
import { evadedCases, evasions, isTaken } from "./load/guard-evasions.ts";
import { guardCases } from "./load/guard-cases.ts";
import type { GuardCase, Split } from "./load/guard-cases.ts";

/** Counts of one guard, or of one of its rules. */
export interface Accuracy {
  /** Name of the guard, or of the guard and the rule. */
  readonly name: string;
  /** Texts that hold what is looked for. */
  readonly positives: number;
  /** Of those, texts in which it was found. */
  readonly found: number;
  /** Texts that hold nothing of the kind; for a rule, those of its guard. */
  readonly negatives: number;
  /** Of the texts that hold nothing, those in which something was found; for a rule, by that rule. */
  readonly falseAlarms: number;
}

/** Share of what was found that was there; 1 when nothing was found. */
export function precisionOf({ found, falseAlarms }: Accuracy): number {
  return found + falseAlarms === 0 ? 1 : found / (found + falseAlarms);
}

/** Share of what was there that was found. */
export function recallOf({ found, positives }: Accuracy): number {
  return positives === 0 ? 1 : found / positives;
}

/** A planted text counts as found when one match takes all of it, so that nothing of it would be left by a redaction. */
function isFound(guard: Guard, { text, planted }: GuardCase): boolean {
  if (planted === undefined) return false;
  const matches = guard.scan(text);
  // Signals of injection say something of a whole text.
  if (guard.name === "injection") return matches.length > 0;
  return matches.some(({ start, end }) => start <= planted.start && end >= planted.end);
}

/** What a guard gets right in a split: the guard first, then each rule that has cases or raised a false alarm. */
export function accuracyOf(guard: Guard, split: Split): readonly Accuracy[] {
  const cases = guardCases(guard.name, split);
  const positives = cases.filter(({ planted }) => planted !== undefined);
  const negatives = cases.filter(({ planted }) => planted === undefined);
  const found = positives.filter((each) => isFound(guard, each));
  const alarms = negatives
    .map(({ text }) => guard.scan(text).map(({ rule }) => rule))
    .filter((rules) => rules.length > 0);
  const rules = new Set([...positives.map(({ planted }) => planted?.rule ?? ""), ...alarms.flat()]);
  const whole = {
    positives: positives.length,
    found: found.length,
    negatives: negatives.length,
    falseAlarms: alarms.length,
  };
  const byRule = [...rules].sort().map((rule) => ({
    name: `${guard.name} ${rule}`,
    positives: positives.filter(({ planted }) => planted?.rule === rule).length,
    found: found.filter(({ planted }) => planted?.rule === rule).length,
    negatives: negatives.length,
    falseAlarms: alarms.filter((each) => each.includes(rule)).length,
  }));
  return [{ name: guard.name, ...whole }, ...byRule.filter(({ name }) => !name.endsWith(" any"))];
}

/** The table of README.md: what each guard gets right on texts that its rules were not written with. */
export function accuracyTable(): string {
  const rows = guards.flatMap((guard) => {
    const [whole, ...byRule] = accuracyOf(guard, "test");
    const imperfect = byRule.filter(({ positives, found, falseAlarms }) => found < positives || falseAlarms > 0);
    return [...(whole ? [whole] : []), ...imperfect];
  });
  const lines = rows.map((row) => {
    // A rule without texts of its own has no shares: all there is to say is how often it was wrong.
    const shares = row.positives === 0 ? ["-", "-"] : [precisionOf(row).toFixed(3), recallOf(row).toFixed(3)];
    return `| ${[row.name, row.positives, row.found, row.negatives, row.falseAlarms, ...shares].join(" | ")} |`;
  });
  return [
    "| guard, and rules that err | positives | found | negatives | false alarms | precision | recall |",
    "|---|---|---|---|---|---|---|",
    ...lines,
  ].join("\n");
}

/** How many disguised tokens are taken out whole, by the way of the disguise. */
export interface Evaded {
  readonly name: string;
  readonly cases: number;
  readonly taken: number;
}

/** Rules for tokens that stand for themselves; what is known by what stands around it has no disguise of its own. */
const ownForms = new Set(tokenRules.filter(({ pattern }) => !pattern.source.includes("?<found>")).map(({ id }) => id));

/** What is found of disguised tokens, by the way of the disguise. */
export function evasionsOf(split: Split): readonly Evaded[] {
  return evasions.map((evasion) => {
    const cases = evadedCases(evasion, split, ownForms);
    const taken = cases.filter((each) => isTaken(each, secretsGuard.scan(each.text)));
    return { name: evasion.name, cases: cases.length, taken: taken.length };
  });
}

/** The table of README.md: what is found of disguised tokens. */
export function evasionTable(): string {
  const rows = evasionsOf("test").map(
    ({ name, cases, taken }) => `| ${name} | ${cases} | ${taken} | ${(taken / cases).toFixed(3)} |`,
  );
  return ["| disguise | tokens | taken out whole | recall |", "|---|---|---|---|", ...rows].join("\n");
}

async function* run(): AsyncGenerator<Figure> {
  for (const guard of guards) {
    const dev = new Map(accuracyOf(guard, "dev").map((each) => [each.name, each]));
    for (const each of accuracyOf(guard, "test")) {
      // A rule without texts of its own has no shares; its false alarms are among its guard's.
      if (each.positives === 0) continue;
      const base = dev.get(each.name);
      const note = `${each.found} of ${each.positives} found, ${each.falseAlarms} false alarms in ${each.negatives} texts`;
      for (const [what, share] of [["precision", precisionOf] as const, ["recall", recallOf] as const]) {
        const against = base === undefined ? 1 : share(base);
        yield {
          name: `${what} of ${each.name}`,
          value: share(each),
          unit: "of 1",
          against: "on the texts that the rules were written with",
          base: against,
          ratio: share(each) / against,
          better: "higher",
          note,
        };
      }
    }
    await Promise.resolve();
  }
}

/** Guards. */
export const guardAccuracy: Bench = {
  name: "guards",
  question: "How often are the guards right, on texts that their rules were not written with?",
  options: {},
  run,
};

if (import.meta.main) await runAlone(guardAccuracy);
