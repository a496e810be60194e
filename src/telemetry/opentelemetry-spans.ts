// One call as spans: a root with the attributes of the conventions, and a child for each phase. Made after the fact, of
// numbers, names and times only. The library's tracer is for spans that are open while the work is done; here everything
// is known, and finished spans are written down as they are handed to an exporter.
import { SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import type { Attributes, HrTime, SpanContext, SpanStatus } from "@opentelemetry/api";
import type { IdGenerator, ReadableSpan } from "@opentelemetry/sdk-trace";
import type { CallFacts, Phase } from "../gateway/index.ts";
import { providerName } from "../models/index.ts";
import { attributes as names, operationName } from "./names.ts";

/** What all spans of one server share. */
export interface SpanMaker {
  readonly ids: IdGenerator;
  readonly resource: ReadableSpan["resource"];
  readonly scope: ReadableSpan["instrumentationScope"];
}

/** Longest name or attribute, characters: models are a caller's and a provider's words. */
const maxText = 256;
const unset: SpanStatus = { code: SpanStatusCode.UNSET };

/**
 * The spans of a call, its root first: where there is no room for all, it says the most.
 * @param originMs When the clock of `performance.now()` stood at 0, milliseconds since the Unix epoch.
 * @param nowMs What that clock says now; a call without phases has just ended.
 */
export function spansOf(maker: SpanMaker, facts: CallFacts, originMs: number, nowMs: number): readonly ReadableSpan[] {
  const { phases, durationMs, operation, requestModel, error } = facts;
  const began = phases.reduce((first, { startMs }) => Math.min(first, startMs), Number.POSITIVE_INFINITY);
  const startMs = originMs + (Number.isFinite(began) ? began : nowMs - durationMs);
  const traceId = maker.ids.generateTraceId();
  const context = contextOf(maker, traceId);
  const root = finished(maker, context, {
    name: cut(`${operationName(operation)} ${requestModel}`),
    kind: SpanKind.CLIENT,
    startMs,
    endMs: startMs + durationMs,
    attributes: attributesOf(facts),
    error,
  });
  const children = phases.map((phase) => ({
    ...finished(maker, contextOf(maker, traceId), childOf(phase, originMs)),
    parentSpanContext: context,
  }));
  return [root, ...children];
}

/** What differs from span to span. */
interface SpanFacts {
  readonly name: string;
  readonly kind: SpanKind;
  /** Milliseconds since the Unix epoch, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  /** The code of the fault that ended it. */
  readonly error: string | undefined;
}

function contextOf({ ids }: SpanMaker, traceId: string): SpanContext {
  return { traceId, spanId: ids.generateSpanId(), traceFlags: TraceFlags.SAMPLED };
}

function finished({ resource, scope }: SpanMaker, context: SpanContext, facts: SpanFacts): ReadableSpan {
  const { name, kind, startMs, endMs, attributes, error } = facts;
  return {
    name,
    kind,
    spanContext: () => context,
    startTime: timeOf(startMs),
    endTime: timeOf(endMs),
    duration: timeOf(endMs - startMs),
    status: error === undefined ? unset : { code: SpanStatusCode.ERROR, message: error },
    attributes,
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** Seconds and nanoseconds, as the library has times. */
function timeOf(milliseconds: number): HrTime {
  const seconds = Math.floor(milliseconds / 1000);
  return [seconds, Math.floor((milliseconds - seconds * 1000) * 1e6)];
}

function childOf({ name, startMs, endMs, deployment, error }: Phase, originMs: number): SpanFacts {
  return {
    name,
    kind: name === "attempt" ? SpanKind.CLIENT : SpanKind.INTERNAL,
    startMs: originMs + startMs,
    endMs: originMs + endMs,
    attributes: known({ [names.deployment]: deployment, [names.error]: error }),
    error,
  };
}

function attributesOf(facts: CallFacts): Attributes {
  const { usage, finish, firstChunkMs, provider } = facts;
  return known({
    [names.operation]: operationName(facts.operation),
    [names.provider]: provider === undefined ? undefined : providerName(provider),
    [names.requestModel]: facts.requestModel,
    [names.responseModel]: facts.responseModel,
    [names.requestStream]: facts.streamed,
    [names.finishReasons]: finish === undefined ? undefined : [finish],
    [names.firstChunk]: firstChunkMs === undefined ? undefined : firstChunkMs / 1000,
    [names.inputTokens]: usage.inputTokens,
    [names.outputTokens]: usage.outputTokens,
    [names.cacheReadTokens]: usage.cacheReadTokens,
    [names.cacheWriteTokens]: usage.cacheWriteTokens,
    [names.reasoningTokens]: usage.reasoningTokens,
    [names.error]: facts.error,
    [names.requestId]: facts.requestId,
    [names.charterOperation]: facts.operation,
    [names.product]: facts.product ?? undefined,
    [names.deployment]: facts.deployment,
    [names.tier]: facts.tier,
    [names.strategy]: facts.strategy,
    [names.cache]: facts.cache,
    [names.attempts]: facts.attempts,
    [names.microdollars]: facts.microdollars ?? undefined,
    [names.estimated]: usage.estimated,
    [names.overhead]: facts.overheadMs / 1000,
  });
}

/** What is not known has no attribute, and what is too long is cut. */
function known(all: Readonly<Record<string, string | number | boolean | string[] | undefined>>): Attributes {
  const attributes: Attributes = {};
  for (const key in all) {
    const value = all[key];
    if (value !== undefined) attributes[key] = typeof value === "string" ? cut(value) : value;
  }
  return attributes;
}

function cut(text: string): string {
  return text.length <= maxText ? text : text.slice(0, maxText).toWellFormed();
}
