// Sends what the gateway gives: a whole answer with its facts in headers, or a stream that is pulled as fast as the caller
// reads, whose last comment holds the facts. It writes past the framework, whose own way would cost more than the rest of a
// piece, and of a whole answer as much as its ledger entries.
import { once } from "node:events";
import type { FastifyReply } from "fastify";
import type { HeadFacts } from "../gateway/index.ts";
import type { Ctx } from "../kernel/ctx.ts";

/** What is sent: an answer of a model, or what stands for it until it is there. */
type Sendable =
  | { readonly kind: "whole"; readonly facts: HeadFacts; readonly body: Buffer }
  | { readonly kind: "stream"; readonly facts: HeadFacts; readonly bytes: AsyncIterable<Buffer> };

/** A proxy that buffers would hold the first token back. */
const streamHeaders = { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" } as const;

/** Answers with what a model said. */
export async function sendAnswer(
  reply: FastifyReply,
  answer: Sendable,
  { log, signal }: Pick<Ctx, "log" | "signal">,
): Promise<FastifyReply> {
  const facts = factHeaders(answer.facts);
  if (answer.kind === "whole") {
    const { body } = answer;
    writeHead(reply, facts, { "content-type": "application/json", "content-length": body.length });
    reply.raw.end(body);
    return reply;
  }
  writeHead(reply, facts, streamHeaders);
  await sendStream(reply, answer.bytes, { log, signal });
  return reply;
}

/** Answers with events as they come. */
export async function sendEvents(
  reply: FastifyReply,
  bytes: AsyncIterable<Buffer>,
  ctx: Pick<Ctx, "log" | "signal">,
): Promise<FastifyReply> {
  writeHead(reply, streamHeaders);
  // The first event may be long in coming.
  reply.raw.flushHeaders();
  await sendStream(reply, bytes, ctx);
  return reply;
}

/** Begins the answer: with the headers that every answer has, and these. */
function writeHead(reply: FastifyReply, ...own: readonly Headers[]): void {
  const fields: string[] = [];
  for (const headers of [reply.getHeaders() as Headers, ...own]) {
    for (const name in headers) fields.push(name, String(headers[name]));
  }
  reply.hijack();
  reply.raw.writeHead(200, fields);
}

type Headers = Readonly<Record<string, string | number>>;

/** The headers that say what became of a call. Cost is what is known when they leave. */
export function factHeaders(facts: HeadFacts): Headers {
  const { outcomeIndex, deployment, model, schema, dropped } = facts;
  const headers: Record<string, string | number> = {
    "x-charter-decision": facts.decision,
    "x-charter-intent": facts.intentIndex,
  };
  if (outcomeIndex !== null) headers["x-charter-outcome"] = outcomeIndex;
  headers["x-charter-tier"] = facts.tier;
  if (deployment !== null) headers["x-charter-deployment"] = headerText(deployment);
  if (model !== null) headers["x-charter-model"] = headerText(model);
  headers["x-charter-cost-microdollars"] = facts.microdollars ?? "unknown";
  headers["x-charter-cache"] = facts.cache;
  headers["x-charter-overhead-microseconds"] = facts.overheadMicros;
  if (schema !== undefined) headers["x-charter-schema"] = schema;
  if (dropped !== undefined) headers["x-charter-dropped"] = headerText(dropped.join(",").replaceAll(" ", "-"));
  return headers;
}

/** A name that came from a provider, as a header can hold it. */
function headerText(name: string): string {
  return name.replaceAll(/[^!-~]/g, "?").slice(0, maxHeaderText);
}

/** Longest name in a header, characters. */
const maxHeaderText = 256;

async function sendStream(
  reply: FastifyReply,
  bytes: AsyncIterable<Buffer>,
  { log, signal: stop }: Pick<Ctx, "log" | "signal">,
): Promise<void> {
  const { raw } = reply;
  try {
    for await (const piece of bytes) {
      if (raw.destroyed) return;
      if (piece.length > 0 && !raw.write(piece)) await drained(raw, stop);
    }
    raw.end();
  } catch (error) {
    log.error({ err: error, requestId: reply.request.charterId }, "a stream could not be ended");
    raw.destroy();
  }
}

/** Resolves when there is room again, the reader has gone, or the call is ended, which a reader that stopped must not hold up. */
async function drained(raw: FastifyReply["raw"], stop: AbortSignal): Promise<void> {
  if (stop.aborted) return;
  const left = new AbortController();
  const { signal } = left;
  try {
    await Promise.race([
      once(raw, "drain", { signal }),
      once(raw, "close", { signal }),
      once(stop, "abort", { signal }),
    ]);
  } catch {
    // The connection broke; the next look at it ends the stream.
  } finally {
    left.abort();
  }
}
