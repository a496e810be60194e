// The list of commands, in the order of their help.
import type { Command } from "./command.ts";
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
import { keysCreate, keysList, keysRevoke } from "./commands/keys.ts";
import { ledgerExport } from "./commands/ledger-export.ts";
import { ledgerCheckpoint, ledgerEntries, ledgerProof } from "./commands/ledger-read.ts";
import { ledgerRepair } from "./commands/ledger-repair.ts";
import { ledgerVerify } from "./commands/ledger-verify.ts";
import { lineage } from "./commands/lineage.ts";
import { ls } from "./commands/ls.ts";
import { proof } from "./commands/proof.ts";
import { put } from "./commands/put.ts";
import { scrub } from "./commands/scrub.ts";
import { serve } from "./commands/serve.ts";

/** Every command of the program. */
export const commands: readonly Command[] = [
  serve,
  config,
  doctor,
  put,
  get,
  ls,
  proof,
  lineage,
  scrub,
  keysCreate,
  keysList,
  keysRevoke,
  haltsList,
  haltsClear,
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
