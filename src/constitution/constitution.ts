// A constitution in force. It promises:
//
// 1. What is in force is what was read: every value and policy is part of the hash, and the hash is computed.
// 2. The ten articles are those that the program was built with, or it does not start.
// 3. `decide` is pure and total: the same question gets the same answer, every question gets one, and what nothing
//    permits, or cannot be decided, is denied.
// 4. Numeric limits are not decided here; limits.ts checks them with the same data.
import { getCedarVersion } from "@cedar-policy/cedar-wasm/nodejs";
import { BoundedMap } from "../kernel/bounded-map.ts";
import { canonicalJson } from "../kernel/canonical-json.ts";
import { sha256Hex } from "../kernel/hash.ts";
import type { ConstitutionData } from "./data.ts";
import type { Decision, DecisionRequest } from "./decision.ts";
import { denial, engineOf, meaningOf } from "./engine.ts";
import { constitutionFault } from "./errors.ts";
import { explainerOf } from "./explanation.ts";
import type { Explanation } from "./explanation.ts";
import { lockProblems } from "./lock.ts";
import { parsePolicies, policyProblems } from "./policies.ts";
import type { PolicyRecord } from "./policies.ts";
import { problemText } from "../kernel/problem.ts";
import type { Problem } from "../kernel/problem.ts";
import { parseSchema } from "./schema.ts";
import type { ParsedSchema } from "./schema.ts";
import { shaperOf } from "./shape.ts";
import type { Shape } from "./shape.ts";
import { fileNames } from "./texts.ts";
import type { ConstitutionTexts } from "./texts.ts";
import { checkData } from "./validation.ts";

/**
 * Most decisions that are kept: about 4 MB. Real traffic has a few hundred shapes; a caller that makes up others only pushes
 * out what was used longest ago, and pays for an evaluation each time.
 */
export const maxRememberedDecisions = 8192;

/** An article or policy as people are shown it. */
export interface PolicySummary {
  readonly id: string;
  readonly kind: "article" | "policy";
  readonly effect: "permit" | "forbid";
  /** One sentence. */
  readonly meaning: string;
  /** The Cedar text. */
  readonly text: string;
}

/** What `describe` tells: everything in force, as JSON. */
export interface ConstitutionDescription {
  readonly hash: string;
  readonly digest: string;
  readonly engine: string;
  readonly data: ConstitutionData;
  readonly articles: readonly PolicySummary[];
  readonly policies: readonly PolicySummary[];
}

/** A constitution in force. */
export interface Constitution {
  /** First 16 hex digits of the digest; on every answer and record. */
  readonly hash: string;
  /** SHA-256 over the canonical constitution, 64 hex digits. */
  readonly digest: string;
  /** Name and version of the policy engine, a part of the digest. */
  readonly engine: string;
  readonly data: ConstitutionData;
  /** The texts it was read from. */
  readonly texts: ConstitutionTexts;
  /** Decides. Never throws; deny by default. Seen shapes are answered from memory. */
  decide(request: DecisionRequest): Decision;
  /** Decides and says what determined it and what would make it pass. Asks hundreds of times: not for the hot path. */
  explain(request: DecisionRequest): Explanation;
  /**
   * Everything in force, for people and programs that list it. With the name of a product, what that product may know:
   * no other product and no policy that names one, so that the digest cannot be recomputed from it.
   */
  describe(product?: string | null): ConstitutionDescription;
}

/** What the digest covers. */
export interface CanonicalParts {
  readonly data: ConstitutionData;
  readonly articles: readonly PolicyRecord[];
  readonly policies: readonly PolicyRecord[];
  readonly schema: ParsedSchema["json"];
  readonly engine: string;
}

/** The digest of a constitution: SHA-256 over RFC 8785 JSON of its data, parsed articles, policies and schema, and engine. */
export function constitutionDigest({ data, articles, policies, schema, engine }: CanonicalParts): string {
  const byId = (records: readonly PolicyRecord[]) => Object.fromEntries(records.map(({ id, json }) => [id, json]));
  return sha256Hex(canonicalJson({ data, articles: byId(articles), policies: byId(policies), schema, engine }));
}

/** Makes a constitution from its texts. @throws `constitution.invalid` or `constitution.articles_changed`. */
export function constitutionFrom(texts: ConstitutionTexts): Constitution {
  const { checked, articles, policies, schema, problems, amendments } = examine(texts);
  if (amendments.length > 0) throw refusal("constitution.articles_changed", amendments);
  const { data } = checked;
  if (problems.length > 0 || data === undefined) throw refusal("constitution.invalid", problems);
  const engine = `cedar-wasm ${getCedarVersion()}`;
  const digest = constitutionDigest({ data, articles, policies, schema: schema.json, engine });
  const all = [...articles, ...policies];
  deepFreeze(data);
  const evaluate = engineOf(digest, all, data);
  const shaper = shaperOf(data.products);
  // A decision depends on its shape and the constitution alone, so it never goes stale.
  const decisions = new BoundedMap<number, Decision>(maxRememberedDecisions);
  /** The third answer is found by asking again with the approval given, so that it is as true as the other two. */
  const answer = (shape: Shape): Decision => {
    const decision = evaluate(shape);
    if (decision.allow || shape.context.ownerApproved) return decision;
    const approved = { ...shape, context: { ...shape.context, ownerApproved: true } };
    return evaluate(approved).allow ? { ...decision, pending: { by: "owner" } } : decision;
  };
  const summary = (policy: PolicyRecord): PolicySummary => {
    const { id, kind, effect, text } = policy;
    return { id, kind, effect, meaning: meaningOf(policy, data), text };
  };
  return {
    hash: digest.slice(0, 16),
    digest,
    engine,
    data,
    texts,
    decide(request) {
      try {
        const key = shaper.keyOf(request);
        if (key === undefined) return denial("The constitution does not know this kind of caller, action or resource.");
        return decisions.getOrMake(key, () => answer(shaper.shapeOf(request)));
      } catch {
        return denial("The question is not one that the constitution can be asked.");
      }
    },
    explain: explainerOf({
      data,
      evaluate,
      shaper,
      summaries: new Map(all.map((policy) => [policy.id, summary(policy)])),
    }),
    describe(product = null) {
      const others = Object.keys(data.products).filter((name) => product !== null && name !== product);
      const products = Object.entries(data.products).filter(([name]) => !others.includes(name));
      return {
        hash: digest.slice(0, 16),
        digest,
        engine,
        data: { ...data, products: Object.fromEntries(products) },
        articles: articles.map(summary),
        policies: policies.filter(({ text }) => !others.some((name) => text.includes(`"${name}"`))).map(summary),
      };
    },
  };
}

/** Everything that is wrong with a constitution's texts; empty when it can be loaded. Never throws. */
export function problemsIn(texts: ConstitutionTexts): readonly Problem[] {
  const { problems, amendments } = examine(texts);
  return [...problems, ...amendments];
}

/** Parses and checks everything. `amendments` are differences from the compiled lock. */
function examine(texts: ConstitutionTexts) {
  const checked = checkData(fileNames.data, texts.data);
  const articleFile = parsePolicies("article", fileNames.articles, texts.articles);
  const policyFile = parsePolicies("policy", fileNames.policies, texts.policies);
  const schema = parseSchema(fileNames.schema, texts.schema);
  const parseProblems = [...articleFile.problems, ...policyFile.problems, ...schema.problems];
  const articles = articleFile.policies;
  const policies = policyFile.policies;
  const together =
    parseProblems.length > 0 || checked.data === undefined
      ? []
      : policyProblems([...articles, ...policies], texts.schema, Object.keys(checked.data.products), ({ kind }) =>
          kind === "article"
            ? { file: fileNames.articles, text: texts.articles }
            : { file: fileNames.policies, text: texts.policies },
        );
  const comparable = articleFile.problems.length === 0 && schema.problems.length === 0;
  return {
    checked,
    articles,
    policies,
    schema,
    problems: [...checked.problems, ...parseProblems, ...together],
    amendments: comparable ? lockProblems(articles, schema, texts) : [],
  };
}

function refusal(code: "constitution.invalid" | "constitution.articles_changed", problems: readonly Problem[]) {
  const [first] = problems;
  const at = first === undefined ? {} : { at: `${first.file}:${first.line}:${first.column}` };
  return constitutionFault(code, problems.map(problemText).join("\n"), at);
}

function deepFreeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const item of Object.values(value)) deepFreeze(item);
}
