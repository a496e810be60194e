// The guards as a domain.
import type { Module } from "../kernel/module.ts";
import { guardCodes } from "./errors.ts";

/** The guards. */
export const guardsModule = { name: "guards", codes: guardCodes } as const satisfies Module;
