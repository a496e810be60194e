// Sends what the gateway tells as spans over OTLP/HTTP in JSON. Promises:
//
// 1. Spans are made when a call is over, from what is known of it; nothing runs inside the call, nothing is
//    registered with the libraries, and what a caller says of its own trace is not looked at.
// 2. Memory is bounded: where the receiver is slow or gone, spans are dropped, and the log says how many, once a minute at
//    most.
// 3. It never throws, and disposing of it takes two seconds at most.
import { setTimeout as sleep } from "node:timers/promises";
import type { Attributes } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { BatchSpanProcessor, RandomIdGenerator } from "@opentelemetry/sdk-trace";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import { steady } from "../kernel/clock.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import type { CallFacts, GatewayObserver } from "../gateway/index.ts";
import { attributes } from "./names.ts";
import { spansOf } from "./opentelemetry-spans.ts";
import type { SpanMaker } from "./opentelemetry-spans.ts";

/** What the observer is made of. */
export interface TraceParts {
  /** The whole URL of the receiver, such as `http://127.0.0.1:4318/v1/traces`. */
  readonly url: string;
  /** Charter's own version. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Most spans that wait to be sent: some hundred calls, a few megabytes. */
const maxQueued = 4096;
/** Most spans in one request to the receiver. */
const maxBatch = 512;
/** Longest time that a span waits for others to be sent with, milliseconds. */
const gatherMs = 2000;
/** Time for one request to the receiver and its repetitions, milliseconds. */
const exportMs = 5000;
/** Time that the last spans have when the server stops, milliseconds. */
const lastMs = 2000;
/** Time between two complaints about the receiver, milliseconds. */
const complaintMs = 60_000;
/** Longest reason in a complaint, characters: the receiver's own words may be anything. */
const maxReason = 256;

/** Sends spans. */
export class OpenTelemetryObserver implements GatewayObserver, AsyncDisposable {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #maker: SpanMaker;
  readonly #processor: BatchSpanProcessor;
  #complainedMs = Number.NEGATIVE_INFINITY;
  /** Spans that no complaint has told of yet. */
  #lost = 0;
  /** Spans made and neither taken by the receiver nor given up. */
  #pending = 0;

  constructor({ url, version, clock, log }: TraceParts) {
    this.#clock = steady(clock);
    this.#log = log;
    const exporter = this.#watched(new OTLPTraceExporter({ url, timeoutMillis: exportMs }));
    this.#processor = new BatchSpanProcessor({
      exporter,
      maxQueueSize: maxQueued,
      maxExportBatchSize: maxBatch,
      scheduledDelayMillis: gatherMs,
      exportTimeoutMillis: exportMs,
    });
    this.#maker = {
      ids: new RandomIdGenerator(),
      resource: resourceOf({ [attributes.serviceName]: "charter", [attributes.serviceVersion]: version }),
      scope: { name: "charter", version },
    };
  }

  /** Attempts are told of once more with the call that they belong to. */
  attempted(): void {}

  ended(facts: CallFacts): void {
    try {
      const spans = spansOf(this.#maker, facts, performance.timeOrigin, performance.now());
      for (const span of spans) this.#processor.onEnd(span);
      this.#count(spans.length);
    } catch (error) {
      this.#complain(error, 1);
    }
  }

  /** Sends what is waiting, for two seconds at most. */
  async [Symbol.asyncDispose](): Promise<void> {
    const over = new AbortController();
    const flushed = this.#processor.shutdown().catch((error: unknown) => this.#complain(error, 0));
    const late = sleep(lastMs, true, { signal: over.signal }).catch(() => false);
    const isLate = await Promise.race([flushed, late]);
    over.abort();
    if (isLate === true) this.#complain(new Error("the server stopped before all spans were taken"), this.#pending);
  }

  /** The library drops spans in silence when as many wait as may; at most one batch is on its way meanwhile. */
  #count(made: number): void {
    this.#pending += made;
    const dropped = this.#pending - maxQueued - maxBatch;
    if (dropped <= 0) return;
    this.#pending -= dropped;
    this.#complain(new Error("more spans are made than the receiver takes"), dropped);
  }

  /** The exporter, with failures logged; the library reports them nowhere. */
  #watched(exporter: SpanExporter): SpanExporter {
    return {
      export: (spans, done) =>
        exporter.export(spans, (result) => {
          this.#pending -= spans.length;
          if (result.error !== undefined) this.#complain(result.error, spans.length);
          done(result);
        }),
      forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
      shutdown: () => exporter.shutdown(),
    };
  }

  #complain(error: unknown, lost: number): void {
    this.#lost += lost;
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#complainedMs < complaintMs) return;
    this.#complainedMs = nowMs;
    const reason = error instanceof Error ? error.message.slice(0, maxReason) : "unknown";
    this.#log.warn({ reason, spans: this.#lost }, "spans could not be sent to the receiver of traces");
    this.#lost = 0;
  }
}

/** Who sends; without the library's guesses about the process, which would tell its path and arguments. */
function resourceOf(known: Attributes): ReadableSpan["resource"] {
  return {
    attributes: known,
    merge: (other) => (other === null ? resourceOf(known) : resourceOf({ ...known, ...other.attributes })),
    getRawAttributes: () => Object.entries(known),
  };
}
