// Fits the calibrated analyser's weights to labelled prompts. What is predicted is the gain: how much better the strong
// model did than the weak one, because ranking by it spends strong calls best.
//
// 1. The wording table learns each family's mean gain from words, so that a family is recognised by how it is written.
// 2. One forest learns each prompt's own gain from dense features; a second one learns the mean of the own gain and the
//    family's, with the wording beside them. Wording is predicted by tables that never saw the prompt (cross-fitting).
// 3. The linear part is fitted on differences inside families only, each family weighing as the root of its size.
import { wordingOf } from "../../src/gateway/analyser/calibrated.ts";
import { featureNames, measure } from "../../src/gateway/analyser/features.ts";
import type { FeatureName } from "../../src/gateway/analyser/features.ts";
import { wordingFeature } from "../../src/gateway/analyser/model.ts";
import type { PackedForest, PackedModel } from "../../src/gateway/analyser/model.ts";
import { gramBuckets, Reader } from "../../src/gateway/analyser/reading.ts";
import { binned, boost, edgesPerFeature } from "./boosting.ts";
import type { Growth, Grown } from "./boosting.ts";
import { seeded } from "./gain.ts";
import type { Labelled } from "./labelled.ts";
import { solve, sparseRidge } from "./ridge.ts";

/** How the trees are grown; chosen by cross-validation over a dozen settings, among which little differs. */
const growth: Growth = { trees: 400, depth: 4, rate: 0.025, fewest: 30, penalty: 10, rows: 0.5, columns: 0.2 };
/** Prompts by which a family's mean gain is drawn towards the mean of all. */
const familyShrinkage = 20;
/** Penalties of the wording table and of the linear part. */
const penalties = { wording: 1, common: 300 } as const;
/** Tables of words by which each prompt's wording is predicted without itself. */
const crossFits = 4;
/** How much the linear part counts beside the trees; where options stand, exams have taught the trees more. */
const shares = { options: 0.25, open: 2 } as const;
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

/** Fits weights; `knots` and `levels` are left empty for whoever calibrates them. */
export function fitted(samples: readonly Sample[], seed: number): PackedModel {
  const gains = Float64Array.from(samples, ({ weak, strong }) => strong - weak);
  const familyGains = familyMeans(samples, gains);
  const wording = wordingTable(samples, familyGains);
  const crossed = crossFitted(samples, familyGains);
  const width = featureNames.length + 1;
  const bins = binned(
    samples.map(({ features }, i) => features.with(wordingFeature, crossed[i] ?? 0)),
    width,
  );
  const own = boost({ ...bins, bins: bins.bins.slice(0, -1) }, gains, growth, seeded(seed));
  const smoothed = gains.map((gain, i) => (gain + (familyGains[i] ?? 0)) / 2);
  const shared = boost(bins, smoothed, growth, seeded(seed + 1));
  const largest = wording.reduce((most, weight) => Math.max(most, Math.abs(weight)), 1e-9);
  const scale = Math.fround(largest / 127);
  return {
    features: featureNames,
    wording: {
      buckets: gramBuckets,
      scale,
      weights: base64(Int8Array.from(wording, (weight) => Math.round(weight / scale))),
    },
    edges: base64(bins.edges),
    edgesPerFeature,
    // The two are averaged: halves of each are summed.
    forests: [own, shared].map((grown) => packed(grown, 0.5)),
    common: commonPart(samples, gains),
    knots: [],
    levels: [],
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
  const part = (i: number) => Math.floor((samples[i]?.lot ?? 0) / 1024) % crossFits;
  for (let left = 0; left < crossFits; left++) {
    const rest = samples.filter((_, i) => part(i) !== left);
    const table = wordingTable(
      rest,
      targets.filter((_, i) => part(i) !== left),
    );
    for (const [i, { grams }] of samples.entries()) if (part(i) === left) wordings[i] = wordingOf(table, grams);
  }
  return wordings;
}

/** The linear part, from differences inside families. Families on which strong is no better than weak are left out. */
function commonPart(samples: readonly Sample[], gains: Float64Array): PackedModel["common"] {
  const places = commonFeatures.map((name) => featureNames.indexOf(name));
  const column = (place: number) => Float64Array.from(samples, ({ features }) => features[place] ?? 0);
  const columns = places.map(column);
  const means = columns.map(meanOf);
  const deviations = columns.map((values, k) => Math.sqrt(meanOf(values.map((x) => (x - (means[k] ?? 0)) ** 2))) || 1);
  const size = places.length;
  const matrix = Array.from({ length: size }, (_, k) => new Float64Array(size).fill(0).with(k, penalties.common));
  const right = new Float64Array(size);
  const families = Map.groupBy(samples.keys(), (i) => keyOf(samples[i] as Sample));
  for (const members of families.values()) {
    const rows = members.map((i) =>
      columns.map((values, k) => ((values[i] ?? 0) - (means[k] ?? 0)) / (deviations[k] ?? 1)),
    );
    const centre = columns.map((_, k) => meanOf(rows.map((row) => row[k] ?? 0)));
    const gain = meanOf(members.map((i) => gains[i] ?? 0));
    if (gain <= 0) continue;
    const weight = 10 / Math.sqrt(members.length);
    for (const [n, row] of rows.entries()) {
      const rise = (gains[members[n] ?? 0] ?? 0) - gain;
      for (let r = 0; r < size; r++) {
        const x = weight * ((row[r] ?? 0) - (centre[r] ?? 0));
        right[r] = (right[r] ?? 0) + x * rise;
        const target = matrix[r] ?? new Float64Array();
        for (let c = 0; c < size; c++) target[c] = (target[c] ?? 0) + x * ((row[c] ?? 0) - (centre[c] ?? 0));
      }
    }
  }
  const rounded = (values: Iterable<number>) => Array.from(values, (value) => Number(value.toPrecision(6)));
  return {
    features: commonFeatures,
    means: rounded(means),
    deviations: rounded(deviations),
    weights: rounded(solve(matrix, right)),
    shares,
  };
}

function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ?? 0;
  return values.length === 0 ? 0 : sum / values.length;
}

function packed(grown: Grown, factor: number): PackedForest {
  if (grown.features.length > 65_535) throw new Error("a forest has more nodes than two bytes can name");
  return {
    base: grown.base * factor,
    features: base64(Uint8Array.from(grown.features)),
    edges: base64(Uint8Array.from(grown.places)),
    rights: base64(Uint16Array.from(grown.rights)),
    values: base64(Float32Array.from(grown.values, (value) => value * factor)),
  };
}

function base64(values: Int8Array | Uint8Array | Uint16Array | Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64");
}
