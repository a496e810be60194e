// The guards, in one list for all who let them look.
import type { Guard } from "./guard.ts";
import { injectionGuard } from "./injection.ts";
import { piiGuard } from "./pii.ts";
import { secretsGuard } from "./secrets.ts";

/** Every guard, in the order in which they look: what one redacts the next does not see. */
export const guards: readonly Guard[] = [secretsGuard, piiGuard, injectionGuard];
