// What goes wrong at a deployment, as faults: what a caller is told of it, whether another attempt may succeed, whether it may
// be billed, and whether it says something about the deployment.
import { Fault } from "../kernel/fault.ts";
import type { FaultFacts } from "../kernel/fault.ts";
import { JsonRefusal } from "../kernel/json-bounds.ts";
import type { Deployment, Provider, ProviderWords, UpstreamDialect } from "../models/index.ts";
import { redactSecrets } from "../guards/index.ts";
import { UpstreamFault } from "../outbound/index.ts";
import type { UpstreamAnswer } from "../outbound/index.ts";

/** Largest body of a refusal that is read for the provider's words, bytes. */
const maxErrorBytes = 64 * 1024;

/** What a provider says of a refusal, without anything of its keys. */
export type Words = ProviderWords;

/** An answer of a status that is no success, with the provider's words. */
export class StatusFault extends Fault {
  readonly status: number;
  readonly words: Words | undefined;

  constructor(
    code: string,
    detail: string,
    { status, words }: { readonly status: number; readonly words: Words | undefined },
    facts: FaultFacts = {},
    cause?: unknown,
  ) {
    super(code, detail, facts, cause);
    this.status = status;
    this.words = words;
  }
}

/** Whether a server refused a request because it does not know a field of it. */
export function doesNotKnow(error: unknown, field: string): boolean {
  if (!(error instanceof StatusFault) || ![400, 422, 501].includes(error.status)) return false;
  const { code, message, param } = error.words ?? {};
  return [code, message, param].some((text) => text?.includes(field) === true);
}

/** What a caller is told of an answer that is no success. */
export function refusalOf(
  { name }: Provider,
  status: number,
  words: Words | undefined,
  { isSpent, waitMs }: { readonly isSpent: boolean; readonly waitMs: number },
): StatusFault {
  // Whose key it was is nobody's business; the log has said it.
  const said = { status, words };
  if (status === 401 || status === 403) {
    return new StatusFault("upstream.failed", `${name} refused the server's key`, said, {}, words);
  }
  // Of a limit and of money a provider says how much all callers of the key have used: that is not passed on.
  if (isSpent) return new StatusFault("upstream.failed", `${name} takes no more calls on account`, said, {}, words);
  if (status === 429) {
    const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000));
    return new StatusFault("model.busy", `${name} limits this server`, said, { retryAfterSeconds }, words);
  }
  if (status >= 400 && status < 500 && status !== 408 && status !== 425) {
    const because = words?.message === undefined ? "" : `: ${words.message}`;
    return new StatusFault("upstream.refused", `${name} refused the request${because}`, said);
  }
  return new StatusFault("upstream.failed", `${name} answered with status ${status}`, said, {}, words ?? status);
}

/** Codes by which providers say with a 429 that money is missing and not patience. */
const moneyCodes = /insufficient_(?:quota|credits?|balance|funds)|billing|quota_exceeded_account/;

/** Whether a refusal says that there is no money left for a key, or not enough for what was asked. */
export function saysSpent(status: number, words: Words | undefined): boolean {
  return status === 402 || (status === 429 && moneyCodes.test(words?.code ?? ""));
}

/** The provider's words, cut to what a person reads; undefined when there are none. */
export async function wordsOf(
  answer: UpstreamAnswer,
  dialect: Pick<UpstreamDialect, "readError">,
  keys: readonly string[],
): Promise<Words | undefined> {
  try {
    const body = await answer.collect(maxErrorBytes);
    const words = dialect.readError(JSON.parse(body.toString("utf8")));
    if (words === undefined) return undefined;
    return Object.fromEntries(Object.entries(words).map(([name, text]) => [name, cleanWords(text as string, keys)]));
  } catch {
    return undefined;
  }
}

/** A deployment that takes no call now. */
export function unavailable({ name }: Deployment, why: string, seconds: number): Fault {
  const detail = `${name} takes no call now: ${why}`;
  return new UpstreamBusy("model.unavailable", detail, { retryAfterSeconds: Math.max(1, seconds) });
}

/** A stream of a good status stopped before it had said anything. */
export class StreamCutShort extends Fault {
  constructor(code: "upstream.garbled" | "upstream.failed", detail: string, cause?: unknown) {
    super(code, detail, {}, cause);
  }
}

/** There was no place at a deployment; another one may have one. */
export class UpstreamBusy extends Fault {}

/**
 * Whether a later attempt at the same deployment may get past a status: a time-out, a request that came too early, a failure
 * of the server. 501 and 505 say that this server cannot serve the request at all; another one may.
 */
function isPassing(status: number): boolean {
  return status >= 500 ? status !== 501 && status !== 505 : status === 408 || status === 425;
}

/** Whether another attempt may succeed, and may be made: at the same deployment ("here"), only at another one, or at none. */
export function mayPass(error: unknown, repeatsAccepted: boolean): "here" | "elsewhere" | "nowhere" {
  if (!repeatsAccepted && wasAccepted(error)) return "nowhere";
  if (error instanceof UpstreamFault) {
    // A call that has had all its time has none left for another deployment.
    if (error.facts.limit === "totalMs") return "nowhere";
    return error.retryable ? "here" : "elsewhere";
  }
  if (error instanceof UpstreamBusy) return "elsewhere";
  if (error instanceof StatusFault) {
    if (error.code === "upstream.refused") return "nowhere";
    return isPassing(error.status) ? "here" : "elsewhere";
  }
  if (!(error instanceof Fault)) return "nowhere";
  // How much is too much is decided here, and the same deployment would say as much again.
  if (isTooMuch(error)) return "elsewhere";
  // The same model may say it better the next time.
  if (error.code === "reply.invalid") return "here";
  return error.code === "upstream.garbled" || isFailure(error)
    ? "here"
    : error.code === "model.busy"
      ? "elsewhere"
      : "nowhere";
}

/**
 * Whether a provider had accepted the call of an attempt that failed: it had the whole request and nobody knows how far it
 * came, or it gave an answer that cannot be used. An error that it reports itself is a refusal.
 */
export function wasAccepted(error: unknown): boolean {
  if (error instanceof UpstreamFault) return error.isAccepted;
  return error instanceof StreamCutShort || (error instanceof Fault && error.code === "upstream.garbled");
}

/**
 * What a failed attempt counts: all that was held for it where the provider was at work or had begun to answer, or said too
 * much for us; an estimate of what it read, and of what came, where its answer did not come or cannot be read; or nothing.
 */
export function chargeOf(error: unknown): "all" | "estimate" | "nothing" {
  if (!wasAccepted(error)) return "nothing";
  if (isTooMuch(error) || error instanceof StreamCutShort) return "all";
  const isAtWork = error instanceof UpstreamFault && (error.code === "upstream.timeout" || error.hasAnswered);
  return isAtWork ? "all" : "estimate";
}

/** Whether an answer is well-formed as far as was read, and refused for a limit of Charter's own. */
function isTooMuch(error: unknown): boolean {
  if (!(error instanceof Fault) || error.code !== "upstream.garbled") return false;
  if (error.facts.limit !== undefined) return true;
  const { cause } = error;
  return cause instanceof JsonRefusal && cause.flaw !== "malformed" && cause.flaw !== "encoding";
}

/** Whether what was read of an answer shows that the provider failed: it reports an error of its own, or stopped. */
export function isFailure(error: unknown): boolean {
  return error instanceof Fault && error.code === "upstream.failed";
}

/** Longest message of a provider that is passed on, characters. */
const maxWords = 500;

/** A provider's message without the server's own keys or anything else that looks like a secret. */
export function cleanWords(message: string, keys: readonly string[]): string {
  let text = message.toWellFormed();
  // Before anything is cut off: half a key would not be recognised.
  for (const key of keys) if (key !== "") text = text.replaceAll(key, "[redacted: key]");
  return redactSecrets(text.slice(0, 4 * maxWords)).slice(0, maxWords);
}
