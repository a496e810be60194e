// Where a request shows its credential: in `Authorization`, and on the routes that clients of model APIs call also where those
// put it. Of several the first counts, in this order; the others are not looked at.
import type { IncomingHttpHeaders } from "node:http";
import { keyHeaders } from "../models/index.ts";

/** The credential of a request as a value of `Authorization`; undefined where it shows none. */
export function shownCredential(headers: IncomingHttpHeaders, takesApiKey: boolean): string | undefined {
  if (headers.authorization !== undefined || !takesApiKey) return headers.authorization;
  for (const name of keyHeaders) {
    const key = headers[name];
    if (typeof key === "string" && key !== "") return `Bearer ${key}`;
  }
  return undefined;
}
