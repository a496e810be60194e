// Whether a provider knows the server's keys, by a real request for each. Nothing else changes by how it goes: neither breakers nor keys.
import { keyProofOf, upstreamDialectOf, verdictOf } from "../models/index.ts";
import type { Provider } from "../models/index.ts";
import { UpstreamFault } from "../outbound/index.ts";
import type { Upstream, UpstreamAnswer } from "../outbound/index.ts";
import { wordsOf } from "./faults.ts";
import { lookUp } from "./looking-up.ts";

/** What became of a check. */
export const keyStates = ["ok", "unproven", "refused", "no_network", "failed", "unconfigured"] as const;
/**
 * What became of a check: the provider knows the key; it answers and does not say; it does not know the key; no answer came; it
 * answered with a failure or a limit; there is nothing to ask.
 */
export type KeyState = (typeof keyStates)[number];

/** One key of one provider, by its place in the catalogue from 1; null for a provider without keys. */
export interface KeyCheck {
  readonly provider: string;
  readonly key: number | null;
  readonly state: KeyState;
  readonly reason: string;
  /** From the request to the head of its answer, milliseconds; null where none came. */
  readonly latencyMs: number | null;
}

type Found = Pick<KeyCheck, "state" | "reason" | "latencyMs">;

/** Asks a provider about each of its keys. @throws The signal's reason. */
export async function checkKeys(
  provider: Provider,
  upstreamOf: (provider: Provider) => Upstream,
  signal: AbortSignal,
): Promise<readonly KeyCheck[]> {
  const { name, keys, lacks } = provider;
  if (lacks !== undefined) {
    return [{ provider: name, key: null, state: "unconfigured", reason: lacks, latencyMs: null }];
  }
  const ask = (secret: string | undefined) => asked(provider, upstreamOf(provider), secret, signal);
  if (keys.length === 0) return [{ provider: name, key: null, ...(await ask(undefined)) }];
  const found = await Promise.all(keys.map(ask));
  if (!found.some(({ state }) => state === "ok"))
    return found.map((each, i) => ({ provider: name, key: i + 1, ...each }));
  // A list that anyone may read says nothing of a key.
  const isOpen = (await ask(undefined)).state === "ok";
  return found.map((each, i) => ({ provider: name, key: i + 1, ...(isOpen ? undecided(each) : each) }));
}

function undecided(found: Found): Found {
  if (found.state !== "ok") return found;
  return { ...found, state: "unproven", reason: "it answers alike without a key, so this proves none" };
}

/** One request, with a key or without. */
async function asked(
  provider: Provider,
  upstream: Upstream,
  secret: string | undefined,
  signal: AbortSignal,
): Promise<Found> {
  const beganMs = performance.now();
  try {
    const answer = await lookUp(provider, upstream, { ...keyProofOf(provider), secret, signal });
    const latencyMs = Math.round(performance.now() - beganMs);
    return { ...(await meaningOf(provider, answer)), latencyMs };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof UpstreamFault)) throw error;
    const { code } = (error.cause ?? {}) as { readonly code?: unknown };
    const why = typeof code === "string" ? ` (${code})` : "";
    return { state: "no_network", reason: `${error.message}${why}`, latencyMs: null };
  }
}

/** What an answer says of the key that was shown. */
async function meaningOf(provider: Provider, answer: UpstreamAnswer): Promise<Pick<Found, "state" | "reason">> {
  const { status, headers } = answer;
  if (status >= 200 && status < 300) {
    answer.cancel();
    const isJson = /\bjson\b/i.test(headers["content-type"] ?? "");
    if (isJson) return { state: "ok", reason: "it answers" };
    return { state: "unproven", reason: `status ${status} with something other than JSON came: is this the API?` };
  }
  const words = await wordsOf(answer, upstreamDialectOf(provider), provider.keys);
  const said = words?.message === undefined ? "" : `: ${words.message}`;
  const reason = `status ${status}${said}`;
  switch (verdictOf(status, words)) {
    case "key":
      // A key may be good for calls and not for the list.
      return { state: status === 403 ? "unproven" : "refused", reason };
    case "missing":
      return { state: "unproven", reason: `it has no list of models (${reason})` };
    default:
      return { state: "failed", reason };
  }
}
