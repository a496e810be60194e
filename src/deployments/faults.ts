// What goes wrong at a deployment, as faults: what a caller is told of it, whether another attempt may succeed, whether it may
// be billed, and whether it says something about the deployment.
import { Fault } from "../kernel/fault.ts";
import type { FaultFacts } from "../kernel/fault.ts";
import { JsonRefusal } from "../kernel/json-bounds.ts";
import { isAboutAll, restMs, statusOfWords, verdictOf } from "../models/index.ts";
import type { Deployment, Provider, ProviderWords, RestReason, UpstreamDialect, Verdict } from "../models/index.ts";
import { redactSecrets } from "../guards/index.ts";
import { UpstreamFault } from "../outbound/index.ts";
import type { UpstreamAnswer } from "../outbound/index.ts";

/** Largest body of a refusal that is read for the provider's words, bytes. */
const maxErrorBytes = 64 * 1024;

/** What a provider says of a refusal, without anything of its keys. */
export type Words = ProviderWords;

/** An answer of a status that is not a success, with the provider's words. */
export class StatusFault extends Fault {
  readonly status: number;
  readonly words: Words | undefined;
  readonly verdict: Verdict;

  constructor(
    code: string,
    detail: string,
    said: { readonly status: number; readonly words: Words | undefined; readonly verdict: Verdict },
    facts: FaultFacts,
    cause: unknown,
  ) {
    super(code, detail, facts, cause);
    ({ status: this.status, words: this.words, verdict: this.verdict } = said);
  }
}

/**
 * Whether a server refused a request because it does not know a field of it. Where it names a member of the field, it knows the
 * field, unless it is the member that is always there.
 */
export function doesNotKnow(error: unknown, field: string, member: string): boolean {
  if (!(error instanceof StatusFault) || ![400, 422, 501].includes(error.status)) return false;
  const { message = "", param } = error.words ?? {};
  if (param !== undefined) return param === field || param === `${field}.${member}`;
  return new RegExp(`(?<!\\w)${field}(?!\\w|["']?[.[/]["']?(?!${member}\\b)\\w)`).test(message);
}

/** What follows from a verdict: what the caller is told, and whether another attempt may succeed. */
const meanings: Readonly<
  Record<Verdict, { readonly code: string; readonly says: string; readonly passes: "here" | "elsewhere" | "nowhere" }>
> = {
  context: { code: "upstream.context_exceeded", says: "refused the request", passes: "nowhere" },
  size: { code: "upstream.too_large", says: "refused the request", passes: "nowhere" },
  form: { code: "upstream.unprocessable", says: "refused the request", passes: "nowhere" },
  refused: { code: "upstream.refused", says: "refused the request", passes: "nowhere" },
  missing: { code: "upstream.not_found", says: "does not know the model", passes: "elsewhere" },
  // Whose key it was is no one's business; the log has said it.
  key: { code: "upstream.key_refused", says: "refused the server's key", passes: "elsewhere" },
  quota: { code: "upstream.quota_exceeded", says: "takes no more calls on account", passes: "elsewhere" },
  rate: { code: "model.busy", says: "limits this server", passes: "elsewhere" },
  overloaded: { code: "upstream.overloaded", says: "is overloaded", passes: "here" },
  failed: { code: "upstream.failed", says: "failed", passes: "here" },
};

/**
 * Verdicts whose words are about the caller's own request. All others are about the server's account with the provider or
 * about what stands inside the provider's, and are for the log alone.
 */
const aboutRequest: ReadonlySet<Verdict> = new Set(["context", "size", "form", "refused", "missing"]);

/** What a caller is told of an answer that is not a success. @param waitMs How long it is no use to ask again, where that is known. */
export function refusalOf({ name }: Provider, status: number, words: Words | undefined, waitMs = 0): StatusFault {
  const verdict = verdictOf(status, words);
  const { code, says } = meanings[verdict];
  const isPrivate = !aboutRequest.has(verdict) || (words !== undefined && isAboutAll(words));
  const because = isPrivate || words?.message === undefined ? "" : `: ${words.message}`;
  const detail = verdict === "failed" ? `answered with status ${status}` : says;
  const { code: said, type, param } = words ?? {};
  const facts = {
    ...(waitMs > 0 && { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) }),
    upstream: {
      status,
      ...(!isPrivate && { ...(said && { code: said }), ...(type && { type }), ...(param && { param }) }),
    },
  };
  // What the request is to blame for is no failure that someone must look at.
  const cause = meanings[verdict].passes === "nowhere" ? undefined : (words ?? status);
  return new StatusFault(code, `${name} ${detail}${because}`, { status, words, verdict }, facts, cause);
}

/** What a caller is told of an error that came inside an answer of a good status: what it would be as a refusal. */
export function reportedFault(provider: Provider, reported: Words): StatusFault {
  const words = cleaned(reported, provider.keys);
  const status = statusOfWords(words);
  const waitMs = verdictOf(status, words) === "rate" ? restMs({}, 0) : 0;
  const fault = refusalOf(provider, status, words, waitMs);
  if (fault.verdict !== "failed") return fault;
  // Its status was good.
  return new StatusFault(fault.code, `${provider.name} reported an error in its answer`, fault, fault.facts, words);
}

/** What a caller is told while every key of a provider rests. */
export function restingFault({ name }: Provider, reason: RestReason, waitMs: number): Fault {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000));
  if (reason === "spent") return new UpstreamBusy(meanings.quota.code, `${name} ${meanings.quota.says}`);
  if (reason === "refused") {
    return new UpstreamBusy(meanings.key.code, `${name} ${meanings.key.says}`, { retryAfterSeconds });
  }
  return new UpstreamBusy("model.busy", `${name} limits or refuses every key`, { retryAfterSeconds });
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
    return words && cleaned(words, keys);
  } catch {
    return undefined;
  }
}

/** A provider's words without anything of its keys. */
export function cleaned(words: Words, keys: readonly string[]): Words {
  return Object.fromEntries(Object.entries(words).map(([name, text]) => [name, cleanWords(text as string, keys)]));
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
  return status >= 500 ? status !== 501 && status !== 505 : status === 408 || status === 425 || status === 498;
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
    const { passes } = meanings[error.verdict];
    return passes === "here" && !isPassing(error.status) ? "elsewhere" : passes;
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
 * Whether a provider had accepted the call of an attempt that failed: it had the whole request and no one knows how far it
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
