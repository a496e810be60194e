// The constitution's data, as constitution.yaml holds it after it has been checked against constitution.schema.json.
// Bytes are decimal, durations carry their unit in the name, and every integer is at most 2^53-1.
import type { Permission, Role } from "../kernel/ctx.ts";

/** The ten articles, in order. */
export const articleIds = [
  "RULE_01_WRITE_ONLY",
  "RULE_02_APPEND_ONLY_AUDIT",
  "RULE_03_SCHEMA_IMMUTABLE",
  "RULE_04_PROVENANCE_LOCKED",
  "RULE_05_PRODUCT_ISOLATION",
  "RULE_06_GOVERNANCE_LOCKS",
  "RULE_07_LEGAL_DEFENSIBILITY",
  "RULE_08_EXECUTOR_AUTHORITY",
  "RULE_09_AI_WRITE_ONLY",
  "RULE_10_ZERO_EXCEPTIONS",
] as const;
/** One of the ten articles. */
export type ArticleId = (typeof articleIds)[number];

/** A person an escalation can reach. */
export type HumanRole = "owner" | "ops_team" | "security_team" | "advisor" | "legal_counsel" | "executor";
/** How grave a violation or a finding is. */
export type Severity = "LOW" | "MEDIUM" | "HIGH" | "CRITICAL";
/** How near a measured value is to its limit. */
export type Band = "GREEN" | "YELLOW" | "ORANGE" | "RED";
/** How soon a person must answer. */
export type Timeline = "NONE" | "IMMEDIATE" | "1_HOUR" | "6_HOURS" | "24_HOURS" | "48_HOURS" | "AS_LAW_REQUIRES";

/** Seconds a person has; null where there is no deadline or the law sets it. */
export const timelineSeconds: Readonly<Record<Timeline, number | null>> = {
  NONE: null,
  IMMEDIATE: 0,
  "1_HOUR": 3600,
  "6_HOURS": 21_600,
  "24_HOURS": 86_400,
  "48_HOURS": 172_800,
  AS_LAW_REQUIRES: null,
};

/** Who is told, and how soon an answer is due. */
export interface Escalation {
  readonly severity: Severity;
  readonly escalateTo: readonly HumanRole[];
  readonly timeline: Timeline;
}

/** An article in words. */
export interface Rule extends Escalation {
  readonly name: string;
  /** The sentence a refused caller reads. */
  readonly description: string;
  readonly enforcement: string;
  readonly violationAction: string;
}

/** What a detector reports and what follows. */
export interface Threat extends Escalation {
  readonly category: "scale" | "integrity" | "governance" | "legal";
  readonly likelihood: "LOW" | "MEDIUM" | "HIGH";
  readonly patterns: readonly string[];
  /** What is done at once; a CRITICAL finding blocks whatever stands here. */
  readonly action: "flag" | "step_up" | "throttle" | "reject" | "quarantine" | "halt";
  readonly response: string;
}

/** How far data may travel, from everywhere to nowhere but where it is meant to be. */
export const dataClasses = ["public", "internal", "confidential", "restricted"] as const;
/** How far data may travel. */
export type DataClass = (typeof dataClasses)[number];

/** What a guard does with what it finds: nothing, put it on record, take it out visibly, or refuse the call. */
export type GuardAction = "off" | "flag" | "redact" | "deny";

/** What a parameter of a call can change at the provider. */
export const parameterEffects = ["model", "place", "price", "tools", "fetch", "reach", "retention"] as const;
/**
 * What a parameter of a call can change at the provider: which model answers; where, and with whose credential; what it
 * costs; what the provider does other than answering; which URLs it reads; to whom it hands the call's words; what it keeps.
 */
export type ParameterEffect = (typeof parameterEffects)[number];

/** The most secret class of data that may go along with something; `refuse` is none. */
export type Allowance = DataClass | "refuse";

/** How far parameters may go, by what they change. */
export type ParameterTerms = Readonly<Record<ParameterEffect, Allowance>>;

/** A tier of models, the weakest first. */
export interface Tier {
  readonly tier: 1 | 2 | 3 | 4 | 5;
  readonly name: string;
  /** How long an answer may take, milliseconds. */
  readonly targetMs: number;
}

/** What calls of models are held to. Limits per minute are null where there is none. */
export interface ModelTerms {
  readonly maxTier: number;
  /** Models that may be called, by name or by `provider/model`; `*` stands for any text. */
  readonly models: readonly string[];
  readonly maxDataClass: DataClass;
  /** How long an answer may be served again; 0 for never. */
  readonly cacheTtlSeconds: number;
  readonly semanticCache: boolean;
  /** The type of artifact as which prompts and replies are kept; null for not at all. */
  readonly keepBodiesAs: string | null;
  readonly guards: Readonly<Record<"secrets" | "pii" | "injection", GuardAction>>;
  readonly parameters: ParameterTerms;
  /** What is done with a parameter that nothing is known of: it goes to the provider, or the call is refused. */
  readonly unknownParameters: "pass" | "refuse";
  /** What is done with a wish that the provider which answers has no word for: it is left out and named (when absent), or refused. */
  readonly unsupportedParameters?: "drop" | "refuse";
  /** Other names of models: what a call names, and what it means by it. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Models that answer in the order given where the one that a chat names cannot. */
  readonly fallbacks?: readonly string[];
  readonly keyRequestsPerMinute: number | null;
  readonly keyTokensPerMinute: number | null;
  readonly modelRequestsPerMinute: number | null;
  readonly modelTokensPerMinute: number | null;
}

/** How a deployment is scored: the weights of its parts, and the price and latency at which a part is worth nothing. */
export interface ScoreTerms {
  readonly compliancePercent: number;
  readonly reliabilityPercent: number;
  readonly pricePercent: number;
  readonly latencyPercent: number;
  readonly priceCeilingMicrodollarsPerMillion: number;
  readonly latencyCeilingMs: number;
}

/** What the constitution says about calling models. */
export interface GatewayTerms {
  readonly tiers: readonly Tier[];
  readonly score: ScoreTerms;
  readonly complianceFloorPercent: number;
  readonly defaultDataClass: DataClass;
  readonly defaultBudgetTokens: number;
  readonly terms: ModelTerms;
}

/** What a product may store and who may read it back. */
export interface ProductTerms {
  readonly quotaBytes: number;
  readonly artifactTypes: readonly string[];
  /** Whether the product's AI agents may read its artifacts. */
  readonly agentsMayRead: boolean;
  /** Name of a retention class. */
  readonly retentionClass: string;
  /** Where the product's calls of models differ from the terms of all. */
  readonly models?: Partial<Omit<ModelTerms, "parameters">> & { readonly parameters?: Partial<ParameterTerms> };
}

/** One row of the storage table; it holds from its edge to the next. */
export interface StorageEdge {
  readonly fromPercent: number;
  readonly status: "HEALTHY" | "WARNING" | "CRITICAL" | "HALTED";
  readonly level: "HEALTHY" | "CAUTION" | "WARNING" | "CRITICAL";
  readonly band: Band;
  readonly escalateTo: readonly HumanRole[];
  readonly timeline: Timeline;
  readonly haltsWrites: boolean;
}

/** Where a band begins: at a value (`from`) or just beyond it (`above`). */
export type BandEdge = { readonly band: Band } & ({ readonly from: number } | { readonly above: number });

/** A least time to keep something: days of 24 hours or calendar years. */
export type Period = { readonly days: number } | { readonly years: number };

/** The numbers that the limits code checks. */
export interface ConstitutionLimits {
  readonly artifactMaxBytes: number;
  /** Beyond this size an artifact is a signal, not a refusal. */
  readonly largeArtifactBytes: number;
  readonly metadataFieldMaxBytes: number;
  readonly metadataTotalMaxBytes: number;
  readonly metadataMaxDepth: number;
  readonly storageTotalBytes: number;
  readonly quotaWarnPercent: number;
  readonly artifactsPerProductMax: number;
  readonly artifactsPerProductWarn: number;
  readonly artifactsCertified: number;
  readonly productsMax: number;
  /** At so many writers new ones are turned away, */
  readonly concurrentWritersPause: number;
  /** until there are fewer than this many. */
  readonly concurrentWritersReopen: number;
  readonly writersRetryAfterSeconds: number;
  readonly timestampSkewSeconds: number;
  /** So many attempts refused for lack of permission within the window suspend the credential. */
  readonly refusalsMax: number;
  readonly refusalsWindowSeconds: number;
  /** So long a used refresh token is still good for its client; 10 when absent. */
  readonly refreshGraceSeconds?: number;
  readonly abandonedUploadSeconds: number;
  readonly storageForecastSeconds: number;
  readonly queryObjectiveMs: number;
}

/** What a role may call. */
export interface RoleTerms {
  /** Requests to the control plane per minute and caller. */
  readonly requestsPerMinute: number;
  readonly permissions: readonly Permission[];
}

/** How often one network address may call. */
export interface AddressRate {
  readonly perAddress: number;
  readonly windowSeconds: number;
}

/** How often callers may call what is not of the control plane. */
export interface RateLimits {
  readonly auth: AddressRate;
  readonly token: AddressRate;
  readonly register: AddressRate;
  readonly reset: AddressRate;
  readonly public: AddressRate;
  readonly data: { readonly perKey: number; readonly perProduct: number; readonly windowSeconds: number };
  readonly deliberation: { readonly perKey: number; readonly windowSeconds: number };
}

/** Everything constitution.yaml says. */
export interface ConstitutionData {
  readonly name: string;
  readonly version: string;
  /** A label from the predecessor; nothing is computed from it. */
  readonly lineage: string;
  readonly products: Readonly<Record<string, ProductTerms>>;
  readonly requiredFields: readonly string[];
  readonly lockedFields: readonly string[];
  /** The locked fields that no caller may set. */
  readonly serverFields: readonly string[];
  readonly limits: ConstitutionLimits;
  readonly storage: readonly StorageEdge[];
  readonly bands: Readonly<Record<"concurrentWriters" | "writesPerSecond" | "queryP99Ms", readonly BandEdge[]>>;
  readonly roles: Readonly<Record<Role, RoleTerms>>;
  readonly rateLimits: RateLimits;
  readonly gateway: GatewayTerms;
  readonly humanRoles: Readonly<Record<HumanRole, string>>;
  readonly retentionClasses: Readonly<Record<string, Period>>;
  readonly rules: Readonly<Record<ArticleId, Rule>>;
  readonly unknownRule: Escalation;
  readonly threats: Readonly<Record<string, Threat>>;
}
