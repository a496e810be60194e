// Cursors of listings: the place of the last row, signed, and bound to the listing and the filters they were made for, so
// that a client can neither point one into rows it may not see nor reuse it with another question or another listing,
// whose places have another form.
import { createHmac } from "node:crypto";
import { canonicalJson } from "../kernel/canonical-json.ts";
import { equalSecrets } from "../kernel/hash.ts";
import { httpFault } from "./errors.ts";
import type { OperationName } from "./operations.ts";

/** Signs and reads cursors. */
export interface Cursors {
  seal(listing: OperationName, place: unknown, question: unknown): string;
  /** @throws `cursor.invalid` when the cursor was not made here for this listing and question. */
  open(listing: OperationName, cursor: string, question: unknown): unknown;
}

/** Bytes of the HMAC-SHA-256 that a cursor carries; 128 bits cannot be guessed. */
const macBytes = 16;

/** Cursors under one secret of at least 32 bytes. */
export function cursorsUnder(secret: Uint8Array): Cursors {
  const mac = (listing: OperationName, payload: string, question: unknown): Buffer =>
    createHmac("sha256", secret)
      .update(`${listing}\n${payload}\n${canonicalJson(question)}`)
      .digest()
      .subarray(0, macBytes);
  return {
    seal(listing, place, question) {
      const payload = Buffer.from(canonicalJson(place)).toString("base64url");
      return `${payload}.${mac(listing, payload, question).toString("base64url")}`;
    },
    open(listing, cursor, question) {
      const [payload = "", signature = ""] = cursor.split(".");
      if (!equalSecrets(Buffer.from(signature, "base64url"), mac(listing, payload, question))) {
        throw httpFault("cursor.invalid", "the cursor was not made for this listing", {
          at: "cursor",
          remedy: "take `next` of the previous page and keep the filters as they were",
        });
      }
      return JSON.parse(Buffer.from(payload, "base64url").toString());
    },
  };
}
