// Stage 5: how often, and with how many tokens, one key may call and one model of a product may be called within a minute.
import type { Counter, Limit } from "../../identity/index.ts";
import type { CallSession } from "../call-session.ts";
import { gatewayFault } from "../errors.ts";

const minuteMs = 60_000;

/** Takes one call from every limit of the product's terms and of the key. @throws `model.rate_exceeded` with when to come back. */
export async function limit({ ctx, prepared }: CallSession, { counter }: { readonly counter: Counter }): Promise<void> {
  const { principal } = ctx;
  const { product, terms, request, routed } = prepared;
  const model = routed.candidates[0]?.deployment.name ?? "";
  const tokens = Math.max(1, request.inputTokens + request.maxOutputTokens);
  const limits = [
    ["keyRequestsPerMinute", `gateway:key:${principal.id}`, 1, "rpm"],
    ["keyTokensPerMinute", `gateway:key-tokens:${principal.id}`, tokens, "tpm"],
    ["modelRequestsPerMinute", `gateway:model:${product ?? ""}:${model}`, 1],
    ["modelTokensPerMinute", `gateway:model-tokens:${product ?? ""}:${model}`, tokens],
  ] as const;
  // Models of open providers are named by callers, and each name is a key.
  const group = `gateway:${product ?? ""}`;
  for (const [name, key, cost, ofKey] of limits) {
    const most = terms[name];
    if (most === null) continue;
    const window: Limit = { limit: most, windowMs: minuteMs, group };
    const { allowed, resetMs } = await counter.take(key.slice(0, maxKeyLength), window, cost);
    if (allowed) continue;
    const isOwn = ofKey !== undefined && principal.calls?.[ofKey] === most;
    const [who, limitName] = isOwn ? ["key allows", ofKey] : ["terms allow", name];
    throw gatewayFault("model.rate_exceeded", `the ${who} ${most} within a minute (${limitName})`, {
      limit: limitName,
      remedy: cost > most ? "ask for fewer tokens" : `wait, or ask for ${isOwn ? "another key" : "other terms"}`,
      retryAfterSeconds: Math.max(1, Math.ceil(resetMs / 1000)),
    });
  }
}

/** Longest key that a counter takes, characters. */
const maxKeyLength = 256;
