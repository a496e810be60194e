// Codes of the gateway's own refusals and failures; those of its parts are with the parts.
import { faultsOf } from "../kernel/fault.ts";

/** The gateway's codes, each with its HTTP status and its public meaning. */
export const gatewayCodes = {
  "model.not_found": [404, "No configured deployment serves this model, or none that the caller may use."],
  "model.not_allowed": [
    403,
    "The product's terms or the key do not allow this model, or the terms not this tier or data class.",
  ],
  "model.rate_exceeded": [429, "The product's terms or the key allow no more calls or tokens within this minute."],
  "model.busy": [429, "Every deployment that could answer limits this server; try again after `Retry-After` seconds."],
  "model.unavailable": [503, "Every deployment that could answer is failing, busy or not configured."],
  "provider.not_found": [404, "No provider of models has this name."],
  "breaker.not_found": [404, "No deployment of this name has a breaker."],
  "call.aborted": [408, "The caller left before the answer was complete; read in the ledger and nowhere else."],
  "reply.invalid": [502, "No model gave a reply of the form that was asked for, and the caller wants no other."],
} as const;

/** Makes a gateway fault. */
export const gatewayFault = faultsOf(gatewayCodes);
