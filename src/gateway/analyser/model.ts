// The weights as the analyser uses them, and as they are committed: a table of weights for hashed words, boosted trees,
// and a small linear part. Arrays are base64 of little-endian numbers, so that the file stays compact.
import { featureNames } from "./features.ts";
import { gramBuckets } from "./reading.ts";

/** Marks a leaf in `Forest.features`. */
export const leaf = 255;
/** The feature that the table of words makes; it stands behind the dense ones. */
export const wordingFeature = featureNames.length;

/** Boosted regression trees, their nodes in preorder: a node's left child follows it. */
export interface Forest {
  readonly base: number;
  /** Of each node: the feature it asks about, or `leaf`. */
  readonly features: Uint8Array;
  /** Of each inner node: texts below it go left. */
  readonly thresholds: Float64Array;
  readonly rights: Uint16Array;
  /** Of each node: what the tree would add if it ended here, learning rate included. */
  readonly values: Float32Array;
  /** Where the trees begin. */
  readonly roots: Uint16Array;
}

/** The linear part: directions that hold inside every family of tasks, also those that were left out of a fit. */
export interface Common {
  readonly features: Uint8Array;
  readonly means: Float64Array;
  readonly deviations: Float64Array;
  readonly weights: Float64Array;
  /** How much it counts beside the trees, for questions with options and for all others. */
  readonly shares: { readonly options: number; readonly open: number };
}

/** All weights. */
export interface Model {
  readonly wording: Float32Array;
  readonly forests: readonly Forest[];
  readonly common: Common;
  /** Raw scores at evenly spaced quantiles of the labelled prompts, ascending, all different. */
  readonly knots: Float64Array;
  /** Scores at which levels 2, 3, 4 and 5 begin. */
  readonly levels: readonly number[];
}

/** A forest as it is committed; a threshold is the place of an edge in its feature's list. */
export interface PackedForest {
  readonly base: number;
  readonly features: string;
  readonly edges: string;
  readonly rights: string;
  readonly values: string;
}

/** Weights as they are committed. */
export interface PackedModel {
  readonly features: readonly string[];
  readonly wording: { readonly buckets: number; readonly scale: number; readonly weights: string };
  /** Edges of each feature's bins, `edgesPerFeature` each, padded with infinity. */
  readonly edges: string;
  readonly edgesPerFeature: number;
  readonly forests: readonly PackedForest[];
  readonly common: {
    readonly features: readonly string[];
    readonly means: readonly number[];
    readonly deviations: readonly number[];
    readonly weights: readonly number[];
    readonly shares: { readonly options: number; readonly open: number };
  };
  readonly knots: readonly number[];
  readonly levels: readonly number[];
}

/** Unpacks committed weights. Throws when they were fitted for other features than the code measures. */
export function modelFrom(packed: PackedModel): Model {
  if (packed.features.join() !== featureNames.join() || packed.wording.buckets !== gramBuckets)
    throw new Error("the analyser's weights were fitted for other features; run scripts/fit-analyser.ts");
  const { scale, weights } = packed.wording;
  const edges = new Float32Array(buffer(packed.edges));
  return {
    wording: Float32Array.from(new Int8Array(buffer(weights)), (weight) => weight * scale),
    forests: packed.forests.map((forest) => forestFrom(forest, edges, packed.edgesPerFeature)),
    common: {
      features: Uint8Array.from(packed.common.features, (name) => featureNames.findIndex((each) => each === name)),
      means: Float64Array.from(packed.common.means),
      deviations: Float64Array.from(packed.common.deviations),
      weights: Float64Array.from(packed.common.weights),
      shares: packed.common.shares,
    },
    knots: Float64Array.from(packed.knots),
    levels: packed.levels,
  };
}

function forestFrom(packed: PackedForest, edges: Float32Array, perFeature: number): Forest {
  const features = new Uint8Array(buffer(packed.features));
  const places = new Uint8Array(buffer(packed.edges));
  return {
    base: packed.base,
    features,
    thresholds: Float64Array.from(places, (place, node) => edges[(features[node] ?? 0) * perFeature + place] ?? 0),
    rights: new Uint16Array(buffer(packed.rights)),
    values: new Float32Array(buffer(packed.values)),
    roots: rootsOf(features),
  };
}

/** Where trees begin in a preorder of binary trees: a tree is over when every inner node has both its children. */
function rootsOf(features: Uint8Array): Uint16Array {
  const roots: number[] = [];
  let open = 0;
  for (const [node, feature] of features.entries()) {
    if (open === 0) {
      roots.push(node);
      open = 1;
    }
    open += feature === leaf ? -1 : 1;
  }
  return Uint16Array.from(roots);
}

/** Bytes of base64 in a buffer of their own, which typed arrays can be laid over. */
function buffer(base64: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(base64, "base64")).buffer;
}
