// Fits the calibrated analyser's weights to labelled prompts. What is predicted is the gain: how much better the strong
// model did than the weak one, because ranking by it spends strong calls best.
//
// 1. The shared forest learns each prompt's own gain from dense features, from all prompts.
// 2. Two experts, one for questions with options and one for all others, learn only from prompts of their own kind. The
//    wording table of each learns each family's mean gain from words, so that a family is recognised by how it is
//    written; its forest learns the mean of the own gain and the family's, from the wording and the dense features.
//    Wording is predicted by tables that never saw the prompt (cross-fitting).
// 3. The linear parts are fitted on differences inside families only. Questions about quantities in plain words are
//    plenty and alike, so they have one of their own with all features; the others share one with a few.
import { wordingOf } from "../../src/routing/calibrated.ts";
import { featureNames, measure } from "../../src/routing/features.ts";
import type { FeatureName } from "../../src/routing/features.ts";
import { formOf } from "../../src/routing/form.ts";
import { wordingFeature } from "../../src/routing/model.ts";
import type { PackedExpert, PackedForest, PackedLinear, PackedModel } from "../../src/routing/model.ts";
import { gramBuckets, Reader } from "../../src/routing/reading.ts";
import { binned, boost, edgesPerFeature } from "./boosting.ts";
import type { Binned, Growth, Grown } from "./boosting.ts";
import { seeded } from "./gain.ts";
import type { Labelled } from "./labelled.ts";
import { solve, sparseRidge } from "./ridge.ts";

/** How the trees are grown; chosen by cross-validation over a dozen settings, among which little differs. */
const growth: Growth = { trees: 400, depth: 4, rate: 0.025, fewest: 30, penalty: 10, rows: 0.5, columns: 0.2 };
/** Prompts by which a family's mean gain is drawn towards the mean of all. */
const familyShrinkage = 20;
/** Penalties of the wording tables and of the linear parts. */
const penalties = { wording: 1, linear: 300 } as const;
/** Tables of words by which each prompt's wording is predicted without itself. */
const crossFits = 4;
/** Fewest prompts that an expert is fitted on; with less it learns from all prompts. */
const fewestOfKind = 500;
/** How much the common linear part counts where options stand: exams have taught the trees more. */
const shareWithOptions = 0.25;
/** Directions that were found to point the same way inside most families. */
const commonFeatures: readonly FeatureName[] = [
  "words",
  "sentences",
  "distinctWords",
  "quantities",
  "operators",
  "relationsWords",
  "fractionsWords",
  "formulae",
  "endsWithQuestion",
];

/** A labelled prompt, read. */
export interface Sample extends Labelled {
  /** Dense features, and one place for the wording. */
  readonly features: Float64Array;
  readonly grams: Int32Array;
}

/** Reads labelled prompts once, so that several fits can share the readings. */
export function samplesOf(labelled: readonly Labelled[]): Sample[] {
  const reader = new Reader();
  return labelled.map((each) => {
    const reading = reader.read(each.prompt);
    const features = new Float64Array(featureNames.length + 1);
    measure(reading, features);
    return { ...each, features, grams: reading.grams.slice() };
  });
}

/** Fits weights; `knots` and `levels` are left empty for the calibration. */
export function fitted(samples: readonly Sample[], seed: number): PackedModel {
  const gains = Float64Array.from(samples, ({ weak, strong }) => strong - weak);
  const familyGains = familyMeans(samples, gains);
  const bins = binned(
    samples.map(({ features }) => features),
    featureNames.length,
  );
  const expert = (isKind: (sample: Sample) => boolean): PackedExpert => {
    const kind = part(samples, isKind);
    const members = kind.length < fewestOfKind ? part(samples, () => true) : kind;
    return expertOf(picked(samples, members), picked(gains, members), picked(familyGains, members), seed + 1);
  };
  const common = linearPart(samples, gains, commonFeatures, (size) => 100 / size);
  const ofQuantities = part(samples, ({ features }) => formOf(features) === "quantities");
  return {
    features: featureNames,
    shared: packed(boost(bins, gains, growth, seeded(seed)), bins),
    experts: {
      options: expert(({ features }) => formOf(features) === "options"),
      open: expert(({ features }) => formOf(features) !== "options"),
    },
    linear: {
      options: { ...common, weights: rounded(common.weights.map((weight) => weight * shareWithOptions)) },
      quantities: linearPart(picked(samples, ofQuantities), picked(gains, ofQuantities), featureNames, () => 1),
      other: common,
    },
    knots: [],
    levels: [],
  };
}

/** The places of the samples that are of a kind. */
function part(samples: readonly Sample[], isKind: (sample: Sample) => boolean): number[] {
  return [...samples.keys()].filter((i) => isKind(samples[i] as Sample));
}

function picked(values: readonly Sample[], places: readonly number[]): Sample[];
function picked(values: Float64Array, places: readonly number[]): Float64Array;
function picked(values: readonly Sample[] | Float64Array, places: readonly number[]): Sample[] | Float64Array {
  if (values instanceof Float64Array) return Float64Array.from(places, (place) => values[place] ?? 0);
  return places.flatMap((place) => values[place] ?? []);
}

/** The wording table and the forest of prompts of one kind. */
function expertOf(
  samples: readonly Sample[],
  gains: Float64Array,
  familyGains: Float64Array,
  seed: number,
): PackedExpert {
  const wording = wordingTable(samples, familyGains);
  const crossed = crossFitted(samples, familyGains);
  const bins = binned(
    samples.map(({ features }, i) => features.with(wordingFeature, crossed[i] ?? 0)),
    featureNames.length + 1,
  );
  const smoothed = gains.map((gain, i) => (gain + (familyGains[i] ?? 0)) / 2);
  const largest = wording.reduce((most, weight) => Math.max(most, Math.abs(weight)), 1e-9);
  const scale = Math.fround(largest / 127);
  const weights = base64(Int8Array.from(wording, (weight) => Math.round(weight / scale)));
  return {
    wording: { buckets: gramBuckets, scale, weights },
    forest: packed(boost(bins, smoothed, growth, seeded(seed)), bins),
  };
}

function keyOf({ set, family }: Labelled): string {
  return `${set}/${family}`;
}

/** For each prompt the mean gain of its family, drawn towards the mean of all where the family is small. */
function familyMeans(samples: readonly Sample[], gains: Float64Array): Float64Array {
  const all = gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
  const families = new Map<string, { sum: number; count: number }>();
  for (const [i, sample] of samples.entries()) {
    const family = families.get(keyOf(sample)) ?? { sum: 0, count: 0 };
    family.sum += gains[i] ?? 0;
    family.count++;
    families.set(keyOf(sample), family);
  }
  return Float64Array.from(samples, (sample) => {
    const { sum, count } = families.get(keyOf(sample)) ?? { sum: 0, count: 0 };
    return (sum + familyShrinkage * all) / (count + familyShrinkage);
  });
}

function wordingTable(samples: readonly Sample[], targets: Float64Array): Float64Array {
  const mean = targets.reduce((sum, target) => sum + target, 0) / targets.length;
  const rows = samples.map(({ grams }, i) => ({ grams, target: (targets[i] ?? 0) - mean }));
  return sparseRidge(rows, gramBuckets, penalties.wording);
}

/** Each prompt's wording as tables say that were fitted without it. */
function crossFitted(samples: readonly Sample[], targets: Float64Array): Float64Array {
  const wordings = new Float64Array(samples.length);
  const tableOf = (i: number) => Math.floor((samples[i]?.lot ?? 0) / 1024) % crossFits;
  for (let left = 0; left < crossFits; left++) {
    const rest = samples.filter((_, i) => tableOf(i) !== left);
    const table = wordingTable(
      rest,
      targets.filter((_, i) => tableOf(i) !== left),
    );
    for (const [i, { grams }] of samples.entries()) if (tableOf(i) === left) wordings[i] = wordingOf(table, grams);
  }
  return wordings;
}

/**
 * A linear part over some features, from differences inside families, each prompt weighing what its family's size says.
 * Families on which strong is no better than weak are left out.
 */
function linearPart(
  samples: readonly Sample[],
  gains: Float64Array,
  names: readonly FeatureName[],
  weightFor: (familySize: number) => number,
): PackedLinear {
  const places = names.map((name) => featureNames.indexOf(name));
  const column = (place: number) => Float64Array.from(samples, ({ features }) => features[place] ?? 0);
  const columns = places.map(column);
  const means = columns.map(meanOf);
  const deviations = columns.map((values, k) => Math.sqrt(meanOf(values.map((x) => (x - (means[k] ?? 0)) ** 2))) || 1);
  const size = places.length;
  const matrix = Array.from({ length: size }, (_, k) => new Float64Array(size).fill(0).with(k, penalties.linear));
  const right = new Float64Array(size);
  const families = Map.groupBy(samples.keys(), (i) => keyOf(samples[i] as Sample));
  for (const members of families.values()) {
    const rows = members.map((i) =>
      columns.map((values, k) => ((values[i] ?? 0) - (means[k] ?? 0)) / (deviations[k] ?? 1)),
    );
    const centre = columns.map((_, k) => meanOf(rows.map((row) => row[k] ?? 0)));
    const gain = meanOf(members.map((i) => gains[i] ?? 0));
    if (gain <= 0) continue;
    const weight = Math.sqrt(weightFor(members.length));
    for (const [n, row] of rows.entries()) {
      const rise = weight * ((gains[members[n] ?? 0] ?? 0) - gain);
      const x = row.map((value, k) => weight * (value - (centre[k] ?? 0)));
      for (let r = 0; r < size; r++) {
        right[r] = (right[r] ?? 0) + (x[r] ?? 0) * rise;
        const target = matrix[r] ?? new Float64Array();
        for (let c = 0; c < size; c++) target[c] = (target[c] ?? 0) + (x[r] ?? 0) * (x[c] ?? 0);
      }
    }
  }
  return {
    features: names,
    means: rounded(means),
    deviations: rounded(deviations),
    weights: rounded(solve(matrix, right)),
  };
}

function rounded(values: Iterable<number>): number[] {
  return Array.from(values, (value) => Number(value.toPrecision(6)));
}

function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ?? 0;
  return values.length === 0 ? 0 : sum / values.length;
}

/** A forest packed; a raw score is the mean of two forests, so half of each is committed. */
function packed(grown: Grown, { edges }: Binned): PackedForest {
  if (grown.features.length > 65_535) throw new Error("a forest has more nodes than two bytes can name");
  return {
    base: grown.base / 2,
    edges: base64(edges),
    edgesPerFeature,
    features: base64(Uint8Array.from(grown.features)),
    places: base64(Uint8Array.from(grown.places)),
    rights: base64(Uint16Array.from(grown.rights)),
    values: base64(Float32Array.from(grown.values, (value) => value / 2)),
  };
}

function base64(values: Int8Array | Uint8Array | Uint16Array | Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64");
}
