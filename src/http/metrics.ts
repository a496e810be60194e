// What is measured of the HTTP door.
import type { Socket } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";
import { requestBuckets, secondsSince } from "../kernel/meter.ts";
import type { Meter } from "../kernel/meter.ts";

/** What is counted by, and what is asked when the metrics are read. */
export interface HttpSources {
  /** Names of operations. */
  readonly operations: readonly string[];
  /** Codes of refusals. */
  readonly codes: readonly string[];
  /** Requests whose answer has not ended. */
  running(): number;
  connections(): Promise<number>;
}

/** Counts what comes through the door. */
export type HttpMetrics = ReturnType<typeof httpMetrics>;

/** Stands for the operation of a path that does not exist, and for the status of a request that was never answered. */
const nothing = "none";
const method = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const status = ["2xx", "3xx", "4xx", "5xx", nothing];

/** The metrics of one server. */
export function httpMetrics(meter: Meter, door: HttpSources) {
  const operation = [...door.operations, nothing];
  const requests = meter.counter({
    name: "charter_http_requests_total",
    help: "Requests by operation, method and class of status; `none` for no such path and for no answer.",
    labels: { charter_operation: operation, method, status },
  });
  const durations = meter.histogram({
    name: "charter_http_request_duration_seconds",
    help: "Time from a request's headers to the end of its answer.",
    unit: "seconds",
    buckets: requestBuckets,
    labels: { charter_operation: operation },
  });
  const received = meter.counter({
    name: "charter_http_received_bytes_total",
    help: "Bytes that came with requests, headers included.",
    unit: "bytes",
    labels: { charter_operation: operation },
  });
  const sent = meter.counter({
    name: "charter_http_sent_bytes_total",
    help: "Bytes of answers, headers included.",
    unit: "bytes",
    labels: { charter_operation: operation },
  });
  const refusals = meter.counter({
    name: "charter_http_refusals_total",
    help: "Requests that were answered with a problem, by code.",
    labels: { error_type: door.codes },
  });
  meter.observe({ name: "charter_http_in_flight_requests", help: "Requests whose answer has not ended." }, () =>
    door.running(),
  );
  meter.observe({ name: "charter_http_connections", help: "Connections that are open." }, () => door.connections());
  /** What has been counted of each connection. */
  const counted = new WeakMap<Socket, { readonly read: number; readonly written: number }>();
  return {
    /** Measures a request from now until its answer has ended, however it ends. */
    follow({ raw, routeOptions }: FastifyRequest, { raw: response }: FastifyReply): void {
      const startMs = performance.now();
      const labels = { charter_operation: routeOptions.config.operation ?? nothing };
      // A closed response no longer names its socket.
      const { socket } = raw;
      response.on("close", () => {
        const answered = response.headersSent ? `${Math.trunc(response.statusCode / 100)}xx` : nothing;
        requests.with({ ...labels, method: raw.method ?? nothing, status: answered }).add();
        durations.with(labels).observe(secondsSince(startMs));
        const before = counted.get(socket);
        const { bytesRead: read, bytesWritten: written } = socket;
        received.with(labels).add(read - (before?.read ?? 0));
        sent.with(labels).add(written - (before?.written ?? 0));
        counted.set(socket, { read, written });
      });
    },
    /** A request was answered with a problem. */
    refused(code: string): void {
      refusals.with({ error_type: code }).add();
    },
  };
}
