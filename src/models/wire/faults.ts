// The three ways in which a dialect fails: the caller's body is wrong, the call cannot be said in the provider's dialect,
// or the provider's body is not a reply.
import { modelFault } from "../errors.ts";
import type { Fault } from "../../kernel/fault.ts";

/** `dialect.invalid`: the value at the JSON pointer `at` is not what the API asks for there. */
export function invalid(at: string, sentence: string): Fault {
  return modelFault("dialect.invalid", sentence, { at });
}

/** `dialect.unsupported`: what was asked for cannot be said to the provider, or is not offered here. */
export function unsupported(sentence: string, at?: string): Fault {
  return modelFault("dialect.unsupported", sentence, at === undefined ? {} : { at });
}

/** `upstream.garbled`: the provider's body is not a reply; its own words go into `cause`, which is never sent. */
export function garbled(sentence: string, cause?: unknown): Fault {
  return modelFault("upstream.garbled", sentence, {}, cause);
}
