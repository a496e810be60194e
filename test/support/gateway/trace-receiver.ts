// A receiver of OTLP/HTTP traces in JSON, as a collector is one, for tests of what is sent to it.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** An attribute's value in the JSON of OTLP. */
export interface OtlpValue {
  readonly stringValue?: string;
  readonly intValue?: number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values: readonly OtlpValue[] };
}

/** A span in the JSON of OTLP. */
export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  /** Nanoseconds since the Unix epoch, as text. */
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: OtlpValue }[];
  readonly status: { readonly code?: number; readonly message?: string };
}

interface OtlpBody {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: OtlpSpan["attributes"] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

/** A receiver at work. */
export interface TraceReceiver extends AsyncDisposable {
  readonly url: string;
  /** The bodies as they came. */
  readonly bodies: readonly string[];
  readonly mediaTypes: readonly (string | undefined)[];
  /** Requests that wait for their answer. */
  waiting(): number;
  spans(): readonly OtlpSpan[];
  resource(): OtlpSpan["attributes"];
}

/** Starts a receiver that answers with this status, or never. */
export async function startTraceReceiver(status: number | "never" = 200): Promise<TraceReceiver> {
  const bodies: string[] = [];
  const mediaTypes: (string | undefined)[] = [];
  let waiting = 0;
  const server = createServer((request, response) => {
    waiting++;
    response.on("close", () => waiting--);
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      bodies.push(Buffer.concat(parts).toString("utf8"));
      mediaTypes.push(request.headers["content-type"]);
      if (status === "never") return;
      response.writeHead(status, { "content-type": "application/json" });
      response.end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const read = () => bodies.flatMap((body) => (JSON.parse(body) as OtlpBody).resourceSpans);
  return {
    url: `http://127.0.0.1:${port}/v1/traces`,
    bodies,
    mediaTypes,
    waiting: () => waiting,
    spans: () => read().flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
    resource: () => read()[0]?.resource.attributes ?? [],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The attributes of a span by name, as plain values. */
export function plainAttributes(attributes: OtlpSpan["attributes"]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]));
}

function plain({ stringValue, intValue, doubleValue, boolValue, arrayValue }: OtlpValue): unknown {
  return stringValue ?? intValue ?? doubleValue ?? boolValue ?? arrayValue?.values.map(plain);
}
