// The list of commands, in the order of their help.
import type { Command } from "./command.ts";
import { usage } from "./commands/usage.ts";
import { budgetClear, budgetSet, budgetShow } from "./commands/budget.ts";
import { certsDev } from "./commands/certs.ts";
import { chat } from "./commands/chat.ts";
import { clientsCreate, clientsList, clientsRevoke } from "./commands/clients.ts";
import { config } from "./commands/config.ts";
import {
  constitutionExplain,
  constitutionHash,
  constitutionShow,
  constitutionValidate,
} from "./commands/constitution.ts";
import { doctor } from "./commands/doctor.ts";
import { get } from "./commands/get.ts";
import { haltsClear, haltsList } from "./commands/halts.ts";
import { keysRotate } from "./commands/keys-rotate.ts";
import { keysCreate, keysList, keysRevoke } from "./commands/keys.ts";
import { ledgerExport } from "./commands/ledger-export.ts";
import { ledgerCheckpoint, ledgerEntries, ledgerProof } from "./commands/ledger-read.ts";
import { ledgerRepair } from "./commands/ledger-repair.ts";
import { ledgerVerify } from "./commands/ledger-verify.ts";
import { lineage } from "./commands/lineage.ts";
import { login } from "./commands/login.ts";
import { ls } from "./commands/ls.ts";
import { breakers, models, modelsCheck } from "./commands/models.ts";
import { price } from "./commands/price.ts";
import { proof } from "./commands/proof.ts";
import { put } from "./commands/put.ts";
import { routeScore } from "./commands/route-score.ts";
import { routeExplain } from "./commands/route.ts";
import { scrub } from "./commands/scrub.ts";
import { serve } from "./commands/serve.ts";
import { usersImport } from "./commands/users-import.ts";
import {
  usersCreate,
  usersDisable,
  usersEnable,
  usersList,
  usersResetPassword,
  usersSetRole,
  usersShow,
} from "./commands/users.ts";

/** Every command of the program. */
export const commands: readonly Command[] = [
  serve,
  config,
  doctor,
  certsDev,
  put,
  get,
  ls,
  proof,
  lineage,
  scrub,
  keysCreate,
  keysList,
  keysRevoke,
  keysRotate,
  clientsCreate,
  clientsList,
  clientsRevoke,
  login,
  usersCreate,
  usersList,
  usersShow,
  usersSetRole,
  usersDisable,
  usersEnable,
  usersResetPassword,
  usersImport,
  haltsList,
  haltsClear,
  models,
  modelsCheck,
  chat,
  routeExplain,
  routeScore,
  price,
  breakers,
  budgetShow,
  budgetSet,
  budgetClear,
  usage,
  ledgerVerify,
  ledgerCheckpoint,
  ledgerEntries,
  ledgerProof,
  ledgerExport,
  ledgerRepair,
  constitutionShow,
  constitutionHash,
  constitutionValidate,
  constitutionExplain,
];
