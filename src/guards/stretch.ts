// The guards' work takes turns with everything else; see kernel/stretch.ts.
export { atOnce, inTurns, yieldToEventLoop, TimeSlice, sliceChars } from "../kernel/time-slice.ts";
export type { Steps } from "../kernel/time-slice.ts";
