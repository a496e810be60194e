// Every code of every domain, in one table.
import { constitutionCodes } from "../constitution/index.ts";
import { dbCodes } from "../db/index.ts";
import { contentCodes, depositoryCodes } from "../depository/index.ts";
import { budgetCodes, cacheCodes, catalogueCodes, gatewayCodes, guardCodes, priceCodes } from "../gateway/index.ts";
import { governanceCodes } from "../governance/index.ts";
import { identityCodes, oauthCodes, userCodes } from "../identity/index.ts";
import { ledgerCodes } from "../ledger/index.ts";
import { httpCodes } from "./errors.ts";

/** Every code that an answer can carry, with its public meaning. */
export const errorCodes = {
  ...httpCodes,
  ...identityCodes,
  ...userCodes,
  ...oauthCodes,
  ...constitutionCodes,
  ...governanceCodes,
  ...depositoryCodes,
  ...contentCodes,
  ...gatewayCodes,
  ...catalogueCodes,
  ...budgetCodes,
  ...cacheCodes,
  ...guardCodes,
  ...priceCodes,
  ...ledgerCodes,
  ...dbCodes,
} as const;
/** A code that an answer can carry. */
export type ErrorCode = keyof typeof errorCodes;
