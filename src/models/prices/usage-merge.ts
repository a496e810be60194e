// The accounts of one streamed call, which a provider may spread over several frames, as one account.

type Account = Readonly<Record<string, unknown>>;

/** Deepest nesting that is merged; what lies deeper is replaced. No provider nests counts deeper than three. */
const mergedDepth = 8;

/**
 * What two frames say together: numbers are running totals, so whatever the later frame says and is not null holds; what it
 * leaves out stays as the earlier one had it. Neither argument is changed.
 */
export function mergeUsage(earlier: Account | null, later: Account | null): Record<string, unknown> {
  return merged(earlier ?? {}, later ?? {}, mergedDepth);
}

function merged(earlier: Account, later: Account, depth: number): Record<string, unknown> {
  const sum = new Map(Object.entries(earlier));
  for (const [name, value] of Object.entries(later)) {
    if (value === null || value === undefined) {
      if (!sum.has(name)) sum.set(name, value);
      continue;
    }
    const before = sum.get(name);
    sum.set(name, depth > 0 && isAccount(before) && isAccount(value) ? merged(before, value, depth - 1) : value);
  }
  return Object.fromEntries(sum);
}

function isAccount(value: unknown): value is Account {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
