// The door to the constitution: load it, ask it, and check numbers against it.
export { articleIds, timelineSeconds } from "./data.ts";
export type {
  ArticleId,
  Band,
  BandEdge,
  ConstitutionData,
  ConstitutionLimits,
  Escalation,
  HumanRole,
  Period,
  ProductTerms,
  Rule,
  Severity,
  StorageEdge,
  Threat,
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
export { problemText } from "./problem.ts";
export type { Problem } from "./problem.ts";
export { ordinaryContext, parseDecisionRequest } from "./request.ts";
export { retainUntil } from "./retention.ts";
export type { ConstitutionTexts } from "./texts.ts";
