// A request whose body a test sends piece by piece, and whose answer it reads as it comes.
import { request } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { TestCharter } from "../app/in-process.ts";

/** An answer to such a request. */
export interface OpenAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly json: any;
}

/** A request that is open. */
export interface OpenRequest {
  send(piece: string | Uint8Array): void;
  /** Sends the last piece. */
  finish(piece?: string | Uint8Array): void;
  /** Resolves when the server has read the head. */
  readonly reached: Promise<void>;
  /** The whole answer, which may come before the request is finished. */
  readonly answer: Promise<OpenAnswer>;
  /** Resolves when the head of the answer is there. */
  readonly begun: Promise<void>;
  /** Reads what is left of an answer that was not read; resolves with how many bytes there were, also when it is cut off. */
  rest(): Promise<number>;
  /** Breaks the connection off. */
  destroy(): void;
  /** The text of the answer so far. */
  heard(): string;
}

/** Opens a request. */
export function openRequest(
  charter: Pick<TestCharter, "url">,
  path: string,
  {
    method = "POST",
    key,
    headers,
    reads = true,
  }: { method?: string; key?: string; headers?: Record<string, string | number>; reads?: boolean },
): OpenRequest {
  const { promise, resolve, reject } = Promise.withResolvers<OpenAnswer>();
  let text = "";
  const sent = request(`${charter.url}${path}`, {
    method,
    agent: false,
    headers: { expect: "100-continue", ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...headers },
  });
  const reached = Promise.withResolvers<void>();
  sent.on("continue", reached.resolve);
  const begun = Promise.withResolvers<IncomingMessage>();
  sent.on("response", (response) => {
    begun.resolve(response);
    if (!reads) return;
    response.on("data", (piece) => (text += String(piece)));
    response.on("error", reject);
    response.on("end", () => {
      const { statusCode: status = 0, headers: fields } = response;
      resolve({ status, headers: fields, text, json: jsonOf(text) });
      sent.destroy();
    });
  });
  // After an early answer the rest of the body meets a closed connection.
  sent.on("error", reject);
  promise.catch(() => {});
  sent.flushHeaders();
  return {
    send: (piece) => void sent.write(piece),
    finish: (piece) => void sent.end(piece),
    reached: reached.promise,
    answer: promise,
    begun: begun.promise.then(() => {}),
    async rest() {
      let sizeBytes = 0;
      const response = await begun.promise;
      response.on("error", () => {});
      response.on("data", (piece: Buffer) => (sizeBytes += piece.length));
      if (!response.closed) await new Promise((resolve) => response.once("close", resolve));
      return sizeBytes;
    },
    destroy: () => void sent.destroy(),
    heard: () => text,
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
