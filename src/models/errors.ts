// Codes of what a provider's API cannot take, and of what providers answer wrongly.
import { faultsOf } from "../kernel/fault.ts";

/** The codes of model APIs and providers, each with its public meaning. */
export const modelCodes = {
  "dialect.invalid": "The request does not follow the API that it was sent to.",
  "dialect.unsupported": "The request uses something that the chosen model's provider cannot express.",
  "upstream.garbled": "The provider answered with something that is no reply.",
  "upstream.refused": "The provider refused the request.",
  "upstream.failed": "The provider failed, or the connection to it did.",
  "upstream.timeout": "The provider did not answer in the time allowed.",
} as const;

/** Makes a fault of a model API or a provider. */
export const modelFault = faultsOf(modelCodes);
