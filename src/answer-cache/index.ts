// The entry point of the cache of answers: the cache, what it is asked with, and the ports that its drivers implement.
export { addressOf, partitionOf } from "./address.ts";
export type { Address, AddressParts, AnswerType, CacheKey, Partition } from "./address.ts";
export { AnswerCache, cacheWord } from "./answer-cache.ts";
export type { AnswerCacheParts, CacheStats, Query, Turn } from "./answer-cache.ts";
export type { Answer, AnswerFacts, HeldAnswer } from "./answer.ts";
export { contentInTurns, digestsOf } from "./body-digests.ts";
export type { BodyDigests, ContentDigest } from "./body-digests.ts";
export { noWishes, readCacheControl } from "./cache-control.ts";
export type { CacheControl } from "./cache-control.ts";
export { canonicalCall, semanticParts } from "./canonical-call.ts";
export type { CallCircumstances, CanonicalCall, SemanticParts } from "./canonical-call.ts";
export type { Producer } from "./single-flight.ts";
export { piecesOf, replyOf } from "./pieces.ts";
export type { AnswerStore, NearStore, StoreStats } from "./store.ts";
export type { Embed, SemanticFinding, SemanticIndex, SemanticQuestion } from "./semantic-index.ts";
