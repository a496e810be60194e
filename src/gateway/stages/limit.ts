// Stage 5: how often, and with how many tokens, one key may call and one model of a product may be called within a minute. What a
// call used beyond what was counted for it beforehand, as an answer of which no limit was named, is counted when it has ended.
import type { Counter, Limit } from "../../identity/index.ts";
import type { CallSession } from "../call-session.ts";
import { gatewayFault } from "../errors.ts";

const minuteMs = 60_000;

/** The terms that limit, how their counters are called, and what a key calls its own limit. */
const limits = [
  ["keyRequestsPerMinute", "key", "rpm"],
  ["keyTokensPerMinute", "key-tokens", "tpm"],
  ["modelRequestsPerMinute", "model", undefined],
  ["modelTokensPerMinute", "model-tokens", undefined],
] as const;

/** Takes one call from every limit of the product's terms and of the key. @throws `model.rate_exceeded` with when to come back. */
export async function limit(session: CallSession, { counter }: { readonly counter: Counter }): Promise<void> {
  const { ctx, prepared } = session;
  const { principal } = ctx;
  const { product, terms, request, routed } = prepared;
  const model = routed.candidates[0]?.deployment.name ?? "";
  const tokens = Math.max(1, request.inputTokens + request.maxOutputTokens);
  const counted: (readonly [key: string, window: Limit])[] = [];
  const taken: (readonly [key: string, window: Limit, cost: number])[] = [];
  for (const [name, what, ofKey] of limits) {
    const most = terms[name];
    // What is asked on behalf of a call is a part of it.
    if (most === null || (name === "keyRequestsPerMinute" && prepared.options.isPart === true)) continue;
    const cost = name.includes("Tokens") ? tokens : 1;
    const whose = ofKey === undefined ? `${product ?? ""}:${model}` : principal.id;
    const key = `gateway:${what}:${whose}`.slice(0, maxKeyLength);
    // Models of open providers are named by callers, and each name is a key.
    const window = { limit: most, windowMs: minuteMs, group: `gateway:${product ?? ""}` };
    const { allowed, resetMs } = await counter.take(key, window, cost);
    if (allowed && name.includes("Tokens")) counted.push([key, window]);
    if (allowed) {
      taken.push([key, window, cost]);
      continue;
    }
    // What one limit refuses has used up none of the others.
    for (const each of taken) await counter.give(...each);
    const isOwn = ofKey !== undefined && principal.calls?.[ofKey] === most;
    const [who, limitName] = isOwn ? ["key allows", ofKey] : ["terms allow", name];
    throw gatewayFault("model.rate_exceeded", `the ${who} ${most} within a minute (${limitName})`, {
      limit: limitName,
      remedy: cost > most ? "ask for fewer tokens" : `wait, or ask for ${isOwn ? "another key" : "other terms"}`,
      retryAfterSeconds: Math.max(1, Math.ceil(resetMs / 1000)),
    });
  }
  if (counted.length === 0) return;
  session.whenUsed(async (used) => {
    for (const [key, window] of counted) await takeRest(counter, key, window, used - tokens);
  });
}

/** Takes what a call has used beyond what was taken for it, as far as there is room: then nothing is left until it is forgotten. */
async function takeRest(counter: Counter, key: string, window: Limit, rest: number): Promise<void> {
  // Others take meanwhile, so what was left a moment ago may not be.
  for (let [left, tries] = [rest, 0]; left > 0 && tries < 3; tries++) {
    const { allowed, remaining } = await counter.take(key, window, left);
    if (allowed) return;
    left = Math.min(left, remaining);
  }
}

/** Longest key that a counter takes, characters. */
const maxKeyLength = 256;
