// What a provider means by a refusal. Providers differ in the status, the code and the words by which they say the same, and
// clients, keys and other deployments need to know which it is. Codes and statuses count before words, and words only where
// providers have nothing else.
import type { ProviderWords } from "./conversation.ts";

/** What a refusal is about. */
export type Verdict =
  /** The call is longer than the model can read. */
  | "context"
  /** There is no money left, or a quota is used up that no pause refills. */
  | "quota"
  /** Too many calls or tokens for the moment. */
  | "rate"
  /** The key is not known, or may not do this. */
  | "key"
  /** There is no such model. */
  | "missing"
  /** The body is too large. */
  | "size"
  /** The body has the wrong form. */
  | "form"
  /** Something else about the request. */
  | "refused"
  /** The provider has more to do than it can. */
  | "overloaded"
  | "failed";

const contextCodes = /context_?length_?exceeded|exceed_context_size|context_window_exceeded|model_context_window/i;
const contextWords =
  /maximum context length|context (?:window|limit|size)|context[ _]length|prompt is too long|input is too long|input token count|too many (?:input |prompt )?tokens|maximum (?:prompt|input) length|reduce the length of (?:the|your) (?:messages|prompt|input)|maximum number of (?:input )?tokens allowed|prompt (?:contains|has) [\d,]+ tokens|max_new_tokens. must be <=/i;
/** An answer that was asked to be too long is no question that is too long. */
const answerWords = /^\W*max_(?:completion_|output_)?tokens\b/i;

const moneyCodes =
  /insufficient_(?:quota|credits?|balance|funds)|billing|quota_exceeded_account|exceeded_current_quota/i;
const moneyWords =
  /exceeded your current quota|insufficient (?:quota|credits?|balance|funds)|credit balance is too low|(?:out of|no more|not enough|used all(?: available)?) credits|payment required|spending limit/i;
const keyCodes = /^(?:invalid_api_key|api_key_invalid|authentication_error|unauthenticated)$/i;
const keyWords = /^(?:api key (?:not valid|expired|invalid)|(?:incorrect|invalid) api key)/i;
const rateCodes = /rate_limit|too_many_requests|throttl/i;
const missingCodes = /model_not_found|deploymentnotfound|model_not_available|unknown_model/i;
const overloadCodes = /overloaded|unavailable|capacity/i;

/** What a refusal of some status and with some words means. */
export function verdictOf(status: number, words: ProviderWords = {}): Verdict {
  const codes = `${words.code ?? ""} ${words.type ?? ""}`;
  const { message = "" } = words;
  if (status === 401) return "key";
  if (status === 402) return "quota";
  if (status === 403) return moneyCodes.test(codes) || moneyWords.test(message) ? "quota" : "key";
  if (status === 429) {
    // Of Google's limits the name of the quota says whether it is one of a minute.
    if (/perminute/i.test(codes)) return "rate";
    return /perday/i.test(codes) || moneyCodes.test(codes) || moneyWords.test(message) ? "quota" : "rate";
  }
  if (contextCodes.test(codes)) return "context";
  if (status === 503 || status === 529 || status === 498) return "overloaded";
  if (status >= 500) return overloadCodes.test(codes) ? "overloaded" : "failed";
  if (status < 400 || status === 408 || status === 425 || status === 407) return "failed";
  return refusedFor(status, codes, message);
}

function refusedFor(status: number, codes: string, message: string): Verdict {
  if (codes.split(" ").some((code) => keyCodes.test(code)) || keyWords.test(message)) return "key";
  if (moneyCodes.test(codes) || /^your credit balance is too low/i.test(message)) return "quota";
  if (rateCodes.test(codes)) return "rate";
  if (missingCodes.test(codes) || status === 404 || status === 410) return "missing";
  if (contextWords.test(message) && !answerWords.test(message)) return "context";
  if (status === 413) return "size";
  return status === 422 ? "form" : "refused";
}

const statuses: ReadonlyMap<string, number> = new Map([
  ["invalid_request_error", 400],
  ["invalid_argument", 400],
  ["authentication_error", 401],
  ["invalid_api_key", 401],
  ["api_key_invalid", 401],
  ["unauthenticated", 401],
  ["billing_error", 402],
  ["permission_error", 403],
  ["permission_denied", 403],
  ["not_found_error", 404],
  ["not_found", 404],
  ["request_too_large", 413],
  ["rate_limit_error", 429],
  ["rate_limit_exceeded", 429],
  ["insufficient_quota", 429],
  ["resource_exhausted", 429],
  ["overloaded_error", 529],
  ["overloaded", 529],
  ["unavailable", 503],
  ["context_length_exceeded", 400],
]);

/** The status that an error means which came inside an answer of a good one; 502 where its words do not say. */
export function statusOfWords({ code = "", type = "", message = "" }: ProviderWords): number {
  const said = Number(code);
  if (Number.isInteger(said) && said >= 400 && said < 600) return said;
  const named = statuses.get(code.toLowerCase()) ?? statuses.get(type.toLowerCase());
  if (named !== undefined) return named;
  const codes = `${code} ${type}`;
  if (moneyCodes.test(codes)) return 402;
  if (rateCodes.test(codes)) return 429;
  return keyWords.test(message) ? 401 : 502;
}

/** Words of errors that are about everything that the server has asked a provider for. */
const aboutAll =
  /rate.?limit|quota|billing|credits?\b|balance|insufficient|resource.?exhausted|tokens per (?:min|day)|requests per/i;

/** Whether words are about what all callers of a key have used, which is no one caller's business. */
export function isAboutAll({ code = "", type = "", message = "" }: ProviderWords): boolean {
  return aboutAll.test(`${code} ${type} ${message}`);
}
