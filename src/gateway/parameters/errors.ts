// The code of a parameter that the terms refuse.
import { faultsOf } from "../../kernel/fault.ts";

/** The codes of the parameters, each with its HTTP status and its public meaning. */
export const parameterCodes = {
  "parameter.refused": [
    400,
    "The product's terms refuse a parameter of the request, or what it changes for data of this class.",
  ],
} as const;

/** Makes a fault of a parameter. */
export const parameterFault = faultsOf(parameterCodes);
