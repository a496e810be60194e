// Gradient boosting of small regression trees on binned features, squared loss.
import { leaf } from "../../src/routing/model.ts";

/** Edges of each feature's bins; a place in them is a byte. */
export const edgesPerFeature = 31;

/** How trees are grown. */
export interface Growth {
  readonly trees: number;
  readonly depth: number;
  readonly rate: number;
  /** Fewest prompts on either side of a split. */
  readonly fewest: number;
  /** Shrinks the values of small leaves. */
  readonly penalty: number;
  /** Shares of prompts and of features that each tree sees. */
  readonly rows: number;
  readonly columns: number;
}

/** Trees in preorder; `places` name edges. */
export interface Grown {
  readonly base: number;
  readonly features: number[];
  readonly places: number[];
  readonly rights: number[];
  readonly values: number[];
}

/** Prompts by feature, in bins. */
export interface Binned {
  readonly edges: Float32Array;
  readonly bins: readonly Uint8Array[];
}

/** Bins columns of features at their quantiles. */
export function binned(rows: readonly Float64Array[], width: number): Binned {
  const edges = new Float32Array(width * edgesPerFeature).fill(Number.POSITIVE_INFINITY);
  const bins = Array.from({ length: width }, (_, feature) => {
    const sorted = Float64Array.from(rows, (row) => row[feature] ?? 0).sort();
    let count = 0;
    for (let i = 1; i <= edgesPerFeature; i++) {
      const edge = Math.fround(sorted[Math.floor((i * sorted.length) / (edgesPerFeature + 1))] ?? 0);
      const before = count === 0 ? Math.fround(sorted[0] ?? 0) : (edges[feature * edgesPerFeature + count - 1] ?? 0);
      if (edge > before) edges[feature * edgesPerFeature + count++] = edge;
    }
    return Uint8Array.from(rows, (row) => {
      let bin = 0;
      while (bin < count && (row[feature] ?? 0) >= (edges[feature * edgesPerFeature + bin] ?? 0)) bin++;
      return bin;
    });
  });
  return { edges, bins };
}

interface Split {
  readonly feature: number;
  readonly place: number;
}

/** Grows trees that predict the targets. */
export function boost({ bins }: Binned, targets: Float64Array, growth: Growth, random: () => number): Grown {
  const count = targets.length;
  const base = targets.reduce((sum, target) => sum + target, 0) / count;
  const left = targets.map((target) => target - base);
  const grown: Grown = { base, features: [], places: [], rights: [], values: [] };
  const everyone = Int32Array.from({ length: count }, (_, i) => i);
  for (let tree = 0; tree < growth.trees; tree++) {
    const columns = [...bins.keys()].filter(() => random() < growth.columns);
    const seen = everyone.filter(() => random() < growth.rows);
    const root = grown.features.length;
    grow(grown, bins, left, seen, columns, growth, growth.depth);
    for (let i = 0; i < count; i++) left[i] = (left[i] ?? 0) - valueOf(grown, bins, root, i);
  }
  return grown;
}

function grow(
  grown: Grown,
  bins: readonly Uint8Array[],
  left: Float64Array,
  rows: Int32Array,
  columns: readonly number[],
  growth: Growth,
  depth: number,
): void {
  const node = grown.features.length;
  let sum = 0;
  for (const row of rows) sum += left[row] ?? 0;
  grown.features.push(leaf);
  grown.places.push(0);
  grown.rights.push(0);
  grown.values.push((growth.rate * sum) / (rows.length + growth.penalty));
  const split = depth > 0 ? bestSplit(bins, left, rows, columns, growth, sum) : null;
  if (split === null) return;
  const bin = bins[split.feature] ?? new Uint8Array();
  grown.features[node] = split.feature;
  grown.places[node] = split.place;
  grow(
    grown,
    bins,
    left,
    rows.filter((row) => (bin[row] ?? 0) <= split.place),
    columns,
    growth,
    depth - 1,
  );
  grown.rights[node] = grown.features.length;
  grow(
    grown,
    bins,
    left,
    rows.filter((row) => (bin[row] ?? 0) > split.place),
    columns,
    growth,
    depth - 1,
  );
}

function bestSplit(
  bins: readonly Uint8Array[],
  left: Float64Array,
  rows: Int32Array,
  columns: readonly number[],
  { fewest, penalty }: Growth,
  sum: number,
): Split | null {
  let best: Split | null = null;
  let bestGain = (sum * sum) / (rows.length + penalty) + 1e-6;
  const sums = new Float64Array(edgesPerFeature + 1);
  const counts = new Float64Array(edgesPerFeature + 1);
  for (const feature of columns) {
    sums.fill(0);
    counts.fill(0);
    const bin = bins[feature] ?? new Uint8Array();
    for (const row of rows) {
      const at = bin[row] ?? 0;
      sums[at] = (sums[at] ?? 0) + (left[row] ?? 0);
      counts[at] = (counts[at] ?? 0) + 1;
    }
    let [below, under] = [0, 0];
    for (let place = 0; place < edgesPerFeature; place++) {
      below += sums[place] ?? 0;
      under += counts[place] ?? 0;
      const over = rows.length - under;
      if (under < fewest || over < fewest) continue;
      const gain = below ** 2 / (under + penalty) + (sum - below) ** 2 / (over + penalty);
      if (gain > bestGain) [best, bestGain] = [{ feature, place }, gain];
    }
  }
  return best;
}

function valueOf(grown: Grown, bins: readonly Uint8Array[], root: number, row: number): number {
  let node = root;
  for (let feature = grown.features[node]; feature !== undefined && feature !== leaf; feature = grown.features[node]) {
    const isLeft = (bins[feature]?.[row] ?? 0) <= (grown.places[node] ?? 0);
    node = isLeft ? node + 1 : (grown.rights[node] ?? 0);
  }
  return grown.values[node] ?? 0;
}
