// How far the rules of each deployment are believed: a provider that reports more than a rule allows has shown that the rule
// is wrong, and the next calls are not bounded by it. Of this process only, and of calls with media apart from others.
import type { Standing } from "./bound.ts";

/** Most deployments remembered; a catalogue has 512 at most, models of open providers push each other out. */
const maxRemembered = 4096;

/** Standings by deployment. */
export class Standings {
  readonly #known = new Map<string, Standing>();

  of(deployment: string, hasMedia: boolean): Standing {
    return this.#known.get(keyOf(deployment, hasMedia)) ?? "believed";
  }

  /** A call with a bound was reported to have used more. */
  exceeded(deployment: string, hasMedia: boolean): void {
    const key = keyOf(deployment, hasMedia);
    const next = this.#known.has(key) ? "disbelieved" : "windowOnly";
    this.#known.delete(key);
    if (this.#known.size >= maxRemembered)
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        break;
      }
    this.#known.set(key, next);
  }
}

function keyOf(deployment: string, hasMedia: boolean): string {
  return `${deployment}\n${hasMedia ? "media" : "text"}`;
}
