// In which of OpenAI's two APIs a server of this kind is asked: chat completions, or responses. The catalogue says it, or leaves it
// open (`auto`): then OpenAI's own newer models are asked in the API of the caller, or in responses, which can say more, and every
// other server in chat completions; and a server that says that it must be asked in the other one is.
import { familyOf } from "./model-families.ts";
import { dialectOf } from "./catalogue.ts";
import type { Deployment } from "./catalogue.ts";
import type { DialectName, ModelCall } from "../conversation.ts";

/** Servers whose models take responses: OpenAI's own. */
const ownProvider = "openai";
const ownHost = /^https?:\/\/(?:[a-z]{2}\.)?api\.openai\.com(?:[:/]|$)/;

/** The API in which a deployment is asked for a call, as long as it has not said otherwise. */
export function dialectFor(deployment: Deployment, { dialect }: Pick<ModelCall, "dialect">): DialectName {
  const { provider, serves, model } = deployment;
  const usual = dialectOf(deployment);
  if (provider.kind !== "openai-compatible" || serves !== "chat") return usual;
  const api = apiOf(deployment);
  if (api !== "auto") return api === "responses" ? "openai-responses" : usual;
  if (provider.priceProvider !== ownProvider && !ownHost.test(provider.baseUrl)) return usual;
  const family = familyOf(model);
  if (family.api === "responses only") return "openai-responses";
  // A caller's own API says everything, and bytes go through.
  if (dialect === "openai-responses") return "openai-responses";
  return dialect !== "openai-chat" && family.api === "responses" ? "openai-responses" : usual;
}

/** What a server says of a refused request. */
interface Refusal {
  readonly status: number;
  readonly message: string;
}

/** The other API, where a refusal says that the request must be made there. */
export function dialectAfter(deployment: Deployment, asked: DialectName, refusal: Refusal): DialectName | undefined {
  if (deployment.provider.kind !== "openai-compatible" || apiOf(deployment) !== "auto") return undefined;
  const { status, message } = refusal;
  if (asked === "openai-chat")
    return isRefused(status) && namesResponses.test(message) ? "openai-responses" : undefined;
  if (asked !== "openai-responses") return undefined;
  // A server without this path does not speak of a model.
  const isUnknown = (status === 404 || status === 405 || status === 501) && !/\bmodels?\b/i.test(message);
  return isUnknown || (isRefused(status) && namesChat.test(message)) ? "openai-chat" : undefined;
}

const namesResponses = /\bv1\/responses\b|\bresponses (?:api|endpoint)\b/i;
const namesChat = /\bv1\/chat\/completions\b|\bchat completions (?:api|endpoint)\b/i;

function isRefused(status: number): boolean {
  return status === 400 || status === 404 || status === 422;
}

function apiOf({ api, provider }: Deployment): NonNullable<Deployment["api"]> {
  return api ?? provider.api ?? "auto";
}
