// Reads a provider's account of what a call used, in whichever of the provider's forms it came: chat, responses, messages,
// embeddings, generateContent. The paths come from the price data; here they are walked.
//
// 1. A count that is negative, fractional, no number or beyond 2^53-1 is refused, never repaired and never skipped.
// 2. Of several forms that fit, the one that reads most of the account wins: a form that knows nothing of cached tokens
//    would price them in full.
import type { Provider, UsageExtractor } from "@pydantic/genai-prices";
import { priceFault } from "./errors.ts";
import type { Counts } from "./tariff.ts";
import { unitsByName } from "./units.ts";

/** A step into an account: a key, or the first item of a list whose field has this text. */
type Step = string | { readonly field: string; readonly lowerText: string };

/** A place in the account, and the counts to which its number is added. */
interface Source {
  readonly steps: readonly Step[];
  readonly names: string[];
  readonly required: boolean;
}

/** One form of account. */
export interface Form {
  /** Which API it comes from, so that a provider's own form stands for the same form of others. */
  readonly api: string;
  readonly flavour: string;
  /** Where the account stands in a whole response. */
  readonly root: readonly Step[];
  readonly sources: readonly Source[];
}

interface Reading {
  readonly counts: Counts;
  /** How many places of the account were read. */
  readonly found: number;
  /** A place whose value cannot be believed. */
  readonly liesAt: string | undefined;
}

/** The forms of a provider, in its order; a form with a path that is not understood is left out. */
export function formsOf(provider: Provider | undefined): readonly Form[] {
  return (provider?.extractors ?? []).flatMap((extractor) => formOf(extractor) ?? []);
}

function formOf({ api_flavor: flavour, root, mappings }: UsageExtractor): Form | undefined {
  const rootSteps = stepsOf(root);
  const sources = new Map<string, Source>();
  for (const { path, dest, required } of mappings) {
    const steps = stepsOf(path);
    if (steps === undefined || !unitsByName.has(dest)) return undefined;
    const key = JSON.stringify(steps);
    const known = sources.get(key);
    if (known === undefined) sources.set(key, { steps, names: [dest], required });
    else known.names.push(dest);
  }
  if (rootSteps === undefined) return undefined;
  return {
    api: apiOf(new Set(mappings.map(({ path }) => path)), flavour),
    flavour,
    root: rootSteps,
    sources: [...sources.values()],
  };
}

/** The API whose accounts have such places, whatever the price data calls it; the flavour for any other. */
function apiOf(places: ReadonlySet<unknown>, flavour: string): string {
  if (places.has("prompt_tokens")) return places.has("completion_tokens") ? "chat" : "embeddings";
  if (places.has("input_tokens")) return places.has("cache_creation_input_tokens") ? "messages" : "responses";
  if (places.has("promptTokenCount")) return "generateContent";
  return places.has("inputTokens") ? "converse" : flavour;
}

function stepsOf(path: UsageExtractor["root"]): readonly Step[] | undefined {
  const steps: Step[] = [];
  for (const step of typeof path === "string" ? [path] : path) {
    if (typeof step === "string") steps.push(step);
    else if ("equals" in step.match) steps.push({ field: step.field, lowerText: step.match.equals.toLowerCase() });
    else return undefined;
  }
  return steps;
}

/**
 * Reads the account `raw`, or the one inside the whole response `raw`, by the first of several lists of forms of which one
 * fits.
 * @throws `usage.invalid` when no form fits or a count cannot be believed.
 */
export function readCounts(raw: unknown, ...lists: readonly (readonly Form[])[]): Counts {
  for (const forms of lists) {
    let best: Reading | undefined;
    for (const form of forms) {
      const reading = readingOf(form, raw);
      if (reading !== undefined && reading.found > (best?.found ?? 0)) best = reading;
    }
    if (best?.liesAt !== undefined) {
      throw priceFault("usage.invalid", `the provider reports a count at ${best.liesAt} that is not a count`);
    }
    if (best !== undefined) return best.counts;
  }
  throw priceFault("usage.invalid", "the provider reports no counts that are understood");
}

/** Reads an account by one form; undefined when something required is not there. */
function readingOf({ root, sources }: Form, raw: unknown): Reading | undefined {
  const account = withCachedTokens(accountIn(raw, root));
  // Most forms do not fit.
  for (const { steps, required } of sources) if (required && isAbsent(valueAt(account, steps))) return undefined;
  const counts = new Map<string, number>();
  let found = 0;
  let liesAt: string | undefined;
  for (const { steps, names } of sources) {
    const value = valueAt(account, steps);
    if (isAbsent(value)) continue;
    found += 1;
    for (const name of names) {
      const sum = (counts.get(name) ?? 0) + (isCount(value) ? value : Number.NaN);
      if (!isCount(sum))
        liesAt ??= `/${steps.map((step) => (typeof step === "string" ? step : step.lowerText)).join("/")}`;
      counts.set(name, sum);
    }
  }
  return { counts, found, liesAt };
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

/** Where servers of the chat API say how many tokens they read from their cache, other than in OpenAI's own place: DeepSeek, Moonshot. */
const cachedPlaces = ["prompt_cache_hit_tokens", "cached_tokens"] as const;

/** An account of the chat API that says elsewhere what was cached, with it in OpenAI's place. */
function withCachedTokens(account: unknown): unknown {
  if (!isRecord(account) || !("prompt_tokens" in account)) return account;
  const { prompt_tokens_details: details } = account;
  const own = isRecord(details) ? details["cached_tokens"] : undefined;
  if (own !== undefined && own !== null) return account;
  const place = cachedPlaces.find((name) => isCount(account[name]));
  if (place === undefined) return account;
  const found = { ...(isRecord(details) ? details : {}), cached_tokens: account[place] };
  return { ...account, prompt_tokens_details: found };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A whole response holds the account at its root; an account alone may stand at any depth below it. */
function accountIn(raw: unknown, root: readonly Step[]): unknown {
  for (let from = 0; from < root.length; from++) {
    const account = valueAt(raw, from === 0 ? root : root.slice(from));
    if (typeof account === "object" && account !== null) return account;
  }
  return raw;
}

function valueAt(value: unknown, steps: readonly Step[]): unknown {
  let here = value;
  for (const step of steps) {
    if (typeof step === "string") {
      if (typeof here !== "object" || here === null || Array.isArray(here)) return undefined;
      here = Object.hasOwn(here, step) ? (here as Readonly<Record<string, unknown>>)[step] : undefined;
    } else {
      if (!Array.isArray(here)) return undefined;
      here = here.find((item: unknown) => {
        const text = valueAt(item, [step.field]);
        return typeof text === "string" && text.toLowerCase() === step.lowerText;
      });
    }
  }
  return here;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
