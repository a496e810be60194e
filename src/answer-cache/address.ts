// Where an answer lies: under a digest of everything that decides who may have it and what it answers.
//
// 1. A product is part of every address. `Partition` is a type of its own, so that code which forgets it does not compile.
// 2. The digest is a whole SHA-256: a shortened one could be aimed at by a product that wants to meet another's answer.
// 3. The digest's input is unambiguous: no two addresses have the same text.
import { sha256Hex } from "../kernel/hash.ts";
import type { CanonicalCall } from "./canonical-call.ts";

/** Whose answers: nothing that is kept for one partition is ever shown to another. Made by `partitionOf` only. */
export type Partition = string & { readonly __partition: true };

/** What kind of answer; each kind has a lifetime. */
export type AnswerType = "completion" | "embedding";

/** The name under which a store keeps an answer: `charter:{type}:{16 hex of the partition}:{64 hex}`. */
export type CacheKey = string & { readonly __cacheKey: true };

/** What an answer is kept under. */
export interface AddressParts {
  readonly partition: Partition;
  readonly type: AnswerType;
  /** Hash of the constitution in force: under a new one nothing old is found. */
  readonly constitutionHash: string;
  readonly canonical: CanonicalCall;
}

/** The parts with their key. Entries carry the parts and are compared with them when read, so the key is not trusted alone. */
export interface Address extends AddressParts {
  readonly key: CacheKey;
}

/** The partition of a product; callers that belong to no product share one that no product's name can reach. */
export function partitionOf(product: string | null): Partition {
  return (product === null ? "none" : `product:${product}`) as Partition;
}

/**
 * What the keys of one partition and type begin with, so that a store can empty one partition. The 64 bits only group:
 * that the answers of two partitions are apart is up to the whole digest behind them.
 */
export function keyPrefix(type: AnswerType, partition: Partition): string {
  return `charter:${type}:${sha256Hex(partition).slice(0, 16)}:`;
}

/** The key of an address. */
export function cacheKey({ partition, type, constitutionHash, canonical }: AddressParts): CacheKey {
  const digest = sha256Hex(JSON.stringify([partition, type, constitutionHash, canonical]));
  return `${keyPrefix(type, partition)}${digest}` as CacheKey;
}

/** The parts with their key. */
export function addressOf({ partition, type, constitutionHash, canonical }: AddressParts): Address {
  return {
    partition,
    type,
    constitutionHash,
    canonical,
    key: cacheKey({ partition, type, constitutionHash, canonical }),
  };
}

const comparedParts = ["partition", "type", "constitutionHash", "canonical"] as const;

/** The first part in which two addresses differ; undefined when they are the same. */
export function differenceOf(one: AddressParts, other: AddressParts): keyof AddressParts | undefined {
  return comparedParts.find((part) => one[part] !== other[part]);
}
