// The entry point of models.
export { RuleTrusts, boundOf, likelyTokensOf, mostTokensOfBytes, mostTokensOfText } from "./bounds/index.ts";
export type { TokenBound } from "./bounds/index.ts";
export {
  TokenEstimator,
  answerTokensOf,
  answersOf,
  hasPart,
  lastWords,
  outputTokensOf,
  textOf,
  tokensOfReply,
} from "./call-facts.ts";
export { inputTokensInTurns, replyTokensInTurns } from "./call-tokens.ts";
export {
  Lookup,
  defaultCatalogueText,
  dialectAfter,
  dialectFor,
  readCatalogue,
  simulatedDeployments,
} from "./catalogue/index.ts";
export type { Deployment, Provider, SecretSource, TokenPrice, Wanted } from "./catalogue/index.ts";
export { chatDialect, responsesDialect } from "./conversation.ts";
export type {
  Choice,
  DialectName,
  Finish,
  FrontDialect,
  ModelCall,
  Part,
  Reply,
  ReplyForm,
  ReplyStamp,
  StreamEvent,
  StreamReader,
  StreamWriter,
  Target,
  Turn,
  ClientError,
  ProviderWords,
  UpstreamDialect,
  WireRequest,
} from "./conversation.ts";
export {
  beginsAsEvents,
  openedAnswer,
  SseDecoder,
  frontDialects,
  keyHeaderOf,
  upstreamDialectOf,
  sseFrame,
  upstreamDialects,
} from "./dialects.ts";
export type { SseBlock } from "./dialects.ts";
export { modelFault } from "./errors.ts";
export { costReported, knowsServices, openPrices, serviceReported } from "./prices/index.ts";
export type { Prices, Service } from "./prices/index.ts";
export { providerName } from "./provider-names.ts";
export { DeniedKeys, KeyRotation, ProviderKeys, refusedRestMs } from "./provider-keys.ts";
export type { HeldKey, KeyRotationOptions, KeyStatus, RestReason } from "./provider-keys.ts";
export { restMs, saidRestMs } from "./retry-after.ts";
export { keyHeaders, messagesVersionHeader } from "./client-headers.ts";
export { keyProofOf } from "./key-proof.ts";
export { listRequestOf, readModelList, servesByName } from "./model-list.ts";
export type { ListRequest, OfferedModel } from "./model-list.ts";
export { isSameModel } from "./same-model.ts";
export { tierOf } from "./service-tier.ts";
export { noUsage } from "./usage.ts";
export type { Cost, Usage } from "./usage.ts";
export { ReportedFault } from "./wire/faults.ts";
export { isAboutAll, statusOfWords, verdictOf } from "./verdict.ts";
export type { Verdict } from "./verdict.ts";
export { looksSealed } from "./wire/places.ts";
export type { Place } from "./wire/places.ts";
export { counterOf } from "./token-count.ts";
export { betaHeader, betaOf, betasOf } from "./parameters/betas.ts";
export { valueAt } from "./parameters/json.ts";
export { effectsOfModelName } from "./parameters/model-names.ts";
export { pointerStep } from "./parameters/names.ts";
export { tellsService } from "./openai-chat/request.ts";
export { readAsked } from "./parameters/reading.ts";
export { assertSent } from "./parameters/sent.ts";
export type { Use } from "./parameters/use.ts";
