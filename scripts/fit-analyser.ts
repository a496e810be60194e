// Fits the weights of the calibrated analyser and writes src/routing/weights.json with where they come from:
// `node scripts/fit-analyser.ts`. Needs the labelled prompts next to the project; says so when they are not there.
//
// The committed weights are fitted on all labelled prompts. The figures next to them come from five-fold
// cross-validation with the same code: every prompt is ranked by weights that saw neither it nor a near-duplicate.
import { writeFileSync } from "node:fs";
import { CalibratedAnalyser } from "../src/routing/calibrated.ts";
import { modelFrom } from "../src/routing/model.ts";
import type { PackedModel } from "../src/routing/model.ts";
import { fitted, samplesOf } from "./routing/fitting.ts";
import { rankingIntervals, seeded } from "./routing/gain.ts";
import { hasLabelled, labelledSets, readLabelled } from "./routing/labelled.ts";
import { crossValidated, folds } from "./routing/validation.ts";

/** Seeds the trees' choice of rows and columns, and the bootstrap. */
const seed = 4;
/** Knots of the calibration: one for each hundredth of the labelled prompts. */
const knotCount = 101;
/**
 * Scores at which levels 2 to 5 begin. The labelled prompts are exam questions, so only the least demanding tenth is
 * nano and only the most demanding tenth expert; the rest is split between easy, medium and hard.
 */
const levels = [0.1, 0.4, 0.7, 0.9] as const;
const target = new URL("../src/routing/weights.json", import.meta.url);

/** Fits, calibrates and describes. */
function weights(): object {
  const labelled = readLabelled();
  const samples = samplesOf(labelled);
  const model = fitted(samples, seed);
  const provisional: PackedModel = { ...model, knots: [0, 1], levels };
  const analyser = new CalibratedAnalyser(modelFrom(provisional));
  const raws = labelled.flatMap(({ prompt }) => analyser.raw(prompt) ?? []).toSorted((a, b) => a - b);
  const knots = Array.from({ length: knotCount }, (_, i) => {
    const at = raws[Math.round((i * (raws.length - 1)) / (knotCount - 1))] ?? 0;
    return Number(at.toPrecision(8));
  });
  if (new Set(knots).size !== knotCount) throw new Error("two knots of the calibration are the same");
  const scores = crossValidated(samples, seed);
  const figures = Object.fromEntries(
    labelledSets.map((set) => {
      const places = [...samples.keys()].filter((i) => samples[i]?.set === set);
      const pairs = places.flatMap((i) => samples[i] ?? []);
      const found = rankingIntervals(
        pairs,
        places.map((i) => scores[i] ?? 0),
        1000,
        seeded(seed),
      );
      const round = (values: readonly number[]) => values.map((value) => Number(value.toFixed(3)));
      return [
        set,
        { prompts: pairs.length, apgr: round(found.apgr), cpt50: round(found.cpt50), cpt80: round(found.cpt80) },
      ];
    }),
  );
  const provenance = {
    command: "node scripts/fit-analyser.ts",
    date: new Date().toISOString().slice(0, 10),
    seed,
    data: [
      "GSM8K and MMLU answers of Mixtral 8x7B and GPT-4-1106, halves of lm-sys/RouteLLM evals, Apache-2.0",
      "Answers of nine open models to 5608 questions, ulab-uiuc/LLMRouter preprocessed data, MIT",
    ],
    split: `weights: all prompts; figures: ${folds}-fold cross-validation by SHA-256 of the prompt's first 60 letters and digits`,
    figures: {
      meaning: "value, low and high of the 95 % bootstrap interval, on prompts the fit never saw",
      ...figures,
    },
  };
  return { provenance, ...model, knots, levels };
}

if (hasLabelled()) {
  writeFileSync(target, `${JSON.stringify(weights(), null, 2)}\n`);
  console.log(`fitted: ${target.pathname}; format it with \`npx oxfmt\``);
} else {
  console.error("the labelled prompts do not lie next to the project");
  process.exitCode = 1;
}
