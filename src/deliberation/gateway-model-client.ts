// A client whose every answer is a call of the gateway: an act of its own, with its own decision, budget and leaves.
import { chatDialect, modelFault } from "../models/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import type { Gateway, CallOptions } from "../gateway/index.ts";
import type { AskTerms, Message, ModelClient, Completion } from "./model-client.ts";

/** The part of the gateway that is used. */
export type Callable = Pick<Gateway, "call" | "prepare">;

/** Lets the router choose the model. */
const anyModel = "auto";

/**
 * A client for one caller and one question.
 * @throws What refuses the question whatever branch asks it: `product.not_found`, `model.not_found`, `dialect.invalid`.
 */
export async function gatewayModelClient(
  gateway: Callable,
  ctx: Ctx,
  prompt: string,
  options: CallOptions,
): Promise<ModelClient> {
  const first = { model: anyModel, messages: [{ role: "user", content: prompt }] };
  const { product } = await gateway.prepare(ctx, chatDialect, first, options);
  return {
    product,
    async ask(messages, terms) {
      const signal = AbortSignal.any([ctx.signal, terms.signal]);
      const answer = await gateway.call({ ...ctx, signal }, chatDialect, bodyOf(messages, terms), options);
      if (answer.kind !== "whole") throw new Error("an answer that was not asked to stream came as a stream");
      const { microdollars, model, intentIndex } = answer.facts;
      return { ...saidIn(answer.body), microdollars, model, intentIndex };
    },
  };
}

/** The question as a chat. */
function bodyOf(messages: readonly Message[], { temperature, maxTokens, schema }: AskTerms): Record<string, unknown> {
  return {
    model: anyModel,
    messages,
    temperature,
    max_tokens: maxTokens,
    ...(schema === undefined
      ? {}
      : { response_format: { type: "json_schema", json_schema: { ...schema, strict: true } } }),
  };
}

/** The text and the tokens of a chat completion. @throws `upstream.garbled` */
function saidIn(body: Buffer): Pick<Completion, "text" | "tokens"> {
  const completion = JSON.parse(body.toString("utf8")) as {
    readonly choices?: readonly { readonly message?: { readonly content?: unknown } }[];
    readonly usage?: { readonly total_tokens?: unknown } | null;
  };
  const text = completion.choices?.[0]?.message?.content ?? "";
  if (typeof text !== "string") throw modelFault("upstream.garbled", "the answer holds no text");
  const tokens = completion.usage?.total_tokens;
  // A provider may cut a character in two; the record of the answer has no form for half of one.
  return {
    text: text.toWellFormed(),
    tokens: typeof tokens === "number" && Number.isSafeInteger(tokens) && tokens >= 0 ? tokens : null,
  };
}
