// The simulated model's embeddings: unit vectors in which texts with the same words lie close together. Every word adds or
// takes one at a few dimensions that its hash names (the "hashing trick": Weinberger et al., "Feature Hashing for Large
// Scale Multitask Learning", ICML 2009).

/** Dimensions that one word touches. */
const touchesPerWord = 4;

/** FNV-1a over UTF-16 code units, 32 bits (draft-eastlake-fnv); good enough to spread words. */
function fnv1a(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  // The low bits of FNV mix badly, so the high ones are folded in.
  return (hash ^ (hash >>> 15)) >>> 0;
}

const word = /[\p{L}\p{N}]+/gu;

/** The unit vector of a text. */
export function simulatedVector(text: string, dimensions: number): readonly number[] {
  const vector = Array.from({ length: dimensions }, () => 0);
  const words = text.toLowerCase().match(word) ?? [text];
  for (const each of words) {
    for (let touch = 0; touch < touchesPerWord; touch++) {
      const hash = fnv1a(each, touch);
      const at = (hash >>> 1) % dimensions;
      vector[at] = (vector[at] ?? 0) + ((hash & 1) === 0 ? 1 : -1);
    }
  }
  const length = Math.hypot(...vector);
  // Touches can cancel each other out; such a text lies on the first axis.
  if (length === 0) return vector.with(0, 1);
  return vector.map((value) => value / length);
}
