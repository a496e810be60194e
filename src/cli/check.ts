// One line of `charter doctor`: what was looked at, whether it is well, and what to do when it is not.

/** How a check ended. */
export type CheckState = "ok" | "warn" | "fail";

/** The result of one check. */
export interface Check {
  readonly name: string;
  readonly state: CheckState;
  /** What was found. */
  readonly found: string;
  /** What to do; absent when all is well. */
  readonly remedy?: string;
}

/** A check that found nothing wrong. */
export function ok(name: string, found: string): Check {
  return { name, state: "ok", found };
}

/** A check that found something an operator should look at. */
export function warn(name: string, found: string, remedy: string): Check {
  return { name, state: "warn", found, remedy };
}

/** A check that found something that keeps Charter from working. */
export function fail(name: string, found: string, remedy: string): Check {
  return { name, state: "fail", found, remedy };
}
