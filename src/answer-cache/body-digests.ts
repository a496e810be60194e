// What a body is known by: the digest of all of it, which goes on record, and the digest of what decides its answer, under
// which an answer is kept. Both come from one walk over the body, in turns with everything else when the body is long.
import { runningHash } from "../kernel/hash.ts";
import type { Digest } from "../kernel/hash.ts";
import { isLarge, writeJson, written } from "../kernel/json-writer.ts";
import type { JsonForm } from "../kernel/json-writer.ts";
import { atOnce, inTurns, TimeSlice } from "../kernel/time-slice.ts";
import type { Steps } from "../kernel/time-slice.ts";

/** SHA-256 of what decides a body's answer, 64 hex digits. */
export type ContentDigest = string & { readonly __contentDigest: true };

/** What a body is known by. */
export interface BodyDigests {
  /** SHA-256 over the RFC 8785 form of the whole body, in which halves of characters are escapes. */
  readonly prompt: Digest;
  readonly content: ContentDigest;
  /** Whether halves of characters may stand in it. */
  readonly mayHoldHalves: boolean;
}

type Body = Readonly<Record<string, unknown>>;

/**
 * Top-level parameters that do not change what a model answers: how the answer is delivered (`stream`,
 * `stream_options`), who asks within the product (`user`, `safety_identifier`, `metadata`), and what the provider keeps
 * for itself (`store`, `prompt_cache_key`).
 */
export const indifferentParameters: ReadonlySet<string> = new Set([
  "stream",
  "stream_options",
  "user",
  "metadata",
  "store",
  "safety_identifier",
  "prompt_cache_key",
]);

/** Both digests. @throws NotCanonicalError for a body that has no canonical form; the signal's reason. */
export function digestsOf(body: Body, signal?: AbortSignal): BodyDigests | Promise<BodyDigests> {
  const stretch = new TimeSlice();
  return inTurns(digestSteps(body, "escaped", stretch), stretch, signal);
}

/** The digest of what decides the answer to a short body, which need not have a canonical form. */
export function contentOf(body: Body): ContentDigest {
  return atOnce(digestSteps(body, "sorted", new TimeSlice())).content;
}

/** The same for a body of any length. */
export function contentInTurns(body: Body, signal?: AbortSignal): ContentDigest | Promise<ContentDigest> {
  const stretch = new TimeSlice();
  return inTurns(contentSteps(body, stretch), stretch, signal);
}

function* contentSteps(body: Body, stretch: TimeSlice): Steps<ContentDigest> {
  return (yield* digestSteps(body, "sorted", stretch)).content;
}

/** How the engine begins the escape of half a character; a text that spells it out has a backslash more. */
const halfEscape = "\\ud";

function* digestSteps(body: Body, form: JsonForm, stretch: TimeSlice): Steps<BodyDigests> {
  const whole = runningHash();
  const content = runningHash();
  let isFirst = true;
  let hasContent = false;
  let mayHoldHalves = false;
  let counts = false;
  const isLong = isLarge(body);
  const take = (text: string): void => {
    whole.update(text);
    mayHoldHalves ||= text.includes(halfEscape);
    if (counts) content.update(text);
  };
  for (const key of Object.keys(body).sort()) {
    const value = body[key];
    if (value === undefined) continue;
    counts = !indifferentParameters.has(key);
    whole.update(isFirst ? "{" : ",");
    if (counts && hasContent) content.update(",");
    isFirst = false;
    hasContent ||= counts;
    take(`${JSON.stringify(key)}:`);
    if (isLong) yield* writeJson(value, form, take, stretch);
    else take(written(value, form));
  }
  whole.update(isFirst ? "{}" : "}");
  return { prompt: whole.digest(), content: content.digest().slice("sha256:".length) as ContentDigest, mayHoldHalves };
}
