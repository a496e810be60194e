// Ridge regression: sparse over hashed words by conjugate gradients, dense over a dozen features by elimination.

/** Iterations of the conjugate gradients; the residual no longer matters to the ranking after some thirty. */
const iterations = 40;
/** Buckets that fewer prompts fall into than this get no weight. */
const fewestPrompts = 2;

/** One prompt of a sparse regression: the buckets of its words, and what they should add up to. */
export interface SparseRow {
  readonly grams: Int32Array;
  readonly target: number;
}

/** Weights per bucket that predict the targets, in rows of length one; targets should have mean zero. */
export function sparseRidge(rows: readonly SparseRow[], buckets: number, penalty: number): Float64Array {
  const prompts = new Float64Array(buckets);
  for (const { grams } of rows) for (const gram of grams) prompts[gram] = (prompts[gram] ?? 0) + 1;
  const lengths = rows.map(({ grams }) => Math.sqrt(Math.max(8, grams.length)));
  const transposed = (values: ArrayLike<number>): Float64Array => {
    const sums = new Float64Array(buckets);
    for (const [i, { grams }] of rows.entries()) {
      const value = (values[i] ?? 0) / (lengths[i] ?? 1);
      for (const gram of grams) sums[gram] = (sums[gram] ?? 0) + value;
    }
    for (const [bucket, count] of prompts.entries()) if (count < fewestPrompts) sums[bucket] = 0;
    return sums;
  };
  const forward = (weights: Float64Array): Float64Array =>
    Float64Array.from(rows, ({ grams }, i) => {
      let sum = 0;
      for (const gram of grams) sum += weights[gram] ?? 0;
      return sum / (lengths[i] ?? 1);
    });
  const weights = new Float64Array(buckets);
  let residual = transposed(rows.map(({ target }) => target));
  let direction = residual.slice();
  let size = dot(residual, residual);
  for (let i = 0; i < iterations && size > 1e-9; i++) {
    const image = transposed(forward(direction));
    for (let k = 0; k < buckets; k++) image[k] = (image[k] ?? 0) + penalty * (direction[k] ?? 0);
    const step = size / dot(direction, image);
    for (let k = 0; k < buckets; k++) weights[k] = (weights[k] ?? 0) + step * (direction[k] ?? 0);
    residual = residual.map((value, k) => value - step * (image[k] ?? 0));
    const next = dot(residual, residual);
    direction = direction.map((value, k) => (residual[k] ?? 0) + (next / size) * value);
    size = next;
  }
  return weights;
}

function dot(left: Float64Array, right: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < left.length; k++) sum += (left[k] ?? 0) * (right[k] ?? 0);
  return sum;
}

/** Solves a symmetric positive definite system by Gauss-Jordan elimination; changes its arguments. */
export function solve(matrix: Float64Array[], right: Float64Array): Float64Array {
  const size = right.length;
  for (let pivot = 0; pivot < size; pivot++) {
    const row = matrix[pivot] ?? new Float64Array(size);
    for (let other = 0; other < size; other++) {
      const target = matrix[other];
      if (other === pivot || target === undefined) continue;
      const factor = (target[pivot] ?? 0) / (row[pivot] ?? 1);
      for (let k = pivot; k < size; k++) target[k] = (target[k] ?? 0) - factor * (row[k] ?? 0);
      right[other] = (right[other] ?? 0) - factor * (right[pivot] ?? 0);
    }
  }
  return right.map((value, i) => value / (matrix[i]?.[i] ?? 1));
}
