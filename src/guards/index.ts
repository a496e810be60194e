// The entry point of the guards.
export type { Guard, GuardAction, GuardFinding, GuardName, GuardPolicy, GuardSeverity, Match } from "./guard.ts";
export { guardCall, guardReply } from "./inspection.ts";
export type { GuardedCall, GuardedReply, RawReply } from "./inspection.ts";
export { redactSecrets } from "./secrets.ts";
export { refusedNames } from "./called-names.ts";
export { frameGuard } from "./frame-guard.ts";
export type { FrameGuard } from "./frame-guard.ts";
export { endOfWords, GuardedWords, isLong } from "./guarded-words.ts";
export { HeldBlocks, laneOf } from "./held-blocks.ts";
export type { Block } from "./held-blocks.ts";
export { injectionSignals, injectionThreshold } from "./injection.ts";
export type { InjectionSignals, Signal } from "./injection.ts";
