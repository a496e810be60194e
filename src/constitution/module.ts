// The constitution as a domain.
import type { Config } from "../config/index.ts";
import type { Module } from "../kernel/module.ts";
import type { Constitution } from "./constitution.ts";
import { loadConstitution } from "./disk.ts";
import { constitutionCodes } from "./errors.ts";

interface Needs {
  readonly config: Pick<Config, "constitution">;
}

/** The constitution in force. */
export const constitutionModule = {
  name: "constitution",
  codes: constitutionCodes,
  open: ({ config }: Needs): { readonly constitution: Constitution } => ({
    constitution: loadConstitution(config.constitution.dir),
  }),
} as const satisfies Module<Needs>;
