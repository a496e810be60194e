// What the cache says to a call: which calls are looked up, under which address, and what is remembered of a question.
//
// Only what is meant to come out the same is looked up: a temperature above 0, or several choices, ask for something new.
import type { Constitution } from "../constitution/index.ts";
import { addressOf, canonicalCall, contentInTurns, partitionOf } from "../answer-cache/index.ts";
import type {
  Address,
  AnswerCache,
  CanonicalCall,
  ContentDigest,
  Embed,
  Lead,
  Query,
  SemanticIndex,
  Turn,
} from "../answer-cache/index.ts";
import type { ModelCall } from "../models/index.ts";
import type { Course } from "./course.ts";
import { enforcesForm } from "./prepared.ts";
import type { CallOptions, Prepared } from "./prepared.ts";
import { similarAnswer } from "./similar.ts";

/** A body as it came, and what is known of it. */
export interface KnownBody {
  readonly raw: ModelCall["raw"];
  readonly content: ContentDigest;
}

/** What guards have changed is another body. */
function contentDigest(
  { raw }: ModelCall,
  known: KnownBody,
  signal: AbortSignal,
): ContentDigest | Promise<ContentDigest> {
  return raw === known.raw ? known.content : contentInTurns(raw, signal);
}

/** The kept answers of one server. */
export class KeptAnswers {
  readonly #cache: AnswerCache;
  readonly #similar: SemanticIndex;
  readonly #constitution: Constitution;
  /** Stands in for the address of a call that is not looked up. */
  readonly #nowhere: Address;

  constructor(parts: {
    readonly cache: AnswerCache;
    readonly similar: SemanticIndex;
    readonly constitution: Constitution;
  }) {
    this.#cache = parts.cache;
    this.#similar = parts.similar;
    this.#constitution = parts.constitution;
    this.#nowhere = this.#address(null, "chat", "" as CanonicalCall);
  }

  #address(product: string | null, serves: Prepared["request"]["serves"], canonical: CanonicalCall): Address {
    const type = serves === "embeddings" ? "embedding" : "completion";
    return addressOf({ partition: partitionOf(product), type, constitutionHash: this.#constitution.hash, canonical });
  }

  /** What to do for a call. @param known A body's digest. @throws `cache.not_stored`, or the signal's reason. */
  async turn(course: Course, prepared: Prepared, options: CallOptions, known: KnownBody, embed: Embed): Promise<Turn> {
    const { call, product, terms, strategy, request } = prepared;
    const circumstances = {
      strategy,
      dataClass: request.dataClass,
      // Who accepts nothing else follows nobody who does.
      ...(enforcesForm(call, options) ? { schema: "enforce" } : {}),
      ...prepared.parameters.passed,
    };
    const samples = (call.temperature ?? 0) > 0 || call.choices > 1 || strategy === "cascade";
    const { signal } = course.parts.ctx;
    const canonical = samples
      ? undefined
      : canonicalCall(call, circumstances, await contentDigest(call, known, signal));
    const query: Query = {
      address: canonical === undefined ? this.#nowhere : this.#address(product, request.serves, canonical),
      ttlMs: canonical === undefined ? 0 : terms.cacheTtlSeconds * 1000,
      control: options.cache,
      stream: call.stream,
      signal,
    };
    const turn = await this.#cache.ask(query);
    if (turn.kind !== "lead" || !terms.semanticCache || request.serves === "embeddings") return turn;
    const parts = { index: this.#similar, cache: this.#cache, embed };
    const similar = await similarAnswer(parts, query, call, circumstances).catch((error: unknown) => {
      turn.lead.fail(error);
      throw error;
    });
    if (similar === undefined) return turn;
    const { answer } = similar;
    if (answer === undefined) return { kind: "lead", lead: remembering(turn.lead, () => similar.remember()) };
    turn.lead[Symbol.dispose]();
    course.reasons.push(`a question that means the same was answered (similarity ${answer.similarity.toFixed(4)})`);
    const ageSeconds = this.#cache.ageSeconds(answer.held);
    return { kind: "hit", answer: answer.held, ageSeconds, coalesced: false };
  }
}

/** A lead that remembers its question once its answer is kept. */
function remembering(lead: Lead, remember: () => void): Lead {
  const kept = (isKept: boolean): boolean => {
    if (isKept) remember();
    return isKept;
  };
  return {
    signal: lead.signal,
    push: (piece) => lead.push(piece),
    settle: (answer) => kept(lead.settle(answer)),
    settleStream: (end) => kept(lead.settleStream(end)),
    fail: (error) => lead.fail(error),
    [Symbol.dispose]: () => lead[Symbol.dispose](),
  };
}
