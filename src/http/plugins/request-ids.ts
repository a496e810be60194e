// The id of a request. It is the caller's own when the caller sent a UUID in `X-Request-ID` that has not been used lately,
// and a new one otherwise; nothing else that a caller sends is ever repeated.
//
// The same id stands on the answer, in problems, in the log and on the ledger's leaves, so a caller that names its
// requests can find them there. That is safe because a UUID has no room for text, and because an id that was just used,
// by anyone, is not used again: leaves of two requests do not mix within the memory of a process.
import type { IncomingMessage } from "node:http";
import { isUuid } from "../../kernel/ids.ts";
import type { RequestId } from "../../kernel/ids.ts";

/** Ids remembered in each of two generations: at 2 000 requests a second, the last 8 to 16 seconds; about 3 MB. */
const generationSize = 16_384;

declare module "node:http" {
  interface IncomingMessage {
    /** The id that the request was given; absent before it has one. */
    charterId?: RequestId;
  }
}

/** Gives requests their ids. */
export interface RequestIds {
  /** The id of a request that has none yet. */
  take(request: IncomingMessage): RequestId;
  /** The id that a request was given, if it was given one. */
  of(request: IncomingMessage): RequestId | undefined;
}

/** Remembers what was used lately; `make` makes new ids. */
export function openRequestIds(make: () => RequestId): RequestIds {
  let newer = new Set<string>();
  let older = new Set<string>();
  return {
    of: (request) => request.charterId,
    take(request) {
      const inbound = request.headers["x-request-id"];
      const isFree = typeof inbound === "string" && isUuid(inbound) && !newer.has(inbound) && !older.has(inbound);
      const id = isFree ? (inbound as RequestId) : make();
      if (newer.size >= generationSize) {
        older = newer;
        newer = new Set();
      }
      newer.add(id);
      request.charterId = id;
      return id;
    },
  };
}
