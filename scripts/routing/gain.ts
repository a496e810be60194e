// How well a ranking of prompts spends strong calls. The strong model answers the prompts with the highest scores, the
// weak one the rest; PGR is the share of the gap between weak and strong accuracy that this recovers, APGR its mean over
// all shares of strong calls, CPT(x) the smallest share of strong calls that recovers x of the gap (RouteLLM, arXiv
// 2406.18665). Prompts with equal scores are taken in random order, in expectation.

/** How two models did on a prompt. */
export interface Pair {
  readonly weak: number;
  readonly strong: number;
}

/** How well a ranking does. */
export interface Ranking {
  readonly apgr: number;
  /** Share of strong calls that recovers half of the gap. */
  readonly cpt50: number;
  /** Share of strong calls that recovers 80 % of the gap. */
  readonly cpt80: number;
}

/** Judges a ranking; NaN where strong is no better than weak on the whole. */
export function rankingOf(pairs: readonly Pair[], scores: ArrayLike<number>): Ranking {
  const order = pairs.map((_, i) => i).sort((left, right) => (scores[right] ?? 0) - (scores[left] ?? 0));
  const gap = pairs.reduce((sum, { weak, strong }) => sum + strong - weak, 0);
  if (!(gap > 0)) return { apgr: Number.NaN, cpt50: Number.NaN, cpt80: Number.NaN };
  let [won, area, cpt50, cpt80] = [0, 0, 1, 1];
  for (let from = 0; from < order.length;) {
    let to = from;
    let tied = 0;
    for (; to < order.length && scores[order[to] ?? 0] === scores[order[from] ?? 0]; to++) {
      const pair = pairs[order[to] ?? 0];
      if (pair !== undefined) tied += pair.strong - pair.weak;
    }
    for (let i = 1; i <= to - from; i++) {
      const recovered = (won + (tied * i) / (to - from)) / gap;
      area += recovered;
      const share = (from + i) / order.length;
      if (recovered >= 0.5) cpt50 = Math.min(cpt50, share);
      if (recovered >= 0.8) cpt80 = Math.min(cpt80, share);
    }
    won += tied;
    from = to;
  }
  return { apgr: area / order.length, cpt50, cpt80 };
}

/** A figure with the bounds between which 95 % of bootstrap samples lie. */
export type Interval = readonly [value: number, low: number, high: number];

/** A ranking judged, with percentile bootstrap intervals over prompts. */
export function rankingIntervals(
  pairs: readonly Pair[],
  scores: ArrayLike<number>,
  samples: number,
  random: () => number,
): Readonly<Record<keyof Ranking, Interval>> {
  const whole = rankingOf(pairs, scores);
  const drawn = Array.from({ length: samples }, () => {
    const places = pairs.map(() => Math.floor(random() * pairs.length));
    const sample = places.flatMap((place) => pairs[place] ?? []);
    return rankingOf(
      sample,
      Float64Array.from(places, (place) => scores[place] ?? 0),
    );
  });
  const interval = (key: keyof Ranking): Interval => {
    const sorted = drawn
      .map((each) => each[key])
      .filter((value) => !Number.isNaN(value))
      .toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
    return [whole[key], at(0.025), at(0.975)];
  };
  return { apgr: interval("apgr"), cpt50: interval("cpt50"), cpt80: interval("cpt80") };
}

/** A reproducible source of numbers in 0..1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
