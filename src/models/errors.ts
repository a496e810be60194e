// Codes of what a provider's API cannot take, and of what providers answer wrongly.
import { faultsOf } from "../kernel/fault.ts";

/** The codes of model APIs and providers, each with its HTTP status and its public meaning. */
export const modelCodes = {
  "dialect.invalid": [400, "The request does not follow the API that it was sent to."],
  "dialect.unsupported": [400, "The request uses something that the chosen model's provider cannot express."],
  "upstream.garbled": [502, "The provider answered with something that is not a reply."],
  "upstream.refused": [400, "The provider refused the request."],
  "upstream.failed": [502, "The provider failed, or the connection to it did."],
  "upstream.timeout": [504, "The provider did not answer in the time allowed."],
} as const;

/** Makes a fault of a model API or a provider. */
export const modelFault = faultsOf(modelCodes);
