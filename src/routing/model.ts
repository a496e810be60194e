// The weights as the analyser uses them, and as they are committed: boosted trees, tables of weights for hashed words,
// and small linear parts. Arrays are base64 of little-endian numbers, so that the file stays compact.
import { featureNames } from "./features.ts";
import type { Form } from "./form.ts";
import { gramBuckets } from "./reading.ts";

/** Marks a leaf in `Forest.features`. */
export const leaf = 255;
/** The feature that a table of words makes; it stands behind the dense ones. */
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

/** What questions with options, or without, have taught beyond what all prompts taught. */
export interface Expert {
  readonly wording: Float32Array;
  readonly forest: Forest;
}

/** A linear part: directions that hold inside families of tasks, also inside those that were left out of a fit. */
export interface Linear {
  readonly features: Uint8Array;
  readonly means: Float64Array;
  readonly deviations: Float64Array;
  readonly weights: Float64Array;
}

/** All weights. */
export interface Model {
  /** What all prompts taught, from dense features alone. */
  readonly shared: Forest;
  readonly experts: { readonly options: Expert; readonly open: Expert };
  readonly linear: Readonly<Record<Form, Linear>>;
  /** Raw scores at evenly spaced quantiles of the labelled prompts, ascending, all different. */
  readonly knots: Float64Array;
  /** Scores at which levels 2, 3, 4 and 5 begin. */
  readonly levels: readonly number[];
}

/** A forest as it is committed. */
export interface PackedForest {
  readonly base: number;
  /** Edges of each feature's bins, as many for each, padded with infinity; a threshold is a place among them. */
  readonly edges: string;
  readonly edgesPerFeature: number;
  readonly features: string;
  readonly places: string;
  readonly rights: string;
  readonly values: string;
}

/** An expert as it is committed. */
export interface PackedExpert {
  readonly wording: { readonly buckets: number; readonly scale: number; readonly weights: string };
  readonly forest: PackedForest;
}

/** A linear part as it is committed. */
export interface PackedLinear {
  readonly features: readonly string[];
  readonly means: readonly number[];
  readonly deviations: readonly number[];
  readonly weights: readonly number[];
}

/** Weights as they are committed. */
export interface PackedModel {
  readonly features: readonly string[];
  readonly shared: PackedForest;
  readonly experts: { readonly options: PackedExpert; readonly open: PackedExpert };
  readonly linear: Readonly<Record<Form, PackedLinear>>;
  readonly knots: readonly number[];
  readonly levels: readonly number[];
}

/** Unpacks committed weights. Throws when they were fitted for other features than the code measures. */
export function modelFrom(packed: PackedModel): Model {
  const { shared, experts, linear } = packed;
  const isOurs = [experts.options, experts.open].every(({ wording }) => wording.buckets === gramBuckets);
  if (packed.features.join() !== featureNames.join() || !isOurs)
    throw new Error("the analyser's weights were fitted for other features; run scripts/fit-analyser.ts");
  return {
    shared: forestFrom(shared),
    experts: { options: expertFrom(experts.options), open: expertFrom(experts.open) },
    linear: {
      options: linearFrom(linear.options),
      quantities: linearFrom(linear.quantities),
      other: linearFrom(linear.other),
    },
    knots: Float64Array.from(packed.knots),
    levels: packed.levels,
  };
}

function expertFrom({ wording: { scale, weights }, forest }: PackedExpert): Expert {
  return {
    wording: Float32Array.from(new Int8Array(buffer(weights)), (weight) => weight * scale),
    forest: forestFrom(forest),
  };
}

function linearFrom(packed: PackedLinear): Linear {
  return {
    features: Uint8Array.from(packed.features, (name) => featureNames.findIndex((each) => each === name)),
    means: Float64Array.from(packed.means),
    deviations: Float64Array.from(packed.deviations),
    weights: Float64Array.from(packed.weights),
  };
}

function forestFrom(packed: PackedForest): Forest {
  const features = new Uint8Array(buffer(packed.features));
  const places = new Uint8Array(buffer(packed.places));
  const edges = new Float32Array(buffer(packed.edges));
  return {
    base: packed.base,
    features,
    thresholds: Float64Array.from(
      places,
      (place, node) => edges[(features[node] ?? 0) * packed.edgesPerFeature + place] ?? 0,
    ),
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

/** Bytes of base64 in their own buffer, which typed arrays can be laid over. */
function buffer(base64: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(base64, "base64")).buffer;
}
