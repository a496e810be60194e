// The guards' work takes turns with everything else; see kernel/stretch.ts.
export { atOnce, inTurns, othersTurn, Stretch, stretchChars } from "../kernel/stretch.ts";
export type { Steps } from "../kernel/stretch.ts";
