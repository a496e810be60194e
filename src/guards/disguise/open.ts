// Where at the end of a stream's text something in disguise may go on, so that it is not passed on before it is whole.
import { splitOpenFrom } from "./split.ts";
import { viewsAtOnce } from "./views.ts";

/** Most characters of a last word that wait for its end, before anything is looked at. */
export const longestTail = 256;
/** A word this long is waited for whatever it is made of: few words of prose are longer. */
const longWord = 14;

const inWord = new Uint8Array(128);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_=%\\&#;{}-") {
  inWord[character.charCodeAt(0)] = 1;
}
/** What encoded text and escapes hold, and words of prose do not. */
const telling = /[\d%\\&#=+/_]|[a-z][A-Z]/;

/** Where the last word begins when it may be part of an encoding or an escape; otherwise the length of the text. */
export function tailFrom(text: string): number {
  let at = text.length;
  while (at > 0 && text.length - at < longestTail && inWord[text.charCodeAt(at - 1)] === 1) at--;
  const length = text.length - at;
  return length >= longWord || (length > 0 && telling.test(text.slice(at))) ? at : text.length;
}

/** Where in the text something may begin behind a disguise that only later text can decide. */
export function disguisedFrom(text: string, openFrom: (text: string) => number): number {
  let open = Math.min(splitOpenFrom(text), runFrom(text));
  for (const { text: plain, isDecoded, origin } of viewsAtOnce(text)) {
    if (isDecoded) continue;
    const at = openFrom(plain);
    if (at < plain.length) open = Math.min(open, origin(at, at + 1).start);
  }
  return open;
}

/** Where a last word begins that was too long to be waited for. */
function runFrom(text: string): number {
  let at = text.length;
  while (at > 0 && inWord[text.charCodeAt(at - 1)] === 1) at--;
  return text.length - at >= longestTail ? at : text.length;
}
