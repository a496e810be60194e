// How a leaf is spelled in the log: JSON in snake_case. This file alone maps between the log's names and ours. Format 2 is
// written. Format 1, which had camelCase names and `call` in place of `facts`, is read for ever, because a log is append-only.
import { ledgerFault } from "./errors.ts";
import { maxFactNameLength, maxFacts, maxFactTextLength } from "./leaf.ts";
import type { Leaf, LeafFacts } from "./leaf.ts";

/** A leaf as it is written now. */
export interface LeafJson extends Omit<Leaf, "principalKind" | "constitutionHash" | "requestId"> {
  /** Format of the leaf. */
  readonly v: 2;
  readonly principal_kind: Leaf["principalKind"];
  readonly constitution_hash: string;
  readonly request_id: string;
}

/** A leaf as it was written until format 2; `call` is what a call of a model put on record. */
export interface LeafJsonV1 extends Omit<Leaf, "facts"> {
  readonly v: 1;
  readonly call?: Readonly<Record<string, unknown>>;
}

/** The JSON of a leaf, its fields in canonical order so that they need not be sorted. @throws `ledger.leaf_too_large` */
export function leafJson(leaf: Leaf): LeafJson {
  const { decision, facts } = leaf;
  if (facts !== undefined) checkFacts(facts);
  const json = {
    actor: leaf.actor,
    code: leaf.code,
    constitution_hash: leaf.constitutionHash,
    decision: decision && { allow: decision.allow, articles: decision.articles, policies: decision.policies },
    digest: leaf.digest,
    facts,
    finding: leaf.finding,
    intent: leaf.intent,
    kind: leaf.kind,
    note: leaf.note,
    operation: leaf.operation,
    outcome: leaf.outcome,
    principal: leaf.principal,
    principal_kind: leaf.principalKind,
    product: leaf.product,
    request_id: leaf.requestId,
    resource: leaf.resource,
    time: leaf.time,
    v: 2,
  } satisfies { [Name in keyof Required<LeafJson>]: LeafJson[Name] | undefined };
  // Fields that are undefined are not written.
  return json as LeafJson;
}

/** The leaf that a JSON of either format says. The call of format 1 stays where it is: in the log. */
export function readLeaf(json: LeafJson | LeafJsonV1): Leaf {
  if (json.v === 1) {
    const { v: _, call: __, ...leaf } = json;
    return leaf;
  }
  const { v: _, principal_kind, constitution_hash, request_id, ...same } = json;
  return { ...same, principalKind: principal_kind, constitutionHash: constitution_hash, requestId: request_id };
}

const factName = /^[a-z][a-z0-9_]*$/;

function checkFacts(facts: LeafFacts): void {
  const names = Object.keys(facts);
  if (names.length > maxFacts) throw malformed(`A leaf has ${names.length} facts; at most ${maxFacts} fit.`);
  for (const name of names) {
    const value = facts[name] as LeafFacts[string];
    if (!factName.test(name) || name.length > maxFactNameLength) throw malformed("A fact's name is malformed.");
    if (typeof value === "string" ? value.length > maxFactTextLength : !isPlain(value)) {
      throw malformed(`The fact ${name} is neither an integer nor a text of at most ${maxFactTextLength} characters.`);
    }
  }
}

function isPlain(value: number | boolean): boolean {
  return typeof value === "boolean" || Number.isSafeInteger(value);
}

function malformed(detail: string): Error {
  return ledgerFault("ledger.leaf_too_large", detail);
}
