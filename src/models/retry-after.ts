// How long a provider asks to be left alone, read from the headers of its refusal. Every provider says it in its own way;
// what cannot be read counts as not said.

type Headers = Readonly<Record<string, string | undefined>>;

/** Shortest and longest rest that is believed, and the rest when nothing is said; milliseconds. */
const leastRestMs = 1000;
const mostRestMs = 300_000;
const defaultRestMs = 10_000;

/** Instants in seconds and in milliseconds since the epoch are told apart from lengths of time by their size. */
const leastEpochS = 1_000_000_000;
const leastEpochMs = 1_000_000_000_000;

const decimal = /^\d+(?:\.\d+)?$/;
/** A length of time as Go prints it: `6m0s`, `1h2m3.5s`, `20ms`. */
const goDuration = /^(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/;
const resetName = /^(?:x-ratelimit-reset(?:-(.+))?|anthropic-ratelimit-(.+)-reset)$/;

/** How long to leave a provider or a key of it alone, milliseconds; always between 1 s and 300 s, 10 s when it did not say. */
export function restMs(headers: Headers, nowMs: number): number {
  const askedMs = saidRestMs(headers, nowMs) ?? defaultRestMs;
  return Math.min(mostRestMs, Math.max(leastRestMs, Math.ceil(askedMs)));
}

/**
 * What the provider said: `retry-after-ms` (OpenAI), `Retry-After` (RFC 9110, 10.2.3), or when an exhausted limit is
 * refilled (`x-ratelimit-reset*`, `anthropic-ratelimit-*-reset`). Undefined when it said nothing.
 */
export function saidRestMs(headers: Headers, nowMs: number): number | undefined {
  const ms = headers["retry-after-ms"];
  if (ms !== undefined && decimal.test(ms)) return Number(ms);
  const after = headers["retry-after"];
  return (after === undefined ? undefined : retryAfterMs(after, nowMs)) ?? resetMs(headers, nowMs);
}

function retryAfterMs(text: string, nowMs: number): number | undefined {
  if (decimal.test(text)) return Number(text) * 1000;
  const atMs = text.endsWith("GMT") ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/** The longest wait of all limits that are not known to have something left. */
function resetMs(headers: Headers, nowMs: number): number | undefined {
  let longest: number | undefined;
  for (const [name, value] of Object.entries(headers)) {
    const found = resetName.exec(name);
    if (found === null || value === undefined) continue;
    const [, plain, anthropic] = found;
    const kind = plain === undefined ? "" : `-${plain}`;
    const rest =
      anthropic === undefined ? `x-ratelimit-remaining${kind}` : `anthropic-ratelimit-${anthropic}-remaining`;
    if (Number(headers[rest] ?? 0) > 0) continue;
    const ms = untilMs(value, nowMs);
    if (ms !== undefined && (longest === undefined || ms > longest)) longest = ms;
  }
  return longest;
}

/** A length of time in seconds or in Go's form, or an instant: as RFC 3339 or in seconds or milliseconds since the epoch. */
function untilMs(text: string, nowMs: number): number | undefined {
  if (decimal.test(text)) {
    const number = Number(text);
    if (number >= leastEpochMs) return Math.max(0, number - nowMs);
    return number >= leastEpochS ? Math.max(0, number * 1000 - nowMs) : number * 1000;
  }
  const parts = text === "" ? null : goDuration.exec(text);
  if (parts !== null) {
    const [, h, m, s, ms] = parts.map((part) => Number(part ?? 0)) as [number, number, number, number, number];
    return ((h * 60 + m) * 60 + s) * 1000 + ms;
  }
  const atMs = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
