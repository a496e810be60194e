// Codes of what a provider's API cannot take, and of what providers answer wrongly.
import { faultsOf } from "../kernel/fault.ts";

/** The codes of model APIs and providers, each with its HTTP status and its public meaning. */
export const modelCodes = {
  "dialect.invalid": [400, "The request does not follow the API that it was sent to."],
  "dialect.unsupported": [400, "The request uses something that the chosen model's provider cannot express."],
  "upstream.garbled": [502, "The provider answered with something that is not a reply."],
  "upstream.refused": [400, "The provider refused the request."],
  "upstream.context_exceeded": [400, "The call is longer than the model can read, as its provider says."],
  "upstream.not_found": [404, "The provider does not know the model."],
  "upstream.too_large": [413, "The request is larger than the provider accepts."],
  "upstream.unprocessable": [422, "The provider cannot make anything of the request."],
  "upstream.quota_exceeded": [
    429,
    "The server's account at the provider has no money or quota left; waiting does not help.",
  ],
  "upstream.key_refused": [502, "The provider refuses the server's key; its operator must mend that."],
  "upstream.overloaded": [503, "The provider has more to do than it can; try again."],
  "upstream.failed": [502, "The provider failed, or the connection to it did."],
  "upstream.timeout": [504, "The provider did not answer in the time allowed."],
} as const;

/** Makes a fault of a model API or a provider. */
export const modelFault = faultsOf(modelCodes);
