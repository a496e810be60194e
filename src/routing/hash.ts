// Hashes of words and of pairs of words: 32 bits, quick, spread well enough for a table of weights. They protect nothing.

/** Where a hash of a word starts (FNV-1a, 32 bits). */
export const hashStart = 0x811c9dc5;

/** Takes one UTF-16 unit into a hash. */
export function hashUnit(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, 0x01000193);
}

/** The hash of a word that is in lower case already. */
export function hashWord(word: string): number {
  let hash = hashStart;
  for (let i = 0; i < word.length; i++) hash = hashUnit(hash, word.charCodeAt(i));
  return hash | 0;
}

/** A hash of two hashes in order, mixed with the finalizer of MurmurHash3. */
export function hashPair(left: number, right: number): number {
  let hash = Math.imul(left ^ (right + 0x9e3779b9 + (left << 6)), 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
