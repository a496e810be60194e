// The database as a domain: the codes of what goes wrong with it.
import type { Module } from "../kernel/module.ts";
import { dbCodes } from "./errors.ts";

/** The database. */
export const dbModule = { name: "db", codes: dbCodes } as const satisfies Module;
