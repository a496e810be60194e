// What all products together have met at the deployments, for those who see all of it.
import type { Health } from "./health.ts";
import type { BreakerState, BreakerStats } from "../outbound/index.ts";

/** One deployment's breakers as one: the worst state, the longest rows, the sums; and each by itself. */
export interface BreakerOverview extends BreakerStats {
  /** By product; `none` for callers of no product. */
  readonly by_product: Readonly<Record<string, BreakerStats>>;
}

const severity: Readonly<Record<BreakerState, number>> = { closed: 0, half_open: 1, open: 2 };

/** Puts the breakers of all holders together, by deployment. */
export function overviewOf(
  shares: readonly (readonly [holder: string, Readonly<Record<string, BreakerStats>>])[],
): Readonly<Record<string, BreakerOverview>> {
  const byName = new Map<string, [string, BreakerStats][]>();
  for (const [holder, breakers] of shares) {
    for (const [name, stats] of Object.entries(breakers)) {
      const all = byName.get(name) ?? [];
      all.push([holder.replace("product:", ""), stats]);
      byName.set(name, all);
    }
  }
  return Object.fromEntries([...byName].map(([name, all]) => [name, together(all)]));
}

function together(all: readonly (readonly [string, BreakerStats])[]): BreakerOverview {
  const each = all.map(([, stats]) => stats);
  const sum = (of: (stats: BreakerStats) => number): number => each.reduce((total, stats) => total + of(stats), 0);
  const most = (of: (stats: BreakerStats) => number): number => Math.max(...each.map(of));
  const times = (of: (stats: BreakerStats) => string | null): string[] =>
    each.flatMap((stats) => of(stats) ?? []).sort();
  const [worst = "closed"] = each.map(({ state }) => state).sort((a, b) => severity[b] - severity[a]);
  return {
    state: worst,
    failure_count: most((stats) => stats.failure_count),
    success_count: most((stats) => stats.success_count),
    last_failure_time: times((stats) => stats.last_failure_time).at(-1) ?? null,
    opened_at: times((stats) => stats.opened_at)[0] ?? null,
    total_calls: sum((stats) => stats.total_calls),
    total_failures: sum((stats) => stats.total_failures),
    total_successes: sum((stats) => stats.total_successes),
    by_product: Object.fromEntries(all),
  };
}

/** The worst of what several have met; a deployment that no one has called does well. */
export function worstOf(healths: readonly Health[]): Health {
  const rank: Readonly<Record<Health["state"], number>> = { configured: 0, degraded: 1, open: 2, unconfigured: 3 };
  const [worst] = healths.toSorted((a, b) => rank[b.state] - rank[a.state] || a.success - b.success);
  return worst ?? { state: "configured", success: 1, load: 0, latencyMs: null };
}
