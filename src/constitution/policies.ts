// Articles and policies as Cedar texts become records: parsed once, named by their @id, placed in their file.
// A text that would mean less than its author thinks is refused: a template, a policy without a name, a policy about
// a principal or product that no request can ever carry.
import { policySetTextToParts, policyToJson, validate } from "@cedar-policy/cedar-wasm/nodejs";
import type { DetailedError, PolicyJson } from "@cedar-policy/cedar-wasm/nodejs";
import { canonicalJson, NotCanonicalError } from "../kernel/canonical-json.ts";
import { digestOf } from "../kernel/hash.ts";
import type { Digest } from "../kernel/hash.ts";
import { nearestName } from "../kernel/nearest.ts";
import { excessIn } from "./cedar-text.ts";
import type { Action } from "./decision.ts";
import { placeAt } from "../kernel/problem.ts";
import type { Problem } from "../kernel/problem.ts";

/** One article or policy. */
export interface PolicyRecord {
  /** Its @id. */
  readonly id: string;
  readonly kind: "article" | "policy";
  readonly effect: "permit" | "forbid";
  /** Its @description; empty for articles, whose words stand in the data. */
  readonly description: string;
  /** The Cedar text as written. */
  readonly text: string;
  /** The parsed form: what it means, whatever its white space and comments. */
  readonly json: PolicyJson;
  /** Digest of the parsed form. */
  readonly digest: Digest;
  /** Where its text begins in its file, in characters. */
  readonly offset: number;
}

/** What a file of policies holds, and what is wrong with it. */
export interface PolicyFile {
  readonly policies: readonly PolicyRecord[];
  readonly problems: readonly Problem[];
}

const idPattern = /^[A-Za-z][A-Za-z0-9_.-]{0,127}$/;

/** Parses a file of articles or policies. Never throws. */
export function parsePolicies(kind: PolicyRecord["kind"], file: string, text: string): PolicyFile {
  const excess = excessIn(file, text);
  if (excess !== undefined) return { policies: [], problems: [excess] };
  const parts = policySetTextToParts(text);
  if (parts.type === "failure") {
    return { policies: [], problems: parts.errors.map((error) => cedarProblem(file, text, 0, error)) };
  }
  const problems: Problem[] = parts.policy_templates.map((template) => ({
    file,
    ...placeAt(text, Math.max(0, text.indexOf(template))),
    message: "templates are not allowed; write a policy for each case",
  }));
  const policies: PolicyRecord[] = [];
  // Cedar returns the parts in the order of its own ids, so each is looked up in the text and sorted by place.
  const placed = parts.policies.map((part) => ({ part, offset: Math.max(0, text.indexOf(part)) }));
  for (const { part, offset } of placed.toSorted((left, right) => left.offset - right.offset)) {
    const record = recordOf(kind, part, offset);
    if (typeof record === "string") problems.push({ file, ...placeAt(text, offset), message: record });
    else if (policies.some(({ id }) => id === record.id)) {
      problems.push({ file, ...placeAt(text, offset), message: `the @id "${record.id}" is used twice` });
    } else policies.push(record);
  }
  return { policies, problems };
}

/** The record of one policy, or what is wrong with it. */
function recordOf(kind: PolicyRecord["kind"], text: string, offset: number): PolicyRecord | string {
  const answer = policyToJson(text);
  if (answer.type === "failure") return answer.errors.map(({ message }) => message).join("; ");
  const { json } = answer;
  const id = json.annotations?.["id"] ?? "";
  const description = json.annotations?.["description"] ?? "";
  if (!idPattern.test(id)) return 'every policy needs an @id("name") of letters, digits, "_", "." and "-"';
  if (kind === "policy" && id.startsWith("RULE_")) return `the @id "${id}" is reserved for articles`;
  if (kind === "policy" && description === "")
    return `"${id}" needs an @description, the sentence a refused caller reads`;
  try {
    const digest = digestOf(canonicalJson(json));
    return { id, kind, effect: json.effect, description, text, json, digest, offset };
  } catch (error) {
    if (error instanceof NotCanonicalError) return `"${id}": ${error.message}`;
    throw error;
  }
}

/** Whether a policy can matter to an action, by its scope alone; when in doubt it can. */
export function concerns({ json: { action } }: PolicyRecord, wanted: Action): boolean {
  if (action.op === "All") return true;
  const entities =
    action.op === "in" && "entities" in action ? action.entities : "entity" in action ? [action.entity] : [];
  const names = entities.map((entity) => ("__entity" in entity ? entity.__entity.id : entity.id));
  return names.length === 0 || names.includes(wanted);
}

/** What is wrong with policies taken together under a schema: validator errors and warnings, and names nothing can carry. */
export function policyProblems(
  policies: readonly PolicyRecord[],
  schema: string,
  products: readonly string[],
  place: (policy: PolicyRecord) => { file: string; text: string },
): Problem[] {
  const problems: Problem[] = [];
  for (const policy of policies) {
    const { file, text } = place(policy);
    for (const message of unmeetableNames(policy.json, products)) {
      problems.push({ file, ...placeAt(text, policy.offset), message: `"${policy.id}" ${message}` });
    }
  }
  const byId = new Map(policies.map((policy) => [policy.id, policy]));
  const staticPolicies = Object.fromEntries(policies.map(({ id, text }) => [id, text]));
  const answer = validate({ schema, policies: { staticPolicies } });
  const general = answer.type === "failure" ? [...answer.errors, ...answer.warnings] : answer.otherWarnings;
  for (const error of general) problems.push(cedarProblem("policies.cedar", "", 0, error));
  if (answer.type === "failure") return problems;
  for (const { policyId, error } of [...answer.validationErrors, ...answer.validationWarnings]) {
    const policy = byId.get(policyId);
    const { file, text } = policy === undefined ? { file: "policies.cedar", text: "" } : place(policy);
    problems.push(cedarProblem(file, text, policy?.offset ?? 0, error));
  }
  return problems;
}

/** A problem that Cedar reports; its offsets count UTF-8 bytes from the text it was given. */
export function cedarProblem(file: string, text: string, base: number, error: DetailedError): Problem {
  const label = error.sourceLocations?.[0];
  const bytes = Buffer.from(text.slice(base));
  const characters = bytes.subarray(0, label?.start ?? 0).toString().length;
  const details = [label?.label, error.help].filter(
    (detail) => detail !== null && detail !== undefined && detail !== "",
  );
  const message = [error.message, ...details].join("; ");
  return { file, ...placeAt(text, base + characters), message };
}

/** Entities that a policy names though no request carries them; such a policy would silently never match. */
function unmeetableNames(json: unknown, products: readonly string[]): string[] {
  if (Array.isArray(json)) return json.flatMap((item) => unmeetableNames(item, products));
  if (typeof json !== "object" || json === null) return [];
  const { type, id } = json as { type?: unknown; id?: unknown };
  if (typeof type === "string" && typeof id === "string") {
    if (type === "Action" || (type === "Product" && products.includes(id))) return [];
    if (type !== "Product") return [`names ${type}::"${id}", but requests are about kinds, not about single ones`];
    const nearest = nearestName(id, products);
    return [`names the unknown product "${id}"${nearest === undefined ? "" : `; did you mean "${nearest}"?`}`];
  }
  return Object.values(json).flatMap((item) => unmeetableNames(item, products));
}
