// Limits by which room is reserved must be numbers. A server that takes text for a number, or a negative number for no limit,
// would write more than was reserved for.
import { modelFault } from "../errors.ts";
import { limitNames } from "../call-facts.ts";
import { thoughtLimitsIn } from "../thought.ts";
import type { ModelCall } from "../conversation.ts";

/** @throws `dialect.invalid` for a limit of the output, or of thought, that is not a number of at least zero. */
export function assertLimits({ raw, dialect }: ModelCall): void {
  for (const name of limitNames) {
    const value = raw[name];
    if (value === undefined || value === null || (typeof value === "number" && value >= 0)) continue;
    if (value === -1 && dialect === "openai-chat" && unlimited.has(name)) continue;
    throw noCount(`/${name}`);
  }
  for (const { at, isCount } of thoughtLimitsIn(raw)) if (!isCount) throw noCount(at);
}

/** Limits of which -1 is none for some servers: Charter sets its own in their place, so no server sees it. */
const unlimited: ReadonlySet<string> = new Set(["max_tokens", "max_completion_tokens"]);

function noCount(at: string): Error {
  const short = at.length > 128 ? `${at.slice(0, 128)}…` : at;
  return modelFault("dialect.invalid", `${short.toWellFormed()} is a limit, and no number of at least 0`, {
    at: short.toWellFormed(),
    remedy: "send a number, or leave the limit out",
  });
}
