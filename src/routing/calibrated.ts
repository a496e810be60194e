// The calibrated analyser: how much a stronger model is expected to gain on a prompt, learned from prompts that weak and
// strong models were marked on.
//
// 1. score = quantile of the raw score among the labelled prompts; raw = trees + linear part + priors set by hand (`priors.ts`).
// 2. The trees know the families of tasks they were fitted on (mathematics, code, trivia, exam subjects ...), in which
//    length and keywords point in different directions. Half of what they say was learned from all prompts, half from
//    those that have options, or have none, as the prompt does (`form.ts`).
// 3. The linear part holds directions that are the same inside families; it is what ranks prompts of a family that no
//    weight has seen.
// 4. One reading of some 8000 characters at most, then a fixed number of additions.
import type { Analyser, Analysis, Hints, Level, Reason } from "./analyser.ts";
import { featureNames, measure } from "./features.ts";
import { formOf } from "./form.ts";
import { leaf, wordingFeature } from "./model.ts";
import type { Forest, Linear, Model } from "./model.ts";
import { hintBonus, isSmallTalk, textPriors } from "./priors.ts";
import { Reader } from "./reading.ts";

/** How many features are named as reasons. */
const reasonCount = 4;
/** Normalises the sum of word weights; short texts are not blown up. */
const fewestGrams = 8;
/** Deviations beyond which the linear part follows a feature no further. */
const clampAt = 3;

const reasonNames: readonly string[] = [...featureNames, "wording"];

/** An analyser over weights; it owns buffers, so one instance judges one prompt at a time. */
export class CalibratedAnalyser implements Analyser {
  readonly #model: Model;
  readonly #reader = new Reader();
  readonly #features = new Float64Array(featureNames.length + 1);
  readonly #contributions = new Float64Array(featureNames.length + 1);

  constructor(model: Model) {
    this.#model = model;
  }

  analyse(text: string, hints: Hints = {}): Analysis {
    const judged = this.#judge(text);
    if (judged === null) return { score: 0, level: 1, reasons: [{ feature: "smallTalk", contribution: -1 }] };
    const hinted = hintBonus(hints);
    const priors = hinted === 0 ? judged.priors : [...judged.priors, { feature: "hints", contribution: hinted }];
    const score = scoreOf(this.#model.knots, judged.raw + hinted);
    return { score, level: this.#levelOf(score), reasons: this.#reasons(priors) };
  }

  /** What the score is the quantile of: the expected gain of a stronger model. Null for small talk. */
  raw(text: string): number | null {
    return this.#judge(text)?.raw ?? null;
  }

  #judge(text: string): { readonly raw: number; readonly priors: readonly Reason[] } | null {
    const reading = this.#reader.read(text);
    if (isSmallTalk(reading)) return null;
    const [features, contributions] = [this.#features, this.#contributions];
    measure(reading, features);
    const { shared, experts, linear } = this.#model;
    const form = formOf(features);
    const expert = form === "options" ? experts.options : experts.open;
    features[wordingFeature] = wordingOf(expert.wording, reading.grams);
    contributions.fill(0);
    let raw = this.#lean(linear[form]);
    raw += walk(shared, features, contributions);
    raw += walk(expert.forest, features, contributions);
    const priors = textPriors(reading, features);
    for (const { contribution } of priors) raw += contribution;
    return { raw, priors };
  }

  #lean({ features: places, means, deviations, weights }: Linear): number {
    let sum = 0;
    for (let i = 0; i < places.length; i++) {
      const place = places[i] ?? 0;
      const deviation = ((this.#features[place] ?? 0) - (means[i] ?? 0)) / (deviations[i] ?? 1);
      const part = (weights[i] ?? 0) * Math.max(-clampAt, Math.min(clampAt, deviation));
      this.#contributions[place] = (this.#contributions[place] ?? 0) + part;
      sum += part;
    }
    return sum;
  }

  #levelOf(score: number): Level {
    let level: Level = 1;
    for (const start of this.#model.levels) if (score >= start && level < 5) level = (level + 1) as Level;
    return level;
  }

  #reasons(priors: readonly Reason[]): Reason[] {
    const found = priors.toSorted((left, right) => Math.abs(right.contribution) - Math.abs(left.contribution));
    for (let i = 0; i < this.#contributions.length; i++) {
      const contribution = this.#contributions[i] ?? 0;
      const last = found[reasonCount - 1];
      const size = Math.abs(contribution);
      if (size === 0 || (last !== undefined && size <= Math.abs(last.contribution))) continue;
      let at = Math.min(found.length, reasonCount - 1);
      while (at > 0 && Math.abs(found[at - 1]?.contribution ?? 0) < size) at--;
      found.splice(at, 0, { feature: reasonNames[i] ?? "", contribution });
      found.length = Math.min(found.length, reasonCount);
    }
    return found;
  }
}

/** What the words say, from a table of weights; the sum is divided as a vector of length one would be. */
export function wordingOf(weights: Float32Array | Float64Array, grams: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < grams.length; i++) sum += weights[grams[i] ?? 0] ?? 0;
  return sum / Math.sqrt(Math.max(fewestGrams, grams.length));
}

/** Sums what every tree says, and lays each step of each walk to the account of the feature that was asked. */
function walk(forest: Forest, inputs: Float64Array, contributions: Float64Array): number {
  const { features, thresholds, rights, values, roots } = forest;
  let sum = forest.base;
  for (let tree = 0; tree < roots.length; tree++) {
    let node = roots[tree] ?? 0;
    let value = values[node] ?? 0;
    for (let feature = features[node] ?? leaf; feature !== leaf; feature = features[node] ?? leaf) {
      node = (inputs[feature] ?? 0) < (thresholds[node] ?? 0) ? node + 1 : (rights[node] ?? 0);
      const next = values[node] ?? 0;
      contributions[feature] = (contributions[feature] ?? 0) + next - value;
      value = next;
    }
    sum += value;
  }
  return sum;
}

/** The place of a raw score among the knots, in 0..1; strictly rising, also beyond the first and last knot. */
export function scoreOf(knots: Float64Array, raw: number): number {
  const last = knots.length - 1;
  const [lowest, highest] = [knots[0] ?? 0, knots[last] ?? 1];
  const edge = 0.5 / last;
  const scale = (highest - lowest) / 4;
  if (raw <= lowest) return edge * Math.exp((raw - lowest) / scale);
  if (raw >= highest) return 1 - edge * Math.exp((highest - raw) / scale);
  let [low, high] = [0, last];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((knots[middle] ?? 0) <= raw) low = middle;
    else high = middle;
  }
  const [from, to] = [knots[low] ?? 0, knots[high] ?? 0];
  return edge + ((1 - 2 * edge) * (low + (raw - from) / (to - from))) / last;
}
