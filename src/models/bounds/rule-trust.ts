// How far the rules of each deployment are believed: a provider that reports more than a rule allows has shown that the rule
// is wrong, and the next calls are bounded by more. Of this process only, for each product by itself, so that no one's calls
// change what others may do, and of calls with media apart from others.
import { BoundedMap } from "../../kernel/bounded-map.ts";

/** What is believed. */
export interface RuleTrust {
  /** By how much a bound is larger than its rules say. */
  readonly factor: number;
  /** The rules with that factor; no more than the model's window; or nothing. */
  readonly trust: "rules" | "window" | "none";
}

const believed: RuleTrust = { factor: 1, trust: "rules" };

/** A rule that is wrong by no more than this is a little wrong: twice as much as was seen bounds the next call. */
const littleWrong = 4;
/** Most deployments remembered; a catalogue has 512 at most, models of open providers push each other out. */
const maxRemembered = 4096;

/** The trust in rules, by deployment. */
export class RuleTrusts {
  readonly #trusts = new BoundedMap<string, RuleTrust>(maxRemembered);

  of(product: string | null, deployment: string, hasMedia: boolean): RuleTrust {
    return this.#trusts.get(keyOf(product, deployment, hasMedia)) ?? believed;
  }

  /** A call that had a bound was reported to have used `ratio` times as much. */
  exceeded(product: string | null, deployment: string, hasMedia: boolean, ratio: number): void {
    const key = keyOf(product, deployment, hasMedia);
    this.#trusts.set(key, worse(this.#trusts.get(key) ?? believed, ratio));
  }
}

function worse({ factor, trust }: RuleTrust, ratio: number): RuleTrust {
  const next = factor * ratio * 2;
  if (trust === "rules" && next <= 2 * littleWrong) return { factor: next, trust };
  return trust === "rules" ? { factor, trust: "window" } : { factor, trust: "none" };
}

function keyOf(product: string | null, deployment: string, hasMedia: boolean): string {
  return `${product ?? ""}\n${deployment}\n${hasMedia ? "media" : "text"}`;
}
