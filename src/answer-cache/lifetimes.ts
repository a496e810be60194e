// How long cached data lives by its type: the numbers of ACGS-2, which the default constitution carries as data.

/** Seconds that each type of cached data lives, after the table of ACGS-2; the last two are the answers of models. */
export const lifetimeSeconds = {
  constitutional_hash: 86_400,
  governance_rules: 7200,
  jwt: 3600,
  policy: 1800,
  validation: 1800,
  compliance: 1800,
  audit: 600,
  metrics: 300,
  completion: 3600,
  embedding: 3600,
} as const;

/** Seconds that a type lives which the table does not name; after the same source. */
export const defaultLifetimeSeconds = 3600;

/** Longest life of any answer, milliseconds: the longest in the table. A longer one that is asked for is cut to it. */
export const maxLifetimeMs = 86_400_000;

/** Longest stay in the memory of a process, milliseconds; after the same source. The shared tier keeps it for the rest. */
export const maxNearMs = 300_000;

/** The life of a type, milliseconds; that of a type which the table does not name is the default one. */
export function lifetimeMsOf(type: string): number {
  const named: Readonly<Record<string, number>> = lifetimeSeconds;
  return (Object.hasOwn(named, type) ? (named[type] ?? defaultLifetimeSeconds) : defaultLifetimeSeconds) * 1000;
}
