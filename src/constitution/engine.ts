// Cedar decides one shape. Policies are parsed once, in one slice per action that leaves out what cannot match it.
// Promise: an answer for every shape; anything but a clean "allow" is a denial, an evaluation error included, because
// Cedar skips a policy that fails and a skipped forbid would let a request pass.
import { preparsePolicySet, statefulIsAuthorized } from "@cedar-policy/cedar-wasm/nodejs";
import type { AuthorizationAnswer, CedarValueJson, EntityJson, PolicySet } from "@cedar-policy/cedar-wasm/nodejs";
import type { CallerKind } from "../kernel/ctx.ts";
import type { ConstitutionData } from "./data.ts";
import { actions } from "./decision.ts";
import type { Decision, ResourceKind } from "./decision.ts";
import { constitutionFault } from "./errors.ts";
import { concerns } from "./policies.ts";
import type { PolicyRecord } from "./policies.ts";
import { unregistered } from "./shape.ts";
import type { Shape } from "./shape.ts";

/** Decides a shape, without memory. */
export type Evaluate = (shape: Shape) => Decision;

/** The entity type of each kind of principal. */
const principalTypes = {
  ai_agent: "AiAgent",
  executor: "Executor",
  product: "ProductService",
  auditor: "Auditor",
  admin: "Admin",
  anonymous: "Anonymous",
} as const satisfies Record<CallerKind, string>;

/** The entity type of each kind of resource. */
const resourceTypes = {
  artifact: "Artifact",
  ledger: "Ledger",
  schema: "Schema",
  governance: "Governance",
  integration: "Integration",
  key: "Key",
  identity: "Identity",
  completion: "Completion",
} as const satisfies Record<ResourceKind, string>;

/** How people name each kind of principal, after an article. */
const principalNames = {
  ai_agent: "an AI agent",
  executor: "an executor",
  product: "a product",
  auditor: "an auditor",
  admin: "an admin",
  anonymous: "a caller without a credential",
} as const satisfies Record<CallerKind, string>;

/** How people name each kind of resource, after an article. */
const resourceNames = {
  artifact: "an artifact",
  ledger: "the ledger",
  schema: "the schema",
  governance: "governance",
  integration: "an integration",
  key: "a key",
  identity: "an identity",
  completion: "a model's completion",
} as const satisfies Record<ResourceKind, string>;

/** Makes the evaluator of a constitution. `digest` names its policy sets in Cedar's cache. */
export function engineOf(digest: string, policies: readonly PolicyRecord[], data: ConstitutionData): Evaluate {
  const byId = new Map(policies.map((policy) => [policy.id, policy]));
  for (const action of actions) {
    const slice = policies.filter((policy) => concerns(policy, action));
    const answer = preparsePolicySet(sliceName(digest, action), policySetOf(slice));
    if (answer.type === "failure") {
      const detail = answer.errors.map(({ message }) => message).join("; ");
      throw constitutionFault("constitution.invalid", `the policies for ${action} cannot be prepared: ${detail}`);
    }
  }
  const sentence = (id: string): string => `${id}: ${meaningOf(byId.get(id), data)}`;
  return (shape) => {
    try {
      const preparsedPolicySetId = sliceName(digest, shape.action);
      const answer = statefulIsAuthorized({ ...cedarRequest(shape, data.products), preparsedPolicySetId });
      return decisionOf(answer, shape, byId, sentence);
    } catch {
      return denial("The policy engine failed, and what cannot be decided is denied.");
    }
  };
}

/** What an article or policy means, as the sentence that a caller reads. */
export function meaningOf(policy: PolicyRecord | undefined, data: ConstitutionData): string {
  if (policy === undefined) return "a policy that the constitution does not name";
  if (policy.kind === "policy") return policy.description;
  const rules: Readonly<Record<string, { readonly description: string }>> = data.rules;
  return rules[policy.id]?.description ?? "";
}

/** A denial that no article or policy determined. */
export function denial(reason: string): Decision {
  return frozen({ allow: false, articles: [], policies: [], reasons: [reason] });
}

/** The policies by id, in the form Cedar takes. */
export function policySetOf(policies: readonly PolicyRecord[]): PolicySet {
  return { staticPolicies: Object.fromEntries(policies.map(({ id, text }) => [id, text])) };
}

/** A shape as the call that Cedar understands, less its policies. */
export function cedarRequest(shape: Shape, products: ConstitutionData["products"]) {
  const owner = shape.principalProduct;
  const target = shape.resourceProduct;
  const principal = { type: principalTypes[shape.kind], id: "caller" };
  const resource = { type: resourceTypes[shape.resourceKind], id: "target" };
  const entities: EntityJson[] = [
    { uid: principal, attrs: productAttribute(owner), parents: [] },
    { uid: resource, attrs: productAttribute(target), parents: [] },
  ];
  if (target !== null) entities.push(productEntity(target, shape.agentsMayRead));
  if (owner !== null && owner !== target) entities.push(productEntity(owner, products[owner]?.agentsMayRead === true));
  return { principal, action: { type: "Action", id: shape.action }, resource, context: { ...shape.context }, entities };
}

function sliceName(digest: string, action: string): string {
  return `charter/${digest}/${action}`;
}

function productAttribute(product: string | null): Record<string, CedarValueJson> {
  return product === null ? {} : { product: { __entity: { type: "Product", id: product } } };
}

function productEntity(id: string, agentsMayRead: boolean): EntityJson {
  return { uid: { type: "Product", id }, attrs: { agentsMayRead }, parents: [] };
}

function decisionOf(
  answer: AuthorizationAnswer,
  shape: Shape,
  byId: ReadonlyMap<string, PolicyRecord>,
  sentence: (id: string) => string,
): Decision {
  if (answer.type === "failure") return denial("The policy engine refused the question, and it is denied.");
  const { decision, diagnostics } = answer.response;
  const failed = diagnostics.errors.map(({ policyId }) => policyId).sort();
  const clean = failed.length === 0 && answer.warnings.length === 0;
  const allow = decision === "allow" && clean;
  // When errors turn an allow into a denial, what Cedar names are permits, and they did not determine the denial.
  const determining = decision === "allow" && !allow ? [] : diagnostics.reason.toSorted();
  const named = [...new Set([...determining, ...failed])].sort();
  const isArticle = (id: string): boolean => byId.get(id)?.kind === "article";
  const reasons = [
    ...determining.map(sentence),
    ...failed.map((id) => `${id} could not be evaluated, and what cannot be decided is denied.`),
  ];
  if (reasons.length === 0) reasons.push(clean ? nothingPermits(shape) : "The policy engine warned, and it is denied.");
  return frozen({
    allow,
    articles: named.filter(isArticle),
    policies: named.filter((id) => !isArticle(id)),
    reasons,
  });
}

function nothingPermits({ kind, principalProduct, action, resourceKind, resourceProduct }: Shape): string {
  const who = principalProduct === null ? `${principalNames[kind]} of no product` : principalNames[kind];
  const whose = resourceProduct === null ? "" : ` of ${resourceProduct}`;
  const unknown = principalProduct === unregistered ? " Its product is not registered." : "";
  return `No policy permits ${who} to ${action} ${resourceNames[resourceKind]}${whose}.${unknown}`;
}

/** Decisions are shared by everyone who asks the same, so no one may change one. */
function frozen(decision: Decision): Decision {
  Object.freeze(decision.articles);
  Object.freeze(decision.policies);
  Object.freeze(decision.reasons);
  return Object.freeze(decision);
}
