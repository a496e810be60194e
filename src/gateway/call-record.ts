// What a call of a model puts on record: the facts of its outcome's leaf. Names, numbers and digests, no word of either side.
// A fact is flat, so each list is one text with "; " between its items.
import type { Digest } from "../kernel/hash.ts";
import type { Cost } from "../models/index.ts";
import type { FormVerdict } from "./reply-form.ts";
import type { Amount } from "./call-reservations.ts";

/** The facts of every operation that calls a model. A type and not an interface, so that it is a `LeafFacts`. */
export type CallRecord = {
  /** Which deployment answered last; absent when none was reached. */
  readonly deployment?: string;
  /** The model, as the provider names it. */
  readonly model: string;
  readonly tier: number;
  /** Why this tier and this deployment, in the router's words; a list. */
  readonly reasons: string;
  readonly attempts: number;
  readonly streamed: boolean;
  readonly cache: "hit" | "miss" | "bypass";
  readonly finish: string;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_read_tokens: number;
  readonly cache_write_tokens: number;
  readonly reasoning_tokens: number;
  /** The tokens are the server's own estimate, because the provider reported none that could be believed. */
  readonly estimated: boolean;
  /** Integer micro-dollars; absent when the price is unknown. */
  readonly microdollars?: number;
  /** Who says what it cost, where no price is known: `provider`, by its own account. */
  readonly cost_source?: "provider";
  /** What budgets were charged with, where the provider reported more than the call can use; absent where it did not. */
  readonly charged_tokens?: number;
  readonly charged_microdollars?: number;
  /** Whether the reply has the form that was asked for; absent where none was. */
  readonly schema?: FormVerdict;
  /** The service that the provider says it gave, where it says so: `priority`, `flex`, `fast`. */
  readonly service_tier?: string;
  /** Names of what was asked for that is policy, each with what it changes: `service_tier (price)`; a list. */
  readonly governed_parameters?: string;
  /** Names of parameters that nothing is known of, never their values; a list. */
  readonly unknown_parameters?: string;
  /** Names of what the provider that answered was not told; a list. */
  readonly dropped_parameters?: string;
  /** SHA-256 of the request's canonical form, and of the reply as it left. */
  readonly prompt: Digest;
  readonly reply?: Digest;
};

/** What is known of a call when it ends. */
export interface EndedCall extends Cost {
  readonly deployment: string | undefined;
  readonly model: string;
  readonly tier: number;
  readonly reasons: readonly string[];
  readonly attempts: number;
  readonly streamed: boolean;
  readonly cache: CallRecord["cache"];
  readonly finish: string;
  /** What budgets were charged with, where that is not what was used. */
  readonly charged: Amount | undefined;
  readonly schema: FormVerdict | undefined;
  readonly governed: readonly string[];
  readonly unknown: readonly string[];
  readonly dropped: readonly string[];
  readonly prompt: Digest;
  readonly reply: Digest | undefined;
}

/** Most reasons in a record, and the longest text that comes from a provider: a leaf must stay small. */
const [maxReasons, maxTextLength] = [12, 300];

/** Longest name of a service in a record. */
const maxServiceLength = 64;

/** The record of a call, its facts in canonical order so that the ledger need not sort them. */
export function callRecord(call: EndedCall): CallRecord {
  const { usage, microdollars, charged, serviceTier, source } = call;
  return {
    attempts: call.attempts,
    cache: call.cache,
    cache_read_tokens: usage.cacheReadTokens,
    cache_write_tokens: usage.cacheWriteTokens,
    ...present("charged_microdollars", charged?.microdollars),
    ...present("charged_tokens", charged?.tokens),
    ...present("cost_source", source),
    ...present("deployment", call.deployment),
    ...list("dropped_parameters", call.dropped),
    estimated: usage.estimated,
    finish: plain(call.finish),
    ...list("governed_parameters", call.governed),
    input_tokens: usage.inputTokens,
    ...present("microdollars", microdollars),
    model: plain(call.model),
    output_tokens: usage.outputTokens,
    prompt: call.prompt,
    reasoning_tokens: usage.reasoningTokens,
    reasons: call.reasons.slice(0, maxReasons).map(plain).join(separator),
    ...present("reply", call.reply),
    ...present("schema", call.schema),
    ...present("service_tier", serviceTier && plain(serviceTier.slice(0, maxServiceLength))),
    streamed: call.streamed,
    tier: call.tier,
    ...list("unknown_parameters", call.unknown),
  };
}

/** Text that a record can hold: it comes from a provider and may be anything. */
export function plain(text: string): string {
  const fit = text.slice(0, maxTextLength).toWellFormed();
  return fit === "" ? "unknown" : fit;
}

const separator = "; ";

function list<Name extends string>(name: Name, items: readonly string[]): { readonly [N in Name]?: string } {
  return present(name, items.length === 0 ? undefined : items.join(separator));
}

/** A fact that is left out where there is none. */
function present<Name extends string, Value extends string | number>(
  name: Name,
  value: Value | null | undefined,
): { readonly [N in Name]?: Value } {
  return value === null || value === undefined ? {} : ({ [name]: value } as { readonly [N in Name]: Value });
}
