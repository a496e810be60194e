// Undoes escapes of single characters: percent-encoding, those of JSON and of programs, character references of HTML, and
// quoted-printable.
import { asItIs, ViewBuilder } from "./view.ts";
import type { View } from "./view.ts";

/** Whether a text may hold escapes at all. */
const sign = /[%\\&=]/;
const common =
  /(?:%[0-9a-f]{2})+|\\+u\{0{0,4}[0-9a-f]{1,6}\}|\\+u[0-9a-f]{4}|\\+[x'][0-9a-f]{2}|\\+[0-7]{3}|\\+U[0-9a-f]{8}|&#x0{0,6}[0-9a-f]{1,6};?|&#0{0,6}\d{1,7};?|&[a-z]{2,12};/gi;
const quotedPrintable = /(?:=[0-9A-F]{2})+|=[ \t]*\r?\n/gi;

/** Names of characters that tokens and orders are written with, and of those that nobody sees. */
const names: Readonly<Record<string, string>> = {
  amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " ", ensp: " ", emsp: " ", thinsp: " ", lowbar: "_", underbar: "_", hyphen: "-",
  dash: "-", ndash: "-", mdash: "-", minus: "-", period: ".", colon: ":", equals: "=", sol: "/", bsol: "\\", plus: "+",
  commat: "@", num: "#", excl: "!", dollar: "$", percnt: "%", ast: "*", lpar: "(", rpar: ")", comma: ",", semi: ";",
  shy: "", zwnj: "", zwj: "", lrm: "", rlm: "", zerowidthspace: "", nobreak: "", tab: "\t", newline: "\n",
}; // prettier-ignore

/** Most times that escapes are undone: what an encoder has encoded three times. */
const mostLayers = 3;

/** The text without escapes, undone as often as they stand in each other; undefined when it holds none. */
export function unescaped(text: string, parent: View["origin"] = asItIs): View | undefined {
  if (!sign.test(text)) return undefined;
  let view: View | undefined;
  for (let layer = 0; layer < mostLayers; layer++) {
    const next = replaced(view?.text ?? text, common, characterOf, view?.origin ?? parent);
    if (next === undefined) return view;
    view = next;
  }
  return view;
}

/** The text as it was before quoted-printable; undefined when it cannot have been written so. */
export function unquoted(text: string, parent: View["origin"] = asItIs): View | undefined {
  if (!text.includes("=")) return undefined;
  return replaced(text, quotedPrintable, bytesOf, parent);
}

function replaced(
  text: string,
  pattern: RegExp,
  by: (found: string) => string | undefined,
  parent: View["origin"],
): View | undefined {
  const builder = new ViewBuilder(text);
  pattern.lastIndex = 0;
  for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
    const character = by(found[0]);
    if (character !== undefined) builder.replace(found.index, pattern.lastIndex, character);
  }
  return builder.build(parent);
}

function characterOf(found: string): string | undefined {
  switch (found[0]) {
    case "%":
      return bytesOf(found);
    case "&": {
      if (found[1] !== "#") return names[found.slice(1, -1).toLowerCase()];
      const number = found.slice(2).replace(";", "");
      return characterAt(/^x/i.test(number) ? Number.parseInt(number.slice(1), 16) : Number.parseInt(number, 10));
    }
    default: {
      const body = found.replace(/^\\+/, "");
      if (/^[0-7]{3}$/.test(body)) return characterAt(Number.parseInt(body, 8));
      return characterAt(Number.parseInt(body.slice(1).replace("{", ""), 16));
    }
  }
}

function characterAt(code: number): string | undefined {
  return code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
}

/** Bytes that are each written as a sign and two hexadecimal digits. */
function bytesOf(found: string): string {
  if (/^=[ \t]*\r?\n$/.test(found)) return "";
  const bytes = Buffer.from(found.replaceAll(/[%=]/g, ""), "hex");
  return bytes.toString("utf8");
}
