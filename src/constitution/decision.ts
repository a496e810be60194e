// What the constitution is asked and what it answers. The request has a finite shape, so that an answer can be remembered.
import type { CallerKind } from "../kernel/ctx.ts";

/** The verbs the constitution knows (facts of the predecessor's rule book, plus reading). */
export const actions = [
  "CREATE",
  "READ",
  "UPDATE",
  "DELETE",
  "APPEND_AUDIT",
  "APPROVE_INTEGRATION",
  "MANAGE_GOVERNANCE",
  "MODIFY_SCHEMA",
  "MODIFY_AUDIT",
] as const;
/** A verb the constitution knows. */
export type Action = (typeof actions)[number];

/** What is acted on. */
export const resourceKinds = [
  "artifact",
  "ledger",
  "schema",
  "governance",
  "integration",
  "key",
  "identity",
  "completion",
] as const;
/** What is acted on. */
export type ResourceKind = (typeof resourceKinds)[number];

/** A question to the constitution. Every field has few values, so the set of shapes is finite. */
export interface DecisionRequest {
  readonly principal: { readonly kind: CallerKind; readonly product: string | null };
  readonly action: Action;
  readonly resource: {
    readonly kind: ResourceKind;
    /** The product the resource belongs to or would belong to; null when it belongs to none. */
    readonly product: string | null;
    /** For artifacts being created: the declared type. */
    readonly artifactType?: string;
  };
  readonly context: {
    /** Required fields are all present (RULE_04). */
    readonly complete: boolean;
    /** The request tries to set a field that only the server may set (RULE_04). */
    readonly setsLockedField: boolean;
    /** The content is, or will be, hashed by the server (RULE_07). */
    readonly hashed: boolean;
    /** Writes of the product or server are halted by a governance lock (RULE_06). */
    readonly halted: boolean;
    /** The request asks for an exception, override or emergency relaxation (RULE_10). */
    readonly exception: boolean;
    /** The principal asks about its own request (RULE_08). */
    readonly ownRequest: boolean;
    /** The owner has approved this change (RULE_03). */
    readonly ownerApproved: boolean;
  };
}

/** What would have to be approved, and by whom, for a request to pass. */
export interface Approval {
  /** The human role that approves. */
  readonly by: "owner";
}

/**
 * The answer: allowed, refused, or pending an approval, which is refused until it is given. `articles` and `policies` are the
 * determining ones, in the order of their names.
 */
export interface Decision {
  readonly allow: boolean;
  /** Of a request that is not allowed, and would be if this were given. */
  readonly pending?: Approval;
  readonly articles: readonly string[];
  readonly policies: readonly string[];
  /** One sentence per determining article or policy, or why nothing permitted the request. */
  readonly reasons: readonly string[];
}
