// Sends what the gateway gives: a whole answer with its facts in headers, or a stream that is pulled as fast as the caller
// reads, whose last comment holds the facts.
import { once } from "node:events";
import type { FastifyReply } from "fastify";
import type { AnswerFacts, ModelAnswer } from "../gateway/index.ts";
import type { Log } from "../kernel/ctx.ts";

/** Answers with what a model said. */
export async function sendAnswer(reply: FastifyReply, answer: ModelAnswer, log: Log): Promise<FastifyReply> {
  void reply.headers(factHeaders(answer.facts));
  if (answer.kind === "whole") return reply.type("application/json").send(answer.body);
  await sendStream(reply, answer.bytes, log);
  return reply;
}

/** The headers that say what became of a call. Cost is what is known when they leave. */
export function factHeaders(facts: AnswerFacts): Record<string, string | number> {
  const { outcomeIndex, microdollars } = facts;
  return {
    "x-charter-decision": facts.decision,
    "x-charter-intent": facts.intentIndex,
    ...(outcomeIndex === null ? {} : { "x-charter-outcome": outcomeIndex }),
    "x-charter-tier": facts.tier,
    "x-charter-model": headerText(facts.model),
    "x-charter-cost-microdollars": microdollars ?? "unknown",
    "x-charter-cache": facts.cache,
    "x-charter-overhead-microseconds": facts.overheadMicros,
    ...(facts.schema === undefined ? {} : { "x-charter-schema": facts.schema }),
  };
}

/** A name that came from a provider, as a header can hold it. */
function headerText(name: string): string {
  return name.replaceAll(/[^!-~]/g, "?").slice(0, maxHeaderText);
}

/** Longest name in a header, characters. */
const maxHeaderText = 256;

/** Writes past the framework: its streams would cost more than all the rest of a piece. */
async function sendStream(reply: FastifyReply, bytes: AsyncIterable<Buffer>, log: Log): Promise<void> {
  const { raw } = reply;
  reply.hijack();
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    "content-type": "text/event-stream; charset=utf-8",
    // A proxy that buffers would hold the first token back.
    "x-accel-buffering": "no",
  });
  try {
    for await (const piece of bytes) {
      if (raw.destroyed) return;
      if (piece.length > 0 && !raw.write(piece)) await drained(raw);
    }
    raw.end();
  } catch (error) {
    log.error({ err: error, requestId: reply.request.charterId }, "a stream could not be ended");
    raw.destroy();
  }
}

/** Resolves when there is room again, or nobody to make room for. */
async function drained(raw: FastifyReply["raw"]): Promise<void> {
  const left = new AbortController();
  const { signal } = left;
  try {
    await Promise.race([once(raw, "drain", { signal }), once(raw, "close", { signal })]);
  } catch {
    // The connection broke; the next look at it ends the stream.
  } finally {
    left.abort();
  }
}
