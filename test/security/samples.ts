// What requests are filled with so that they get past validation to what lies behind it: parameters of the API are known
// by name, and what only the server can tell (ids, cursors, tokens) is asked of it.
import type { OperationName } from "../../src/http/index.ts";

/**
 * Values by the name of a parameter, or by `operation/name` where one operation needs its own; `operation/` holds its whole
 * body, and `operation/header/name` what goes with one header.
 */
export type Values = Readonly<Record<string, unknown>>;

/** One way of calling an operation whose fields do not all go together: these and no others. */
export interface Variant {
  readonly fields: Values;
  /** It is refused at its end although nothing is wrong with it. */
  readonly isRefused: boolean;
}

/** What the server under attack holds. */
export interface Contents {
  readonly values: Values;
  readonly variants: Partial<Record<OperationName, readonly Variant[]>>;
  readonly product: string;
  readonly artifactType: string;
  /** An artifact of some megabytes, for readers that are slow. */
  readonly bigArtifact: string;
  /** Path and query of the page that asks a person to sign in. */
  readonly page: string;
}

/** Parameters that are left out, with the reason why none of their values can be sent. */
export const leftOut: Readonly<Record<string, string>> = {
  "if-none-match": "its only value is *, and the schema holds it to that",
  "bucket.write/content_hash": "only the digest of the data is accepted, and the data is attacked",
  "bucket.write/created_at": "it is accepted within 300 s only; its form is that of client_time",
  "artifact.create/content_hash": "only the digest of the payload is accepted, and the payload is attacked",
  "budget.request/request_id":
    "a request of an id that was claimed is answered from the claim; its form is that of commit",
  "synthesis.validate/object": "it goes with no text, and the text says the same",
  "client.create/jwks": "a client has keys or a secret; keys are JSON of their own that no statement takes apart",
};

/**
 * The operation on which a header is attacked that many operations have: one function reads it for all of them, so the
 * others would be asked the same again. It is the one that takes the text furthest.
 */
export const attackedOn: Readonly<Record<string, OperationName>> = {
  // Who has kept a response is looked up before anybody asks whether there is such a product.
  "x-charter-product": "response.read",
  "x-charter-project": "chat.create",
  "x-charter-strategy": "chat.create",
  "x-charter-data-class": "chat.create",
  "x-charter-schema": "chat.create",
  "x-charter-unsupported": "chat.create",
  "cache-control": "message.create",
};

/** Operations that refuse even the good request, and why; what lies before the refusal is attacked nevertheless. */
export const refusedAnyway: Partial<Record<OperationName, string>> = {
  "artifact.replace": "RULE_01 lets no one replace an artifact",
  "artifact.update": "RULE_01 lets no one update an artifact",
  "artifact.delete": "RULE_01 lets no one delete an artifact",
  "halt.clear": "nothing is halted",
  "user.verify": "a token is good once; one that is unknown is looked up all the same",
  "password.reset_confirm": "a token is good once; one that is unknown is looked up all the same",
};

/** The value of a parameter, undefined when none is known. */
export function sampleOf(operation: string, name: string, values: Values): { value?: unknown; isLeftOut: boolean } {
  const own = `${operation}/${name}`;
  if (own in leftOut || name in leftOut || (attackedOn[name] ?? operation) !== operation) return { isLeftOut: true };
  return { value: own in values ? values[own] : values[name], isLeftOut: false };
}
