// Every code of every domain, in one table.
import { constitutionCodes } from "../constitution/index.ts";
import { dbCodes } from "../db/index.ts";
import { contentCodes, depositoryCodes } from "../depository/index.ts";
import { gatewayCodes, parameterCodes } from "../gateway/index.ts";
import { guardCodes } from "../guards/index.ts";
import { catalogueCodes, priceCodes, modelCodes } from "../models/index.ts";
import { cacheCodes } from "../answer-cache/index.ts";
import { budgetCodes } from "../budgets/index.ts";
import { governanceCodes } from "../governance/index.ts";
import { identityCodes, oauthCodes, userCodes } from "../identity/index.ts";
import { outputCodes } from "../structured-output/index.ts";
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
  ...modelCodes,
  ...parameterCodes,
  ...catalogueCodes,
  ...budgetCodes,
  ...cacheCodes,
  ...guardCodes,
  ...outputCodes,
  ...priceCodes,
  ...ledgerCodes,
  ...dbCodes,
} as const;
/** A code that an answer can carry. */
export type ErrorCode = keyof typeof errorCodes;
