// What can be wrong with a price list and with a provider's account of what a call used.
import { faultsOf } from "../../kernel/fault.ts";

/** The codes of pricing, each with its HTTP status and its public meaning. */
export const priceCodes = {
  "prices.invalid": [500, "The list of prices cannot be used as it is written."],
  "usage.invalid": [502, "The usage that the provider reported cannot be believed."],
} as const;

/** Makes a fault of pricing. */
export const priceFault = faultsOf(priceCodes);
