// What stored responses refuse.
import { faultsOf } from "../kernel/fault.ts";

/** The codes of stored responses, each with its HTTP status and its public meaning. */
export const responseCodes = {
  "response.not_found": [404, "There is no such response, or it is not kept any more."],
  "response.too_long": [400, "The conversation that a response continues is longer than is looked up."],
} as const;

/** Makes a fault of stored responses. */
export const responseFault = faultsOf(responseCodes);
