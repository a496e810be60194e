// Rate limits at the door. Promises:
//
// 1. A request is counted once, before any of its body is read: by its caller when its credential is good, otherwise, and
//    where anyone may call, by its network address. A path that does not exist is not counted (missing-paths.ts).
// 2. A request beyond its limit gets 429 with `Retry-After` after a short pause; it reaches no route and leaves no leaf.
// 3. Every counted answer says where the caller stands, in the fields of draft-ietf-httpapi-ratelimit-headers-11; of
//    several limits the tightest.
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Counted, Rates } from "../identity/index.ts";
import type { RateClass } from "../kernel/operation.ts";
import { anonymous } from "../kernel/ctx.ts";
import type { Ctx, Principal } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import { httpFault } from "./errors.ts";
import { atOnce } from "./plugins/at-once.ts";
import { addressOf } from "./plugins/proxies.ts";
import { operations } from "./operations.ts";
import type { Operation } from "./operations.ts";

/**
 * How long a refusal waits, milliseconds. A client that asks on without listening gets 50 refusals a second and connection,
 * in place of as many as the server can write, and everyone else keeps the server; others do not notice the pause.
 */
const refusalPauseMs = 20;

/** What counts; absent while only the API's description is made. */
interface Counting {
  readonly rates: Rates;
}

/** Counts what has no caller: operations that anyone may call. */
export function rateLimits(app: FastifyInstance, services: Counting): void {
  const count = (request: FastifyRequest, reply: FastifyReply): Promise<void> | undefined => {
    const { operation } = request.routeOptions.config;
    if (operation === undefined) return undefined;
    const { access, rate }: Operation = operations[operation];
    return access === "public" ? countRequest(services, rate, anonymous, request, reply) : undefined;
  };
  app.addHook("onRequest", atOnce(count));
}

/**
 * Counts a request whose operation needs a credential: by its caller, or by its address when the credential is missing
 * or not good.
 * @throws `rate.exceeded`, and what `authenticate` throws.
 */
export async function countCaller(
  services: Counting,
  rate: RateClass,
  request: FastifyRequest,
  reply: FastifyReply,
  authenticate: () => Promise<Ctx>,
): Promise<Ctx> {
  let ctx: Ctx;
  try {
    ctx = await authenticate();
  } catch (error) {
    if (isUnauthenticated(error)) await countRequest(services, rate, anonymous, request, reply);
    throw error;
  }
  await countRequest(services, rate, ctx.principal, request, reply);
  return ctx;
}

function isUnauthenticated(error: unknown): boolean {
  return error instanceof Fault && (error.code === "credential.missing" || error.code === "credential.invalid");
}

/** Counts a request in one class. @throws `rate.exceeded`. */
export async function countRequest(
  { rates }: Counting,
  rate: RateClass,
  principal: Principal,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const counted = await rates.count(rate, principal, addressOf(request));
  if (counted === undefined) return;
  void reply.headers(fieldsOf(counted));
  if (counted.allowed) return;
  await sleep(refusalPauseMs);
  throw httpFault("rate.exceeded", `the limit "${counted.policy}" is used up`, {
    limit: counted.policy,
    remedy: "send fewer requests; the RateLimit-Policy field says how many are admitted in how many seconds",
    retryAfterSeconds: Math.max(1, secondsOf(counted.resetMs)),
  });
}

/**
 * The two fields. `r` is what is left; `t` the seconds for which it has to last: one window, or less when all that was
 * taken ceases to count earlier. When nothing is left, `t` is when the next request would be admitted, as `Retry-After`.
 */
function fieldsOf({ policy, limit, remaining, resetMs, freshMs }: Counted): Record<string, string> {
  const lastsMs = remaining === 0 ? resetMs : Math.min(limit.windowMs, freshMs);
  // RFC 9651 lists of one item; names of policies are plain words, so nothing in them needs escaping.
  return {
    "ratelimit-policy": `"${policy}";q=${limit.limit};w=${limit.windowMs / 1000}`,
    ratelimit: `"${policy}";r=${remaining};t=${secondsOf(lastsMs)}`,
  };
}

/** Whole seconds, rounded up: a caller that waits so long has waited long enough. */
function secondsOf(ms: number): number {
  return Math.ceil(ms / 1000);
}
