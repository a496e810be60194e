// The ways in which a dialect fails: the caller's body is wrong, the call cannot be said in the provider's dialect, the
// provider's body is not a reply, or it is an error.
import { modelFault } from "../errors.ts";
import { Fault } from "../../kernel/fault.ts";
import type { ProviderWords, StreamEvent } from "../conversation.ts";

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

/** An error that a provider reports inside an answer of a good status; its words are not for callers as they are. */
export class ReportedFault extends Fault {
  readonly words: ProviderWords;

  constructor(words: ProviderWords) {
    super("upstream.failed", "the provider reported an error");
    this.words = words;
  }
}

/** An error inside a stream, as a piece of it. @param unnamed Its code where it has none. */
export function errorPiece({ code, type, message = "" }: ProviderWords = {}, unnamed = "error"): StreamEvent {
  const said = code ?? unnamed;
  return {
    kind: "error",
    code: said,
    message,
    ...(type !== undefined && type !== said && type !== unnamed && { type }),
  };
}
