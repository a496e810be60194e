// Ranks labelled prompts by weights that never saw them: in folds, and with whole families of tasks left out.
import { CalibratedAnalyser } from "../../src/routing/calibrated.ts";
import { modelFrom } from "../../src/routing/model.ts";
import { fitted } from "./fitting.ts";
import type { Sample } from "./fitting.ts";

/** Parts of a cross-validation. */
export const folds = 5;

/** The scores that weights fitted on some prompts give to others. */
export function scoresOn(fit: readonly Sample[], judged: readonly Sample[], seed: number): Float64Array {
  const analyser = new CalibratedAnalyser(modelFrom({ ...fitted(fit, seed), knots: [0, 1], levels: [] }));
  return Float64Array.from(judged, ({ prompt }) => analyser.raw(prompt) ?? Number.NEGATIVE_INFINITY);
}

/** The score of every prompt by weights fitted on the other folds; near-duplicates are in one fold. */
export function crossValidated(samples: readonly Sample[], seed: number, parts = folds): Float64Array {
  const scores = new Float64Array(samples.length);
  for (let part = 0; part < parts; part++) {
    const places = [...samples.keys()].filter((i) => (samples[i]?.lot ?? 0) % parts === part);
    const found = scoresOn(
      samples.filter(({ lot }) => lot % parts !== part),
      places.flatMap((i) => samples[i] ?? []),
      seed,
    );
    for (const [n, place] of places.entries()) scores[place] = found[n] ?? 0;
  }
  return scores;
}

/** MMLU's subjects by what they have in common; a subject alone has too few prompts to judge a ranking by. */
const subjects: Readonly<Record<string, RegExp>> = {
  "mathematics exams": /mathematics|algebra|statistics|formal_logic/,
  "physics and chemistry exams": /physics|chemistry|astronomy|electrical/,
  "computing exams": /computer|machine/,
  "life science exams": /biology|medic|anatomy|clinical|virology|genetics|nutrition|aging|sexuality/,
  "law exams": /law|jurisprudence/,
  "history exams": /history/,
  "moral scenarios": /moral_scenarios/,
  "philosophy exams": /moral|philosophy|logical|religions|ethics/,
  "economics exams": /econom|accounting|marketing|management|public_relations/,
};

/** The group of families that a prompt is left out with. */
export function familyGroup({ set, family }: Sample): string {
  if (set !== "mmlu") return family;
  return Object.entries(subjects).find(([, pattern]) => pattern.test(family))?.[0] ?? "social exams";
}
