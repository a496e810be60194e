// How callers speak to Charter, and what they then know: an answer, or that there was none.
import { request as httpRequest } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { now } from "./doors-time.ts";
import type { Network } from "./network.ts";

/** One request. */
export interface Ask {
  readonly method?: string;
  readonly key?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is when bytes, as JSON otherwise. */
  readonly body?: unknown;
  /** After how many milliseconds the caller leaves, if it has not heard all by then; it stays when absent. */
  readonly leavesAfterMs?: number;
}

/** What a caller knows after asking; status 0 when the connection broke before the answer was whole. */
export interface Told {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  // oxlint-disable-next-line typescript/no-explicit-any -- callers look into answers of every shape
  readonly json: any;
}

/** Whether a caller cannot know whether its request took effect. */
export function isUnknown({ status }: Told): boolean {
  return status === 0 || status >= 500;
}

/** Asks Charter, which listens at a port. Never rejects. */
export function ask(network: Network, port: number, path: string, terms: Ask = {}): Promise<Told> {
  const { body, key, leavesAfterMs } = terms;
  const isRaw = body instanceof Uint8Array;
  const sent = body === undefined ? undefined : isRaw ? body : JSON.stringify(body);
  return new Promise<Told>((resolve) => {
    const pieces: Buffer[] = [];
    const none = (): void => resolve({ status: 0, headers: {}, bytes: Buffer.concat(pieces), json: undefined });
    const request = httpRequest(
      {
        path,
        method: terms.method ?? (body === undefined ? "GET" : "POST"),
        headers: {
          host: "charter",
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...(sent === undefined ? {} : { "content-length": String(Buffer.byteLength(sent)) }),
          ...(sent === undefined || isRaw ? {} : { "content-type": "application/json" }),
          ...terms.headers,
        },
        createConnection: () => network.connect(port),
      },
      (response) => {
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.on("error", none);
        response.on("end", () => {
          const bytes = Buffer.concat(pieces);
          if (!response.complete) return none();
          resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes, json: jsonOf(bytes) });
        });
      },
    );
    request.on("error", none);
    request.end(sent);
    if (leavesAfterMs !== undefined) now().timeline.at(leavesAfterMs, () => void request.destroy());
  });
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
