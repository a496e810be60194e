// Stage 6: what the cache says to a call: which calls are looked up, under which address, and what is remembered of a question.
//
// Only what is meant to come out the same is looked up: a temperature above 0, or several choices, ask for something new.
import type { Constitution } from "../../constitution/index.ts";
import { addressOf, canonicalCall, contentInTurns, partitionOf } from "../../answer-cache/index.ts";
import type { AnswerCache, Producer, Query, SemanticIndex, Turn } from "../../answer-cache/index.ts";
import type { Principal } from "../../kernel/ctx.ts";
import type { CallSession } from "../call-session.ts";
import { similarAnswer } from "../semantic-lookup.ts";

/** What caching needs. */
export interface CacheParts {
  readonly constitution: Constitution;
  readonly cache: AnswerCache;
  /** Questions that mean the same, for products that opt in. */
  readonly similar: SemanticIndex;
  /** A question's vector. */
  readonly embed: (session: CallSession, text: string) => Promise<Float32Array>;
}

/** What to do for a call: a kept answer, another call that is followed, or one to make. @throws `cache.not_stored`, or the signal's reason. */
export async function cache(session: CallSession, parts: CacheParts): Promise<Turn> {
  const turn = await turnOf(session, parts);
  session.cached(turn);
  return turn;
}

async function turnOf(session: CallSession, { constitution, cache, similar, embed }: CacheParts): Promise<Turn> {
  const { ctx, prepared, call } = session;
  const { signal } = ctx;
  const { product, terms, strategy, serves, dataClass, options, parameters } = prepared;
  // A temperature that Charter does not know samples as well.
  const isWarm = (call.temperature ?? call.raw["temperature"] ?? 0) !== 0;
  if (isWarm || call.choices > 1 || strategy === "cascade") return cache.pass(options.cache);
  const circumstances = {
    strategy,
    dataClass,
    // A call that accepts nothing else follows none that does.
    ...(session.enforcesForm ? { schema: "enforce" } : {}),
    ...(options.unsupported === undefined ? {} : { unsupported: options.unsupported }),
    // What another key was answered may be of a model that this one may not call, or means by another name.
    ...boundsOf(ctx.principal),
    ...parameters.passed,
  };
  const canonical = canonicalCall(call, circumstances, await contentOf(session));
  if (canonical === undefined) return cache.pass(options.cache);
  const query: Query = {
    address: addressOf({
      partition: partitionOf(product),
      type: serves === "embeddings" ? "embedding" : "completion",
      constitutionHash: constitution.hash,
      canonical,
    }),
    ttlMs: terms.cacheTtlSeconds * 1000,
    control: options.cache,
    stream: call.stream,
    signal,
  };
  const turn = await cache.ask(query);
  if (turn.kind !== "lead" || !terms.semanticCache || serves === "embeddings") return turn;
  const near = { index: similar, cache, embed: (text: string) => embed(session, text) };
  const found = await similarAnswer(near, query, call, circumstances).catch((error: unknown) => {
    turn.lead.fail(error);
    throw error;
  });
  if (found === undefined) return turn;
  const { answer } = found;
  if (answer === undefined) return { kind: "lead", lead: remembering(turn.lead, () => found.remember()) };
  turn.lead[Symbol.dispose]();
  session.because(`a question that means the same was answered (similarity ${answer.similarity.toFixed(4)})`);
  return { kind: "hit", answer: answer.held, ageSeconds: cache.ageSeconds(answer.held), coalesced: false };
}

/** What a key is bound by that decides who answers. */
function boundsOf({ calls = {} }: Principal): { readonly key?: string } {
  const { models, aliases, fallbacks } = calls;
  const isBound = [models, aliases, fallbacks].some((each) => each !== undefined);
  return isBound ? { key: JSON.stringify([models, aliases, fallbacks]) } : {};
}

/** The digest of what is asked; what guards have changed is another body. */
async function contentOf({ call: { raw }, parts: { asked }, ctx: { signal } }: CallSession) {
  return raw === asked.raw ? asked.content : await contentInTurns(raw, signal);
}

/** A lead that remembers its question once its answer is kept. */
function remembering(lead: Producer, remember: () => void): Producer {
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
