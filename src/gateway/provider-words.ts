// What a provider says of a failure, made fit to be read by a caller: short, and without a secret. Providers repeat keys.
import { redactSecrets } from "../guards/index.ts";

/** Longest message of a provider that is passed on, characters. */
const maxWords = 500;

/** A provider's message without the server's own keys or anything else that looks like a secret. */
export function cleanWords(message: string, keys: readonly string[]): string {
  let text = message.toWellFormed();
  // Before anything is cut off: half a key would not be recognised.
  for (const key of keys) if (key !== "") text = text.replaceAll(key, "[redacted: key]");
  return redactSecrets(text.slice(0, 4 * maxWords)).slice(0, maxWords);
}
