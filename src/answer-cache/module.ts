// The cache of answers as a domain.
import type { Module } from "../kernel/module.ts";
import { cacheCodes } from "./errors.ts";

/** The cache of answers. */
export const answerCacheModule = { name: "answer-cache", codes: cacheCodes } as const satisfies Module;
