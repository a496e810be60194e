// The entry point of the constitution: load it, ask it, and check numbers against it.
export { articleIds, dataClasses, parameterEffects, timelineSeconds } from "./data.ts";
export type {
  Allowance,
  ArticleId,
  Band,
  BandEdge,
  ConstitutionData,
  ConstitutionLimits,
  DataClass,
  Escalation,
  GatewayTerms,
  GuardAction,
  HumanRole,
  ModelTerms,
  ParameterEffect,
  ParameterTerms,
  Period,
  ProductTerms,
  Rule,
  ScoreTerms,
  Severity,
  StorageEdge,
  Threat,
  Tier,
  Timeline,
} from "./data.ts";
export { actions, resourceKinds } from "./decision.ts";
export type { Action, Decision, DecisionRequest, ResourceKind } from "./decision.ts";
export { constitutionFrom } from "./constitution.ts";
export type { Constitution, ConstitutionDescription, PolicySummary } from "./constitution.ts";
export { defaultConstitutionDir, loadConstitution, readConstitution, validateConstitution } from "./disk.ts";
export { constitutionCodes } from "./errors.ts";
export type { Determinant, Explanation } from "./explanation.ts";
export {
  allowsType,
  checkArtifactSize,
  escalationPath,
  queryBand,
  quotaState,
  storageStatus,
  throughputBand,
  writersBand,
} from "./limits.ts";
export type { QuotaState, SizeCheck, StorageStatus } from "./limits.ts";
export { problemText } from "../kernel/problem.ts";
export type { Problem } from "../kernel/problem.ts";
export { ordinaryContext, parseDecisionRequest } from "./request.ts";
export { retainUntil } from "./retention.ts";
export type { ConstitutionTexts } from "./texts.ts";
