// The entry point of the guards.
export type { Guard, GuardAction, GuardFinding, GuardName, GuardPolicy, GuardSeverity, Match } from "./guard.ts";
export { guardCall, guardReply } from "./inspection.ts";
export type { GuardedCall, GuardedReply, RawReply } from "./inspection.ts";
export { redactSecrets } from "./secrets.ts";
export { refusedNames } from "./called-names.ts";
export { frameGuard } from "./frame-guard.ts";
export type { FrameGuard } from "./frame-guard.ts";
export { streamGuard } from "./stream-guard.ts";
export { yieldToEventLoop, TimeSlice, sliceChars } from "./stretch.ts";
export type { GuardedChunk, StreamGuard } from "./stream-guard.ts";
export { injectionSignals, injectionThreshold } from "./injection.ts";
export type { InjectionSignals, Signal } from "./injection.ts";
