// What stored responses refuse.
import { faultsOf } from "../kernel/fault.ts";

/** The codes of stored responses, each with its HTTP status and its public meaning. */
export const responseCodes = {
  "response.not_found": [404, "There is no such response, or it is not kept any more."],
  "response.not_finished": [
    400,
    "The response is still worked on, or has ended without an answer that could be gone on from.",
  ],
  "response.not_stored": [400, "A response in the background has to be kept, and the call wants none kept."],
  "response.not_background": [400, "Only a response that was made in the background can be cancelled."],
  "response.not_streamed": [400, "The response was not made as a stream, or its events are not kept any more."],
  "response.not_compacted": [502, "The model that was asked gave no whole summary of the conversation."],
  "response.too_many": [429, "As many responses as may be are worked on in the background for the caller's product."],
  "response.too_large": [
    413,
    "The response is larger than is kept, and one in the background cannot be given otherwise.",
  ],
  "response.cancelled": [409, "The response was cancelled or forgotten while it was worked on."],
  "response.interrupted": [503, "The server stopped, or lost what it had, while it worked on the response."],
  "response.too_long": [400, "The conversation that a response continues is longer than is looked up."],
} as const;

/** Makes a fault of stored responses. */
export const responseFault = faultsOf(responseCodes);
