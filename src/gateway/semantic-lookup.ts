// Answers to questions that mean the same, for products that opt in. The question is embedded by a model of the catalogue, as
// a call of its own that is decided, paid and recorded like any other; what is found never crosses products.
import { addressOf, semanticParts } from "../answer-cache/index.ts";
import type { AnswerCache, CallCircumstances, Embed, HeldAnswer, Query, SemanticIndex } from "../answer-cache/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import type { Lookup, ModelCall } from "../models/index.ts";
import type { CallSession } from "./call-session.ts";
import type { CallOptions } from "./prepared.ts";
import { mayCall } from "./router.ts";
import type { ModelAnswer } from "./stages/settle.ts";

/** What was found for a question. */
export interface Similar {
  /** An answer to a question that means the same. */
  readonly answer: { readonly held: HeldAnswer; readonly similarity: number } | undefined;
  /** Remembers the question; to be called once its own answer is kept. */
  remember(): void;
}

/** Looks for an answer to a question that means the same; undefined for a call that can only be compared as a whole. */
export async function similarAnswer(
  parts: { readonly index: SemanticIndex; readonly cache: AnswerCache; readonly embed: Embed },
  query: Query,
  call: ModelCall,
  circumstances: CallCircumstances,
): Promise<Similar | undefined> {
  const cut = semanticParts(call, circumstances);
  if (cut === undefined) return undefined;
  const { partition, type, constitutionHash, canonical } = query.address;
  const place = { partition, type, constitutionHash };
  const found = await parts.index.find({ parts: place, ...cut }, parts.embed);
  const { match } = found;
  const held =
    match && (await parts.cache.peek({ ...query, address: addressOf({ ...place, canonical: match.canonical }) }));
  return {
    answer: held && match ? { held, similarity: match.similarity } : undefined,
    remember: () => found.remember(canonical),
  };
}

/** A question's vector, by the first model for embeddings that the caller may call; a call of its own. @throws Error when there is none. */
export async function embedded(gateway: Caller, { deployments }: Lookup, session: CallSession, text: string) {
  const { product, terms, options } = session.prepared;
  // One that is forbidden is not asked for: each such call would count as a refusal of the caller's.
  const deployment = deployments.find(
    (each) => each.serves === "embeddings" && each.provider.lacks === undefined && mayCall(terms, each),
  );
  if (deployment === undefined) throw new Error("no model for embeddings may be called");
  // What is kept, and what its caller is told of, is the answer to the question.
  const { kept: _, admitted: __, ...asked } = options;
  const body = { model: deployment.name, input: text, encoding_format: "float" };
  const own = { ...asked, ...(product === null ? {} : { product }), isPart: true, passed: {} };
  const given = await gateway.call(session.ctx, "embeddings", body, own);
  if (given.kind !== "whole") throw new Error("a vector came as a stream");
  return vectorOf(given.body);
}

/** Makes calls. */
interface Caller {
  call(
    ctx: Ctx,
    dialect: "embeddings",
    body: Readonly<Record<string, unknown>>,
    options: CallOptions,
  ): Promise<ModelAnswer>;
}

/** The vector in the body of an answer of the embeddings API. @throws Error when there is none. */
function vectorOf(body: Buffer): Float32Array {
  const { data } = JSON.parse(body.toString("utf8")) as { data?: readonly { embedding?: unknown }[] };
  const vector = data?.[0]?.embedding;
  if (!Array.isArray(vector)) throw new Error("the answer holds no vector");
  return Float32Array.from(vector as number[]);
}
