// How well the analyser ranks prompts by what a stronger model gains on them, on labelled prompts that its weights were
// fitted on, on prompts that they never saw, and on whole families of tasks that they never saw; and how long it takes.
// The figure is APGR (RouteLLM, arXiv 2406.18665): 0.5 is what a random choice recovers.
import { openAnalyser } from "../src/routing/index.ts";
import type { Analyser } from "../src/routing/index.ts";
import { samplesOf } from "../scripts/routing/fitting.ts";
import type { Sample } from "../scripts/routing/fitting.ts";
import { rankingIntervals, rankingOf, seeded } from "../scripts/routing/gain.ts";
import type { Interval } from "../scripts/routing/gain.ts";
import { hasLabelled, labelledSets, readLabelled } from "../scripts/routing/labelled.ts";
import { crossValidated, familyGroup, folds, scoresOn } from "../scripts/routing/validation.ts";
import { costFigure, nearestRank, numberText, rateFigure, runAlone } from "./bench.ts";
import type { Bench, BenchOptions, Figure } from "./bench.ts";

/** Seeds the fits and the bootstrap. */
const seed = 4;
/** Characters of the long prompt that is timed. */
const longCharacters = 4096;

function figure(name: string, value: number, note: string): Figure {
  return rateFigure({ name, value, unit: "APGR", against: "random", base: 0.5, note });
}

function intervalText([, low, high]: Interval): string {
  return `${low.toFixed(3)} to ${high.toFixed(3)}`;
}

/** A ranking of one set with its intervals. */
function judged(name: string, samples: readonly Sample[], scores: ArrayLike<number>, bootstraps: number): Figure {
  const { apgr, cpt50, cpt80 } = rankingIntervals(samples, scores, bootstraps, seeded(seed));
  const cpts = `CPT(50) ${cpt50[0].toFixed(3)} (${intervalText(cpt50)}), CPT(80) ${cpt80[0].toFixed(3)} (${intervalText(cpt80)})`;
  return figure(name, apgr[0], `95 % ${intervalText(apgr)}; ${cpts}; ${samples.length} prompts`);
}

/** Microseconds per prompt, sorted. */
function timesOf(analyser: Analyser, prompts: readonly string[]): number[] {
  for (const prompt of prompts.slice(0, 500)) analyser.analyse(prompt);
  return prompts
    .map((prompt) => {
      const start = process.hrtime.bigint();
      analyser.analyse(prompt);
      return Number(process.hrtime.bigint() - start) / 1000;
    })
    .toSorted((left, right) => left - right);
}

function* sets(samples: readonly Sample[], bootstraps: number): Generator<Figure> {
  const [calibrated, classic] = [openAnalyser("calibrated"), openAnalyser("classic")];
  const unseen = crossValidated(samples, seed);
  for (const set of labelledSets) {
    const places = [...samples.keys()].filter((i) => samples[i]?.set === set);
    const chosen = places.flatMap((i) => samples[i] ?? []);
    const scored = (score: (prompt: string) => number) => chosen.map(({ prompt }) => score(prompt));
    yield judged(
      `${set}, unseen prompts (${folds} folds)`,
      chosen,
      places.map((i) => unseen[i] ?? 0),
      bootstraps,
    );
    yield judged(
      `${set}, seen prompts`,
      chosen,
      scored((prompt) => calibrated.analyse(prompt).score),
      bootstraps,
    );
    yield judged(
      `${set}, classic rules`,
      chosen,
      scored((prompt) => classic.analyse(prompt).score),
      bootstraps,
    );
    yield judged(
      `${set}, longer is harder`,
      chosen,
      scored(({ length }) => length),
      bootstraps,
    );
    const random = seeded(seed);
    yield judged(
      `${set}, random`,
      chosen,
      scored(() => random()),
      bootstraps,
    );
  }
}

/** Each family ranked by weights that were fitted without it, and each set by weights that never saw the set. */
function* families(samples: readonly Sample[]): Generator<Figure> {
  const left = (name: string, isJudged: (sample: Sample) => boolean): Figure => {
    const chosen = samples.filter(isJudged);
    const scores = scoresOn(
      samples.filter((sample) => !isJudged(sample)),
      chosen,
      seed,
    );
    const { apgr } = rankingIntervals(chosen, scores, 200, seeded(seed));
    const gap = chosen.reduce((sum, { weak, strong }) => sum + strong - weak, 0) / chosen.length;
    const note = `95 % ${intervalText(apgr)}; ${chosen.length} prompts, gap ${numberText(gap)}`;
    return figure(name, rankingOf(chosen, scores).apgr, note);
  };
  for (const set of labelledSets) yield left(`${set}, whole set left out`, (sample) => sample.set === set);
  for (const group of [...new Set(samples.map(familyGroup))].toSorted()) {
    const chosen = samples.filter((sample) => familyGroup(sample) === group);
    // Where strong is no better than weak there is no gap to recover.
    if (chosen.reduce((sum, { weak, strong }) => sum + strong - weak, 0) <= 0) continue;
    yield left(`${group}, family left out`, (sample) => familyGroup(sample) === group);
  }
}

function* times(samples: readonly Sample[]): Generator<Figure> {
  const prompts = samples.map(({ prompt }) => prompt).filter((_, i) => i % 5 === 0);
  const long = Array.from({ length: 400 }, (_, i) =>
    prompts
      .slice(i, i + 60)
      .join("\n")
      .slice(0, longCharacters),
  );
  for (const [what, texts] of [
    ["labelled prompts", prompts] as const,
    [`${longCharacters} characters`, long] as const,
  ]) {
    const [calibrated, classic] = (["calibrated", "classic"] as const).map((kind) =>
      timesOf(openAnalyser(kind), texts),
    );
    yield costFigure({
      name: `p50 of an analysis, ${what}`,
      value: nearestRank(calibrated ?? [], 0.5),
      unit: "microseconds",
      against: "classic rules",
      base: nearestRank(classic ?? [], 0.5),
      note: `p99 ${numberText(nearestRank(calibrated ?? [], 0.99))}`,
    });
  }
}

async function* run(options: BenchOptions): AsyncGenerator<Figure> {
  if (!hasLabelled()) throw new Error("the labelled prompts do not lie next to the project");
  const samples = samplesOf(readLabelled());
  yield* times(samples);
  yield* sets(samples, Number(options["bootstraps"]));
  yield* families(samples);
}

/** Routing. */
export const routing: Bench = {
  name: "routing",
  question: "How well does the analyser tell which prompts a stronger model gains on, and how long does it take?",
  options: { bootstraps: "1000" },
  run,
};

if (import.meta.main) await runAlone(routing);
