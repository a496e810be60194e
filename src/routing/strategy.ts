// How the router turns the level of a call into a tier.

/** Names of the strategies. The first four are the predecessor's; `cascade` asks a cheap model first. */
export const strategies = [
  "balanced",
  "cost_optimized",
  "performance_optimized",
  "constitutional_first",
  "cascade",
] as const;
/** A strategy. */
export type Strategy = (typeof strategies)[number];

/** The lowest and the highest tier. */
const [lowest, highest] = [1, 5];

/** The level from which `constitutional_first` takes the strongest models: medium. */
const constitutionalFrom = 3;

/** The tier in which a call of a level is answered first. */
export function tierFor(strategy: Strategy, level: number): number {
  switch (strategy) {
    case "balanced":
      return level;
    case "cost_optimized":
      return Math.max(lowest, level - 1);
    case "performance_optimized":
      return Math.min(highest, level + 1);
    case "constitutional_first":
      return level >= constitutionalFrom ? highest : level;
    // The cascade begins where nothing is lost by trying: two tiers below.
    default:
      return Math.max(lowest, level - 2);
  }
}
