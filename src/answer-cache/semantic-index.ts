// Questions that mean the same, for products that opt in. It holds vectors and where the answers lie, never an answer.
//
// 1. A question is compared only with questions of its own partition, type, constitution and frame (everything in the
//    call but the text of the last turn): another list is never looked at, so no distance has to keep products apart.
// 2. Questions that hold different numbers never match: embeddings hardly tell 15 from 16, and answers do.
// 3. Memory is bounded by questions per partition and by bytes in all; what was used longest ago goes.
//
// Similar is not the same. Whether a threshold gives right answers depends on the embedding model and on the product's
// questions; nothing here measures that.
import type { AddressParts } from "./address.ts";
import type { CanonicalCall } from "./canonical-call.ts";

/** A question to compare. */
export interface SemanticQuestion {
  readonly parts: Omit<AddressParts, "canonical">;
  /** Digest of everything in the call but the text. */
  readonly frame: CanonicalCall;
  readonly text: string;
}

/** What was found, and how to remember the question once it has been answered. */
export interface SemanticFinding {
  /** The nearest question that is near enough: under which call its answer lies, and the cosine of the angle between both. */
  readonly match: { readonly canonical: CanonicalCall; readonly similarity: number } | undefined;
  /** Remembers the question under the call that it was asked in. */
  remember(canonical: CanonicalCall): void;
}

/** The vector of a text, always by the same model; the caller pays for it. */
export type Embed = (text: string) => Promise<Float32Array>;

/** Finds questions that mean the same. */
export interface SemanticIndex {
  /** Compares a question. Never rejects: without an embedding nothing is found and nothing is remembered. */
  find(question: SemanticQuestion, embed: Embed): Promise<SemanticFinding>;
  /** Forgets all questions of a partition. */
  clear(partition: AddressParts["partition"]): void;
  readonly size: { readonly questions: number; readonly bytes: number };
}

/** The vector scaled to length 1, so that a cosine is a dot product; undefined for one that has no direction. */
export function unitVector(vector: Float32Array): Float32Array | undefined {
  let square = 0;
  for (const value of vector) square += value * value;
  const length = Math.sqrt(square);
  if (!Number.isFinite(length) || length === 0) return undefined;
  return vector.map((value) => value / length);
}

/** The cosine of the angle between two vectors of length 1; -1 when they are not of the same kind. */
export function cosine(one: Float32Array, other: Float32Array): number {
  if (one.length !== other.length) return -1;
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += (one[i] ?? 0) * (other[i] ?? 0);
  return sum;
}

const numbers = /\p{Nd}+(?:[.,]\p{Nd}+)*/gu;

/** The numbers in a text in their order, as one string to compare. */
export function numbersIn(text: string): string {
  return (text.match(numbers) ?? []).join(" ");
}
