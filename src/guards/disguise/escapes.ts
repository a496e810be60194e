// Undoes escapes of single characters: percent-encoding, those of JSON and of programs, character references of HTML, and
// quoted-printable.
import { asItIs, ViewBuilder } from "./view.ts";
import type { View } from "./view.ts";

/** Whether a text may hold escapes at all. */
// oxlint-disable-next-line no-control-regex -- what ends letters and colours them is undone too
const sign = /[%\\&=<+(\x08\x1B]/;
const hexDigit = "[0-9a-fA-F]";
/** Marks of a page that stand inside a word. */
const markup = String.raw`(?<=[\w.-])(?:</?[a-zA-Z][a-zA-Z0-9]{0,10}(?:\s[^<>]{0,60})?/?>|<!--[^>]{0,60}-->){1,4}(?=[\w.-])`;
// A run of backslashes is read from its beginning only, so that the time does not grow with its square.
const common = new RegExp(
  [
    `%u${hexDigit}{4}`,
    `(?:%${hexDigit}{2})+`,
    String.raw`(?<!\\)\\+u\{0{0,4}${hexDigit}{1,6}\}`,
    String.raw`(?<!\\)\\+u${hexDigit}{4}`,
    String.raw`(?<!\\)\\+U${hexDigit}{8}`,
    String.raw`(?<!\\)\\+[x']${hexDigit}{2}`,
    String.raw`(?<!\\)\\+[0-7]{3}`,
    String.raw`\\0{0,4}${hexDigit}{2} `,
    String.raw`(?<!\\)\\+[nrtbfv]`,
    String.raw`[Uu]\+${hexDigit}{4,6}(?: (?=[Uu]\+))?`,
    String.raw`\b[cC][hH]r?[rR]?\((?:0[xX]${hexDigit}{2}|\d{2,3})\)`,
    `&#[xX]0{0,6}${hexDigit}{1,6};?`,
    String.raw`&#0{0,6}\d{1,7};?`,
    "&[a-zA-Z]{2,14};",
    String.raw`\x1B\[[0-9;]{0,12}m`,
    String.raw`[^\n]\x08`,
    markup,
  ].join("|"),
  "g",
);
const quotedPrintable = /(?:=[0-9A-F]{2})+|=[ \t]*\r?\n/gi;

/** Names of characters that tokens and orders are written with, and of those that no one sees. */
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

/** What escapes of one letter stand for. */
const blanks: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f", v: "\v" };

function characterOf(found: string): string | undefined {
  switch (found[0]) {
    case "%":
      return found[1] === "u" ? characterAt(Number.parseInt(found.slice(2), 16)) : bytesOf(found);
    case "&": {
      if (found[1] !== "#") return names[found.slice(1, -1).toLowerCase()];
      const number = found.slice(2).replace(";", "");
      return characterAt(/^x/i.test(number) ? Number.parseInt(number.slice(1), 16) : Number.parseInt(number, 10));
    }
    case "<":
    case "\x1B":
      return "";
    case "c":
    case "C": {
      const number = found.slice(found.indexOf("(") + 1, -1);
      return characterAt(Number(number));
    }
    case "u":
    case "U":
      return characterAt(Number.parseInt(found.slice(2), 16));
    default: {
      if (found.endsWith("\b")) return "";
      const body = found.replace(/^\\+/, "");
      const blank = blanks[body];
      if (blank !== undefined) return blank;
      if (/^[0-7]{3}$/.test(body)) return characterAt(Number.parseInt(body, 8));
      return characterAt(Number.parseInt(body.replace(/^[uUx'{]{0,2}/, ""), 16));
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
