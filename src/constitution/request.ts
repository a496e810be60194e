// Reads a question from JSON that a person or a program wrote. Strict: an unknown key is refused with the nearest known
// one, and so is a value of another type. What is left out has the value of an ordinary request.
import { callerKinds } from "../kernel/ctx.ts";
import { snakeCase } from "../kernel/json-case.ts";
import { nearestName } from "../kernel/nearest.ts";
import { actions, resourceKinds } from "./decision.ts";
import type { DecisionRequest } from "./decision.ts";
import { constitutionFault } from "./errors.ts";

/** What a hand-written question means when it does not say: complete, hashed, and nothing out of the ordinary. */
export const ordinaryContext: DecisionRequest["context"] = {
  complete: true,
  setsLockedField: false,
  hashed: true,
  halted: false,
  exception: false,
  ownRequest: false,
  ownerApproved: false,
};

/** Longest product or type name in a question, characters; longer ones are not names. */
const maxNameLength = 128;

/**
 * A question from parsed JSON: `{principal: {kind, product?}, action, resource: {kind, product?, artifact_type?}, context?}`.
 * @throws `decision.malformed`; `at` is a JSON pointer.
 */
export function parseDecisionRequest(json: unknown): DecisionRequest {
  refuseUnsafeIntegers(json, "");
  const root = record(json, "", ["principal", "action", "resource", "context"]);
  const principal = record(root["principal"], "/principal", ["kind", "product"]);
  const resource = record(root["resource"], "/resource", ["kind", "product", "artifact_type"]);
  const flags = Object.keys(ordinaryContext) as (keyof typeof ordinaryContext)[];
  const given = record(root["context"] ?? {}, "/context", flags.map(snakeCase));
  const context = { ...ordinaryContext };
  for (const flag of flags) {
    const field = snakeCase(flag);
    const value = given[field];
    if (value === undefined) continue;
    if (typeof value !== "boolean") throw malformed(`/context/${field}`, "must be true or false");
    context[flag] = value;
  }
  const artifactType = name(resource["artifact_type"], "/resource/artifact_type");
  return {
    principal: {
      kind: word(principal["kind"], "/principal/kind", callerKinds),
      product: name(principal["product"], "/principal/product"),
    },
    action: word(root["action"], "/action", actions),
    resource: {
      kind: word(resource["kind"], "/resource/kind", resourceKinds),
      product: name(resource["product"], "/resource/product"),
      ...(artifactType === null ? {} : { artifactType }),
    },
    context,
  };
}

function record(value: unknown, at: string, known: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(at, "must be an object");
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const nearest = nearestName(key, known);
    const hint = nearest === undefined ? `; known are ${known.join(", ")}` : `; did you mean "${nearest}"?`;
    throw malformed(`${at}/${key}`, `is an unknown key${hint}`);
  }
  return value as Record<string, unknown>;
}

function word<T extends string>(value: unknown, at: string, known: readonly T[]): T {
  const found = known.find((each) => each === value);
  if (found !== undefined) return found;
  const nearest = typeof value === "string" ? nearestName(value, known) : undefined;
  const hint = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
  throw malformed(at, `must be one of ${known.join(", ")}${hint}`);
}

function name(value: unknown, at: string): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "string" && value.length > 0 && value.length <= maxNameLength) return value;
  throw malformed(at, `must be a name of 1 to ${maxNameLength} characters, or null`);
}

/** JSON readers round integers beyond 2^53-1, so that what would be decided is not what was written. */
function refuseUnsafeIntegers(value: unknown, at: string): void {
  if (typeof value === "number" && !(Number.isFinite(value) && (Number.isSafeInteger(value) || value % 1 !== 0))) {
    throw malformed(at, "holds an integer beyond 2^53-1");
  }
  if (typeof value !== "object" || value === null || at.split("/").length > maxDepth) return;
  for (const [key, item] of Object.entries(value)) refuseUnsafeIntegers(item, `${at}/${key}`);
}

/** How deep unsafe integers are looked for; anything deeper than a question is refused as an unknown key. */
const maxDepth = 3;

function malformed(at: string, problem: string) {
  return constitutionFault("decision.malformed", `${at === "" ? "the question" : at} ${problem}`, { at });
}
